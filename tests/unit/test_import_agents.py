"""The authors' published agents: read without running code, with the values of their files."""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear, relu

from off2on.agents.sac import EnsembleAgent
from off2on.algorithms.sac import Sac
from off2on.config import Network
from off2on.envs.rollout import Floats, Rollout
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.nn.state import Nets
from off2on.paths import Layout
from off2on.results.directory import validate
from off2on.settings import Settings
from off2on.training.agents import load_members, stored_agents
from off2on.training.import_agents import import_agents, read_published

REPOSITORY = Path(__file__).resolve().parents[2]
PUBLISHED = Path(os.environ.get("OFF2ON_PUBLISHED_AGENTS", REPOSITORY.parent / "shared" / "published_agents"))
SEEDS = (0, 12, 4)  # sorted by name, not by number
ORDER = (0, 4, 12)


#: observations, hidden layers, actions of the made-up agents
SMALL = (5, (8, 6), 2)


def network(seed: int, sizes: tuple[int, ...], heads: dict[str, int]) -> dict[str, Tensor]:
    """Weights (out, in) as the authors' files have them."""
    generator = torch.Generator().manual_seed(seed)
    layers = {f"fc{j}": pair for j, pair in enumerate(pairwise(sizes))}
    layers |= {name: (sizes[-1], size) for name, size in heads.items()}
    weights: dict[str, Tensor] = {}
    for name, (inner, outer) in layers.items():
        weights[f"{name}.weight"] = torch.randn(outer, inner, generator=generator)
        weights[f"{name}.bias"] = torch.randn(outer, generator=generator)
    return weights


def networks(seed: int, sizes: tuple[int, tuple[int, ...], int] = SMALL) -> dict[str, dict[str, Tensor]]:
    """The three files of one agent."""
    observation, hidden, action = sizes
    return {
        "actor": network(3 * seed, (observation, *hidden), {"last_fc": action, "last_fc_log_std": action}),
        "critic1": network(3 * seed + 1, (observation + action, *hidden), {"last_fc": 1}),
        "critic2": network(3 * seed + 2, (observation + action, *hidden), {"last_fc": 1}),
    }


def publish(directory: Path, sizes: tuple[int, tuple[int, ...], int] = SMALL) -> Path:
    """Files of agents as the authors wrote them."""
    for seed in SEEDS:
        member = directory / f"walker-v0_seed{seed}"
        member.mkdir(parents=True)
        for name, weights in networks(seed, sizes).items():
            torch.save(weights, member / f"{name}_100.pt", _use_new_zipfile_serialization=False)
    (directory / "README.md").write_text("not an agent")
    return directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return publish(tmp_path)


def plain(weights: dict[str, Tensor], x: Tensor, last: str) -> Tensor:
    for j in range(2):
        x = relu(linear(x, weights[f"fc{j}.weight"], weights[f"fc{j}.bias"]))
    return linear(x, weights[f"{last}.weight"], weights[f"{last}.bias"])


def test_names_shapes_and_order(directory: Path) -> None:
    nets = read_published(directory)
    assert set(nets) == {"policy", "critic"}
    assert {name: tuple(value.shape) for name, value in nets["policy"].items()} == {
        "layer0.weight": (3, 5, 8),
        "layer0.bias": (3, 8),
        "layer1.weight": (3, 8, 6),
        "layer1.bias": (3, 6),
        "mean.weight": (3, 6, 2),
        "mean.bias": (3, 2),
        "log_std.weight": (3, 6, 2),
        "log_std.bias": (3, 2),
    }
    assert set(nets["critic"]) == {f"layer{j}.{kind}" for j in range(3) for kind in ("weight", "bias")}
    assert nets["critic"]["layer2.weight"].shape == (6, 6, 1)
    for i, seed in enumerate(ORDER):
        theirs = networks(seed)
        assert torch.equal(nets["policy"]["log_std.weight"][i], theirs["actor"]["last_fc_log_std.weight"].T)
        assert torch.equal(nets["critic"]["layer0.weight"][i], theirs["critic1"]["fc0.weight"].T)
        assert torch.equal(nets["critic"]["layer2.bias"][3 + i], theirs["critic2"]["last_fc.bias"])


def test_values_are_those_of_the_files(directory: Path) -> None:
    agent = EnsembleAgent(read_published(directory), Sac())
    observations, actions = torch.randn(9, 5), torch.rand(9, 2)
    theirs = [networks(seed) for seed in ORDER]
    means = torch.stack([plain(t["actor"], observations, "last_fc") for t in theirs])
    torch.testing.assert_close(agent.act(observations), torch.tanh(means.mean(0)))
    pairs = torch.cat([observations, actions], -1)
    q = torch.stack(
        [torch.minimum(*(plain(t[c], pairs, "last_fc") for c in ("critic1", "critic2"))) for t in theirs]
    )
    torch.testing.assert_close(agent.q(observations, actions), q[..., 0])


