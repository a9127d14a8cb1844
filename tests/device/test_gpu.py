"""What only a GPU can show; without one these tests are skipped, and the emulator says what can be said."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from off2on.algorithms import OFFLINE
from off2on.config import REPOSITORY
from off2on.nn.device import use_device
from off2on.training import replayed
from off2on.training.finetune import finetune
from off2on.training.pretrain import pretrain
from off2on.training.rundir import Handling, RunDirectory
from tests.device.test_loops import PAIRS, assert_same, written
from tests.unit.small import inputs_of, training, tuning, write_agents, write_data

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture(scope="module")
def gpu() -> torch.device:
    return use_device("cuda")


def trained(algorithm: str, directory: Path, out: str, device: torch.device) -> Path:
    job = training(algorithm)
    data = write_data(directory / "data.hdf5")
    agents = write_agents(directory / "agents", job.algorithm.start) if job.algorithm.start else None
    pretrain(job, data, agents, directory / out, device=device)
    return directory / out


@pytest.mark.parametrize("file", ["awac", "bcq", "cql", "finetune"])
def test_golden_steps_are_the_same_there(file: str) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-n", "0", f"tests/golden/test_{file}.py"]
    done = subprocess.run(words, cwd=REPOSITORY, env=os.environ | {"OFF2ON_TEST_DEVICE": "cuda"}, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("algorithm", OFFLINE)
def test_a_pre_training_repeats_itself_and_its_graph_is_what_it_captured(
    algorithm: str, gpu: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trained(algorithm, tmp_path, "first", gpu)
    assert_same(first, trained(algorithm, tmp_path, "again", gpu))
    monkeypatch.setattr(replayed, "PLAIN_STEPS", 10**9)
    assert_same(first, trained(algorithm, tmp_path, "plain", gpu))


@pytest.mark.parametrize("method", PAIRS.values())
def test_a_run_repeats_itself_and_its_graph_is_what_it_captured(
    method: str, gpu: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tuning(method)
    inputs = inputs_of(job, tmp_path)
    for out in ("first", "again"):
        finetune(job, inputs, tmp_path / out, device=gpu)
    assert_same(tmp_path / "first", tmp_path / "again")
    monkeypatch.setattr(replayed, "PLAIN_STEPS", 10**9)
    finetune(job, inputs, tmp_path / "plain", device=gpu)
    assert_same(tmp_path / "first", tmp_path / "plain")


@pytest.mark.parametrize("algorithm", OFFLINE)
def test_a_pre_training_is_near_that_of_the_cpu(algorithm: str, gpu: torch.device, tmp_path: Path) -> None:
    cpu, device = (
        trained(algorithm, tmp_path, "cpu", torch.device("cpu")),
        trained(algorithm, tmp_path, "gpu", gpu),
    )
    (_, nets), (_, others) = written(cpu), written(device)
    for name, value in nets.items():
        torch.testing.assert_close(others[name], value, rtol=1e-3, atol=1e-4)


def test_a_run_that_is_interrupted_goes_on_as_if_it_were_not(
    gpu: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, often = tuning("ours"), Handling(checkpoint_seconds=0)
    inputs = inputs_of(job, tmp_path)
    monkeypatch.setattr(replayed, "BLOCK_STEPS", 4)
    finetune(job, inputs, tmp_path / "whole", device=gpu)
    left, save = iter(range(9)), RunDirectory.save_state

    def interrupted(run: RunDirectory, *state: Any) -> None:
        save(run, *state)
        if next(left, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "save_state", interrupted)
        with pytest.raises(KeyboardInterrupt):
            finetune(job, inputs, tmp_path / "run", often, gpu)
    finetune(job, inputs, tmp_path / "run", often, gpu)
    assert_same(tmp_path / "whole", tmp_path / "run")
