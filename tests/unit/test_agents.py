from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from off2on.agents import bcq
from off2on.agents.ensemble import init_agent
from off2on.config import Network, Settings
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.methods import get_algorithm
from off2on.nn.state import Nets, flatten
from off2on.training.agents import load_members, tanh_gaussian_policies
from off2on.training.pretrain import PretrainJob, pretrain


def members(directory: Path, count: int, task: str = "hopper", network: tuple[int, int] = (8, 2)) -> Nets:
    width, depth = network
    settings = Settings(network=Network(width=width, depth=depth))
    return load_members(directory, count, get_task(task), "cql", settings)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    nets = init_agent(11, 3, [8, 8], [np.random.default_rng(i) for i in range(3)])
    save_file(flatten(nets), tmp_path / "agent.safetensors")
    return tmp_path


def test_fewer_members_are_the_first_ones(directory: Path) -> None:
    whole, two = members(directory, 3), members(directory, 2)
    assert torch.equal(two["policy"]["mean.weight"], whole["policy"]["mean.weight"][:2])
    twins = whole["critic"]["layer0.weight"].view(2, 3, 14, 8)
    assert torch.equal(two["critic"]["layer0.weight"], torch.cat([twins[0, :2], twins[1, :2]]))


@pytest.mark.parametrize(
    ("count", "task", "network", "message"),
    [
        (4, "hopper", (8, 2), "holds 3 members, the run needs 4"),
        (2, "halfcheetah", (8, 2), r"policy/layer0\.weight has shape \(3, 11, 8\), expected \(3, 17, 8\)"),
        (2, "hopper", (16, 2), r"has shape .* expected .*check `network`"),
        (2, "hopper", (8, 3), r"layer2\.bias has shape None"),
    ],
)
def test_agents_that_do_not_fit_are_named(
    directory: Path, count: int, task: str, network: tuple[int, int], message: str
) -> None:
    with pytest.raises(Off2OnError, match=message):
        members(directory, count, task, network)


def test_a_truncated_file_is_named(directory: Path) -> None:
    path = directory / "agent.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(Off2OnError, match="is no agent file"):
        members(directory, 2)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match=r"agent\.safetensors is missing; make them"):
        members(tmp_path, 1)
    (tmp_path / "agent.safetensors").write_bytes(b"half")
    with pytest.raises(Off2OnError, match="is no agent file"):
        members(tmp_path, 1)


def test_agents_without_a_tanh_gaussian_policy_are_named(tmp_path: Path) -> None:
    settings = Settings.model_validate({"bcq": {"widths": [4, 4], "vae_widths": [4, 4]}})
    nets = bcq.init_nets(11, 3, settings, [np.random.default_rng(0)])
    save_file(flatten(nets), tmp_path / "agent.safetensors")
    with pytest.raises(Off2OnError, match="holds no tanh-Gaussian policies"):
        tanh_gaussian_policies(tmp_path, get_task("hopper"))


def test_policies_of_another_task_are_named(directory: Path) -> None:
    assert len(tanh_gaussian_policies(directory, get_task("hopper"))["mean.bias"]) == 3
    wrong = r"agent\.safetensors holds policies from 11 observations to 3 actions, task 'walker2d' has 17 and 6"
    with pytest.raises(Off2OnError, match=wrong):
        tanh_gaussian_policies(directory, get_task("walker2d"))


@pytest.mark.parametrize(("algorithm", "agents"), [("cql", Path("agents")), ("fqe", None)])
def test_an_algorithm_starts_from_agents_or_it_does_not(
    tmp_path: Path, algorithm: str, agents: Path | None
) -> None:
    job = PretrainJob("smoke", "local", "hopper", "random", get_algorithm(algorithm), 0, Settings())
    with pytest.raises(Off2OnError, match=f"algorithm '{algorithm}' starts from"):
        pretrain(job, tmp_path / "none.hdf5", agents, tmp_path / "out")
    assert not (tmp_path / "out").exists()
