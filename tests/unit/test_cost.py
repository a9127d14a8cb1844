"""The cost of an ensemble: the loop computes what the batched agent computes; the files say what was timed."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor

from off2on.agents.sac import EnsembleAgent, SacNoise, init_agent, sac_gradients
from off2on.algorithms.sac import Sac
from off2on.analysis.tables import COST_COLUMNS
from off2on.data.batch import Batch
from off2on.files import write_text
from off2on.nn.mlp import Params
from off2on.nn.state import Nets
from off2on.scale import Cost, load_scale
from off2on.seeding import stream
from off2on.training.cost import Bench, LoopAgent, Sizes, measure_cost

MEMBERS = 3
SIZES = Sizes(5, 2, (16, 16), 32)


def fresh() -> Nets:
    """Networks whose last layers are large enough for Q-values and actions to differ between members."""
    nets = init_agent(SIZES.observation, SIZES.action, SIZES.widths, [stream("test", i) for i in range(MEMBERS)])
    for params, names in (
        (nets["critic"], ["layer2.weight"]),
        (nets["policy"], ["mean.weight", "log_std.weight"]),
    ):
        for name in names:
            params[name] *= 300
    return nets


def minibatch() -> tuple[Batch, SacNoise]:
    bench = Bench("batched", 1, SIZES)
    terminals = torch.zeros(SIZES.batch)
    terminals[::4] = 1.0
    return bench.batch._replace(terminals=terminals), bench.noise


def stacked(networks: Params, name: str) -> Tensor:
    """A parameter of all networks, `[E, ...]`, from the loop's names."""
    count = len([key for key in networks if key.endswith(f"/{name}")])
    return torch.stack([networks[f"{i}/{name}"] for i in range(count)])


def test_loop_and_batched_have_the_same_gradients() -> None:
    batched, loop = EnsembleAgent(fresh(), Sac()), LoopAgent(fresh(), Sac())
    expected, _ = sac_gradients(batched.nets, *minibatch(), 0.99)
    gradients = loop.gradients(*minibatch())
    assert gradients.keys() == expected.keys()
    for net in ("policy", "critic"):
        found = dict(zip(loop.nets[net], gradients[net], strict=True))
        for name, wanted in zip(batched.nets[net], expected[net], strict=True):
            torch.testing.assert_close(stacked(found, name), wanted, rtol=1e-4, atol=1e-6)
            assert wanted.abs().max() > 1e-4
    torch.testing.assert_close(gradients["temperature"][0], expected["temperature"][0])


def test_loop_and_batched_stay_together_over_updates() -> None:
    settings = Sac(policy_lr=1e-3, q_lr=1e-3, tau=0.1)
    batched, loop = EnsembleAgent(fresh(), settings), LoopAgent(fresh(), settings)
    batch, noise = minibatch()
    for _ in range(3):
        batched.update(batch, noise)
        loop.update(batch, noise)
    for net in ("policy", "critic", "target"):
        for name, wanted in batched.nets[net].items():
            torch.testing.assert_close(stacked(loop.nets[net], name), wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loop.log_alpha, batched.nets["temperature"]["log_alpha"])
    actions = batched.act(batch.observations, noise.policy)
    torch.testing.assert_close(loop.act(batch.observations, noise.policy), actions, rtol=1e-4, atol=1e-5)
    assert actions.std() > 0.1


def test_members_of_the_loop_share_no_memory_with_the_networks_given() -> None:
    nets = fresh()
    before = {name: value.clone() for name, value in nets["critic"].items()}
    LoopAgent(nets, Sac()).update(*minibatch())
    assert all(torch.equal(nets["critic"][name], value) for name, value in before.items())


def test_state_counts_parameters_moments_and_targets() -> None:
    def weights(*sizes: int) -> int:
        return sum((inner + 1) * outer for inner, outer in pairwise(sizes))

    policy, critic = weights(5, 16, 16) + 2 * weights(16, 2), 2 * weights(7, 16, 16, 1)
    # parameters and two moments; the critics have targets; temperature apart
    floats = 3 * MEMBERS * (policy + critic) + MEMBERS * critic + 3
    for name, tensors in (("batched", 8 + 6 + 1), ("loop", MEMBERS * (8 + 2 * 6) + 1)):
        # one step count a tensor; the agent of the project has one of its own, of 8 bytes
        own = 8e-6 if name == "batched" else 0.0
        assert Bench(name, MEMBERS, SIZES).state_mb == pytest.approx(4e-6 * (floats + tensors) + own)


def test_the_same_work_every_time() -> None:
    for name in ("batched", "loop"):
        first, second = Bench(name, 2, SIZES), Bench(name, 2, SIZES)
        first.step()
        second.step()
        found = second.agent.state()
        assert all(torch.equal(value, found[key]) for key, value in first.agent.state().items())


def test_the_files_of_a_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, micro_yaml: Path) -> None:
    scale = load_scale(str(micro_yaml)).model_copy(update={"cost": Cost(members=(1, 2), repeats=15)})
    path = tmp_path / "cost.csv"
    written: list[str] = []

    def spied(file: Path, text: str) -> None:
        written.append(file.name)
        write_text(file, text)

    monkeypatch.setattr("off2on.training.cost.write_text", spied)
    measure_cost(scale, path)
    assert written == ["cost.json", "cost.csv"]
    table = pd.read_csv(path)
    assert tuple(table.columns) == COST_COLUMNS
    assert table["members"].tolist() == [1, 1, 2, 2]
    assert table["implementation"].tolist() == ["batched", "loop"] * 2
    for what in ("step", "action"):
        low, middle, high = (table[f"{what}_ms{part}"] for part in ("_q25", "", "_q75"))
        assert (low > 0).all()
        assert (low <= middle).all()
        assert (middle <= high).all()
    assert (table["step_ms"] > table["action_ms"]).all()
    assert (table["peak_growth_mb"] >= 0).all()
    info = json.loads(path.with_suffix(".json").read_text())
    assert info["task"] == "halfcheetah"
    assert info["sizes"] == {"observation": 17, "action": 6, "widths": [16, 16], "batch": 16}
    assert (info["repeats"], info["threads"]) == (15, 1)
    assert {"cpu", "packages", "git_commit", "load_average_at_start"} <= info.keys()


def test_peak_memory_grows_at_least_by_the_state() -> None:
    from off2on.training.cost import _peak_growths

    sizes = replace(SIZES, widths=(512, 512))
    few, many = _peak_growths([("batched", 1), ("batched", 4)], sizes)
    state = Bench("batched", 4, sizes).state_mb
    assert state < many < 3 * state
    assert few < many / 2
