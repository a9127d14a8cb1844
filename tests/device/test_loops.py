"""Whole jobs as a GPU runs them, on the CPU: blocks of numbers, the tree of blocks, steps that are replays.

What they write is what they write on the CPU, bit for bit, so nothing that a step depends on is left out of the
block, moves, or is a Python number that changes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from off2on.agents.iql import IqlAgents
from off2on.algorithms import OFFLINE
from off2on.jobs import FinetuneJob
from off2on.methods import METHODS
from off2on.replay import balanced
from off2on.replay.blocktree import BlockTree
from off2on.replay.store import TransitionStore
from off2on.training import replayed
from off2on.training.finetune import finetune
from off2on.training.pretrain import pretrain
from off2on.training.rundir import Handling, RunDirectory
from tests.device.tape import capture
from tests.unit.small import SETTINGS, inputs_of, training, tuning, with_settings, write_agents, write_data

#: phases, evaluations and epochs end inside of blocks and at their ends
BLOCK = 4


class Captures:
    """Counts what was captured."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, step: Callable[[], None]) -> Callable[[], None]:
        self.count += 1
        return capture(step)


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Captures]:
    """Turns the CPU into a device that captures; returns what counts its captures."""

    def turn() -> Captures:
        found = Captures()
        monkeypatch.setattr(replayed, "capturing", lambda device: found)
        monkeypatch.setattr(replayed, "BLOCK_STEPS", BLOCK)
        monkeypatch.setattr(balanced, "make_tree", BlockTree)
        return found

    return turn


def written(directory: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    rows = pd.read_csv(directory / "progress.csv").drop(columns="wall_seconds")
    return rows, load_file(directory / "agent.safetensors")


def assert_same(one: Path, other: Path) -> None:
    (rows, nets), (others, other_nets) = written(one), written(other)
    pd.testing.assert_frame_equal(rows, others, check_exact=True)
    assert nets.keys() == other_nets.keys()
    assert all(torch.equal(nets[name], other_nets[name]) for name in nets)


@pytest.mark.parametrize("algorithm", OFFLINE)
def test_a_pre_training_in_replays_is_the_one_of_the_cpu(
    algorithm: str, captures: Callable[[], Captures], tmp_path: Path
) -> None:
    job = training(algorithm)
    section = {str(job.phase.steps).split(".")[0]: {str(job.phase.steps).split(".")[1]: 14}}
    if algorithm == "cql":
        section["cql"] |= {"bc_steps": 6}
    job = with_settings(job, **section)
    data = write_data(tmp_path / "data.hdf5")
    agents = write_agents(tmp_path / "agents", job.algorithm.start) if job.algorithm.start else None
    pretrain(job, data, agents, tmp_path / "cpu")
    found = captures()
    pretrain(job, data, agents, tmp_path / "device")
    # CQL clones first
    assert found.count == (2 if algorithm == "cql" else 1)
    assert_same(tmp_path / "cpu", tmp_path / "device")


#: one method for each pair of algorithm and sampler, with or without data
PAIRS = {
    (m.online, m.sampler, m.offline): name for name, m in METHODS.items() if m.size(SETTINGS) <= SETTINGS.members
}


@pytest.mark.parametrize("method", PAIRS.values())
def test_a_run_in_replays_is_the_one_of_the_cpu(
    method: str, captures: Callable[[], Captures], tmp_path: Path
) -> None:
    job: FinetuneJob = tuning(method)
    inputs = inputs_of(job, tmp_path)
    finetune(job, inputs, tmp_path / "cpu")
    found = captures()
    finetune(job, inputs, tmp_path / "device")
    assert found.count == 1
    assert_same(tmp_path / "cpu", tmp_path / "device")


@pytest.mark.parametrize("saves", [2, 9, 14])
def test_a_run_in_replays_that_is_interrupted_goes_on_as_if_it_were_not(
    saves: int, captures: Callable[[], Captures], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, often = tuning("ours"), Handling(checkpoint_seconds=0)
    inputs = inputs_of(job, tmp_path)
    finetune(job, inputs, tmp_path / "whole")
    captures()
    left, save = iter(range(saves)), RunDirectory.save_state

    def interrupted(run: RunDirectory, *state: Any) -> None:
        save(run, *state)
        if next(left, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "save_state", interrupted)
        with pytest.raises(KeyboardInterrupt):
            finetune(job, inputs, tmp_path / "run", often)
    finetune(job, inputs, tmp_path / "run", often)
    assert_same(tmp_path / "whole", tmp_path / "run")


def test_a_store_that_moves_when_it_grows_is_found_out(
    captures: Callable[[], Captures], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tuning("uniform")
    inputs = inputs_of(job, tmp_path)
    captures()
    monkeypatch.setattr(TransitionStore, "reserve", lambda *_: None)
    monkeypatch.setattr(TransitionStore, "_fit", TransitionStore._grow)
    # rows that were appended elsewhere are drawn
    with pytest.raises(IndexError):
        finetune(job, inputs, tmp_path / "device")


def test_a_branch_that_the_phase_does_not_tell_is_found_out(
    captures: Callable[[], Captures], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = with_settings(training("iql"), iql={"steps": 14})
    data = write_data(tmp_path / "data.hdf5")
    stages = IqlAgents.stages

    def branching(agent: IqlAgents, batch: Any, noise: None) -> Any:
        return stages(agent, batch._replace(rewards=batch.rewards * (2 if agent.steps > 8 else 1)), noise)

    monkeypatch.setattr(IqlAgents, "stages", branching)
    pretrain(job, data, None, tmp_path / "cpu")
    captures()
    pretrain(job, data, None, tmp_path / "device")
    with pytest.raises(AssertionError):
        assert_same(tmp_path / "cpu", tmp_path / "device")