def test_imported_agents_can_be_fine_tuned_and_evaluated(tmp_path: Path) -> None:
    published, task = publish(tmp_path / "published", (17, (8, 8), 6)), get_task("halfcheetah")
    out = Layout("published", "local", tmp_path).pretrain("halfcheetah", "medium", "cql", 0)
    import_agents(published, out)
    nets, settings = read_published(published), Settings(network=Network(width=8, depth=2))
    found = load_members(out, 3, task, "cql", settings)
    assert {net: set(params) for net, params in found.items()} == {
        net: set(params) for net, params in nets.items()
    }
    assert all(torch.equal(found[net][name], value) for net in nets for name, value in nets[net].items())
    observations = torch.randn(4, 17)
    stored = stored_agents(out, task)
    assert len(stored.members) == 3
    torch.testing.assert_close(
        stored.ensemble.act(observations, None), EnsembleAgent(nets, Sac()).act(observations)
    )
    run = validate(out)
    assert (run.name, run.info["members"], run.rows[-1]["eval_episodes"]) == ("cql", 3, 15)


class Evil:
    """A pickle that creates a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_a_pickle_with_code_is_refused_and_does_not_run(directory: Path) -> None:
    target = directory / "ran"
    path = directory / "walker-v0_seed4" / "critic1_100.pt"
    torch.save({"fc0.weight": Evil(target)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(Off2OnError, match=r"seed4/critic1_100\.pt: not a torch file of plain weights"):
        read_published(directory)
    assert not target.exists()


def _save(name: str, content: Any) -> Callable[[Path], None]:
    return lambda member: torch.save(content, member / name)


def _edited(name: str, key: str, change: Callable[[Tensor], Tensor]) -> Callable[[Path], None]:
    weights = networks(4)[name]
    return lambda member: torch.save(weights | {key: change(weights[key])}, member / f"{name}_100.pt")


def _of_another_task(directory: Path) -> None:
    """Critics of two observations more than the actors have."""
    for member in directory.glob("*_seed*"):
        for name in ("critic1", "critic2"):
            torch.save(network(0, (9, 8, 6), {"last_fc": 1}), member / f"{name}_100.pt")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda m: (m / "actor_100.pt").unlink(), r"seed4: expected one file actor_<step>\.pt, found 0"),
        (_save("critic2_200.pt", {}), r"seed4: expected one file critic2_<step>\.pt, found 2"),
        (lambda m: (m / "actor_100.pt").write_bytes(b"text"), r"actor_100\.pt: not a torch file"),
        (lambda m: (m / "actor_100.pt").write_bytes(b""), r"actor_100\.pt: not a torch file"),
        (_save("actor_100.pt", [1, 2]), "not a dictionary of named tensors"),
        (_save("actor_100.pt", networks(4)["critic1"]), r"not a published policy; keys .* expected"),
        (_save("critic1_100.pt", networks(4)["actor"]), r"critic1_100\.pt: not a published critic"),
        (
            _save("critic1_100.pt", networks(4)["critic1"] | {"fc1.bias": torch.zeros(5)}),
            r"fc1 has shapes \(6, 8\), \(5,\)",
        ),
        (
            _save("critic2_100.pt", network(0, (7, 9, 6), {"last_fc": 1})),
            r"seed4: layer0\.weight has shape \(7, 9\)",
        ),
        (_edited("actor", "fc0.weight", lambda w: w * torch.nan), "fc0.weight holds NaN or infinite weights"),
        (_edited("actor", "fc0.weight", lambda w: w.to(torch.complex64)), "no dense tensor of real numbers"),
        (_edited("critic1", "fc0.bias", lambda w: w.to_sparse()), "no dense tensor of real numbers"),
        (_edited("critic1", "fc0.bias", lambda w: w.to("meta")), "no dense tensor of real numbers"),
        (_edited("critic1", "fc1.weight", lambda w: torch.cat([w, w], 1)), "in is what the layer before it gives"),
        (lambda m: (m.parent / "twin_seed4").mkdir(), "twin_seed4 and walker-v0_seed4 are both of seed 4"),
        (lambda m: _of_another_task(m.parent), "the critics take 9 inputs, the actors 5 observations"),
    ],
)
def test_what_does_not_fit_is_named(directory: Path, spoil: Callable[[Path], None], told: str) -> None:
    spoil(directory / "walker-v0_seed4")
    with pytest.raises(Off2OnError, match=told):
        read_published(directory)


def test_no_agents(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(Off2OnError, match="no published agents"):
            read_published(directory)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"the authors' agents are not at {PUBLISHED}")
@pytest.mark.slow
def test_the_published_agents_score_4300_to_4600() -> None:
    nets = read_published(PUBLISHED)
    agents = {"ensemble": nets} | {str(i): _member(nets, i) for i in range(5)}
    rollout = Rollout(get_task("halfcheetah"), 5)
    scores = {name: _score(EnsembleAgent(part, Sac()), rollout) for name, part in agents.items()}
    assert all(4300 <= score <= 4600 for score in scores.values()), scores


def _member(nets: Nets, i: int) -> Nets:
    rows = {"policy": [i], "critic": [i, i + len(nets["policy"]["mean.bias"])]}
    return {
        net: {name: value[rows[net]].clone() for name, value in params.items()} for net, params in nets.items()
    }


def _score(agent: EnsembleAgent, rollout: Rollout) -> float:
    def act(observations: Floats) -> Floats:
        return agent.act(torch.from_numpy(observations)).numpy()

    return float(np.mean([episode.total for episode in rollout.episodes(act, list(range(5)))]))
