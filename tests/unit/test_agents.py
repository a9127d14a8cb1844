"""Reading the agents of a directory: which members, how they act, and the errors where they do not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from off2on.agents.interface import agent_module
from off2on.algorithms import OFFLINE
from off2on.config import Network
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.methods import METHODS
from off2on.nn.state import Nets
from off2on.training.agents import load_members, stored_agents
from off2on.training.pretrain import pretrain
from tests.unit.small import HOPPER, SETTINGS, fresh_nets, training, tuning, write_agents, write_directory

OBSERVATIONS = torch.randn(6, 11, generator=torch.Generator().manual_seed(0))


def members(directory: Path, count: int, task: str = "hopper", network: tuple[int, int] = (8, 2)) -> Nets:
    width, depth = network
    settings = SETTINGS.model_copy(update={"network": Network(width=width, depth=depth)})
    return load_members(directory, count, get_task(task), "cql", settings)


def written(directory: Path, **record: Any) -> Path:
    """Three CQL agents."""
    return write_directory(directory, training("cql"), fresh_nets("cql", members=3), **{"members": 3} | record)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return written(tmp_path)


def test_fewer_members_are_the_first_ones(directory: Path) -> None:
    whole, two = members(directory, 3), members(directory, 2)
    assert torch.equal(two["policy"]["mean.weight"], whole["policy"]["mean.weight"][:2])
    twins = whole["critic"]["layer0.weight"].view(2, 3, 14, 8)
    assert torch.equal(two["critic"]["layer0.weight"], torch.cat([twins[0, :2], twins[1, :2]]))


@pytest.mark.parametrize(
    ("count", "task", "network", "message"),
    [
        (4, "hopper", (8, 2), "holds 3 members, the run needs 4"),
        (2, "halfcheetah", (8, 2), "task is 'hopper', but agents with 'halfcheetah' are needed"),
        (2, "hopper", (16, 2), r"has shape .* expected .*check `network`"),
        (2, "hopper", (8, 3), r"layer2\.bias has shape None"),
    ],
)
def test_agents_that_do_not_fit_are_named(
    directory: Path, count: int, task: str, network: tuple[int, int], message: str
) -> None:
    with pytest.raises(Off2OnError, match=message):
        members(directory, count, task, network)


def test_the_number_of_members_is_that_of_the_record(tmp_path: Path) -> None:
    written(tmp_path, members=2)
    with pytest.raises(Off2OnError, match="holds 2 members, the run needs 3"):
        members(tmp_path, 3)
    with pytest.raises(Off2OnError, match=r"policy/layer0\.bias has shape \(3, 8\), expected \(2, 8\)"):
        members(tmp_path, 1)


def test_missing_and_damaged_weights_are_named(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match="is missing; make them"):
        members(tmp_path / "nowhere", 1)
    path = directory / "agent.safetensors"
    for content in (path.read_bytes()[:-8], b"half"):
        path.write_bytes(content)
        with pytest.raises(Off2OnError, match=r"agent\.safetensors is not an agent file"):
            members(directory, 2)


def test_a_missing_record_is_named(directory: Path) -> None:
    (directory / "run.json").unlink()
    with pytest.raises(Off2OnError, match=r"run\.json is missing; make them with `off2on pretrain`"):
        members(directory, 1)


@pytest.mark.parametrize(
    "content",
    ["", "[1]", "{}", '{"kind": "pretrain"}', '{"kind": "pretrain", "algorithm": "cql", "members": "few"}'],
)
def test_a_damaged_record_is_named(directory: Path, content: str) -> None:
    (directory / "run.json").write_text(content)
    for read in (lambda: members(directory, 1), lambda: stored_agents(directory, HOPPER)):
        with pytest.raises(Off2OnError, match=r"run\.json"):
            read()


def test_settings_of_a_record_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    written(tmp_path, settings={"offline": {"steps": 3}})
    with pytest.raises(Off2OnError, match=r"run\.json: settings cannot be read: .*\n.*offline"):
        stored_agents(tmp_path, HOPPER)


@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize("algorithm", OFFLINE)
def test_stored_members_act_as_the_members_that_were_trained(
    tmp_path: Path, algorithm: str, explore: bool
) -> None:
    write_agents(tmp_path, algorithm)
    trained = agent_module(algorithm).offline_agent(fresh_nets(algorithm), SETTINGS)
    found = stored_agents(tmp_path, HOPPER).members
    assert len(found) == 2
    acted = []
    for i, agent in enumerate(found):
        noise = agent.acting_noise(np.random.default_rng(0), len(OBSERVATIONS), explore=explore)
        acted.append(agent.act(OBSERVATIONS, noise))
        torch.testing.assert_close(acted[i], trained.act(OBSERVATIONS, noise, i))
    assert not torch.allclose(*acted)


@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize("method", ["ours", "cql-reg", "awac", "bcq-ft"])
def test_the_stored_agents_of_a_run_act_as_its_ensemble(tmp_path: Path, method: str, explore: bool) -> None:
    algorithm = METHODS[method].online
    trained = agent_module(algorithm).online_agent(fresh_nets(algorithm), SETTINGS)
    # a run keeps all networks of its agent, with targets and temperature
    write_directory(tmp_path, tuning(method), trained.nets)
    found = stored_agents(tmp_path, HOPPER)
    noise = trained.acting_noise(np.random.default_rng(0), len(OBSERVATIONS), explore=explore)
    together = found.ensemble.act(OBSERVATIONS, noise)
    torch.testing.assert_close(together, trained.act(OBSERVATIONS, noise))
    assert len(found.members) == 2
    for agent in found.members:
        noise = agent.acting_noise(np.random.default_rng(0), len(OBSERVATIONS), explore=explore)
        assert not torch.allclose(agent.act(OBSERVATIONS, noise), together)


@pytest.mark.parametrize("algorithm", OFFLINE)
def test_stored_agents_of_another_task_are_named(tmp_path: Path, algorithm: str) -> None:
    write_agents(tmp_path, algorithm)
    with pytest.raises(Off2OnError, match="task is 'hopper', but agents with 'walker2d' are needed"):
        stored_agents(tmp_path, get_task("walker2d"))


@pytest.mark.parametrize(("algorithm", "agents"), [("cql", Path("agents")), ("fqe", None)])
def test_an_algorithm_starts_from_agents_or_it_does_not(
    tmp_path: Path, algorithm: str, agents: Path | None
) -> None:
    with pytest.raises(Off2OnError, match=f"algorithm '{algorithm}' starts from"):
        pretrain(training(algorithm), tmp_path / "none.hdf5", agents, tmp_path / "out")
    assert not (tmp_path / "out").exists()
