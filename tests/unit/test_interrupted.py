"""Interrupted jobs resume with the inputs they started from and restart with others; diverged jobs are named."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from off2on.data.dataset import read_dataset, write_dataset
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.jobs import FinetuneJob, Job
from off2on.training.evaluate import Averages
from off2on.training.finetune import Inputs, finetune
from off2on.training.pretrain import pretrain
from off2on.training.rundir import STATE, Handling, RunDirectory
from tests.unit.small import training, tuning, with_settings, write_agents, write_data

TUNING = tuning("sac-ft")
TRAINING = with_settings(training("fqe"), fqe={"steps": 6})
BOTH = pytest.mark.parametrize("job", [TUNING, TRAINING], ids=["finetune", "pretrain"])


def written(directory: Path, algorithm: str = "cql") -> Inputs:
    """A dataset and agents."""
    return Inputs(write_data(directory / "data.hdf5"), write_agents(directory / "agents", algorithm))


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """A dataset and CQL agents, which both jobs start from."""
    return written(tmp_path)


EAGER = Handling(checkpoint_seconds=0)


def work(job: Job, inputs: Inputs, out: Path, handling: Handling = EAGER) -> dict[str, Any]:
    """Do the job, or resume it, and read its run.json."""
    if isinstance(job, FinetuneJob):
        finetune(job, inputs, out, handling)
    elif inputs.data is not None:
        pretrain(job, inputs.data, inputs.agents, out, handling)
    info: dict[str, Any] = json.loads((out / "run.json").read_text())
    return info


def interrupt(job: Job, inputs: Inputs, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the job at its third checkpoint."""
    saved = []
    save_state = RunDirectory.save_state

    def save_and_stop(*state: Any) -> None:
        save_state(*state)
        saved.append(state)
        if len(saved) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "save_state", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            work(job, inputs, out)
    assert (out / STATE).is_file()


def change(path: Path) -> None:
    """Other contents of the same shapes."""
    if path.suffix == ".hdf5":
        dataset = read_dataset(path)
        write_dataset(path, replace(dataset, rewards=dataset.rewards + 1))
    else:
        save_file({name: tensor + 0.01 for name, tensor in load_file(path).items()}, path)


@BOTH
def test_with_the_same_inputs_a_job_is_resumed(
    job: Job, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(job, inputs, tmp_path / "broken", monkeypatch)
    info, whole = work(job, inputs, tmp_path / "broken"), work(job, inputs, tmp_path / "whole")
    assert len(info["sessions"]) == 2
    assert info["parents"] == whole["parents"]
    assert sha256(tmp_path / "broken/agent.safetensors") == sha256(tmp_path / "whole/agent.safetensors")


def test_a_method_in_other_words_is_resumed(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(TUNING, inputs, tmp_path / "run", monkeypatch)
    words = {"label": "Other", "description": "in other words"}
    info = work(replace(TUNING, method=replace(TUNING.method, **words)), inputs, tmp_path / "run")
    assert len(info["sessions"]) == 2
    assert info["method_settings"] == words | {
        "sampler": "uniform",
        "objective": "sac",
        "offline": "cql",
        "data": True,
        "members": 1,
        "batch": TUNING.batch,
        "longer_first_epoch": True,
        "balanced": False,
    }


@BOTH
@pytest.mark.parametrize("changed", ["dataset", "agents"])
def test_with_other_inputs_a_job_starts_again(
    job: Job,
    changed: str,
    inputs: Inputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt(job, inputs, tmp_path / "broken", monkeypatch)
    assert inputs.data is not None
    assert inputs.agents is not None
    agents = inputs.agents / "agent.safetensors"
    change(inputs.data if changed == "dataset" else agents)
    info, whole = work(job, inputs, tmp_path / "broken"), work(job, inputs, tmp_path / "whole")
    assert "inputs changed since the interruption: starting again" in capsys.readouterr().err
    assert info["parents"] == {"dataset": sha256(inputs.data), "agents": sha256(agents)}
    assert info["dataset_sha256"] == info["parents"]["dataset"]
    assert (len(info["sessions"]), info["config_hash"]) == (1, whole["config_hash"])
    assert sha256(tmp_path / "broken/agent.safetensors") == sha256(tmp_path / "whole/agent.safetensors")


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (TUNING, r"sac-ft hopper/random seed 0, step 50: .* section 'sac'"),
        (tuning("cql-reg"), r"cql-reg .*, step 50: .* section 'sac'"),
        (tuning("awac"), r"awac .*, step 10: .* section 'awac'"),
        (tuning("bcq-ft"), r"bcq-ft .*, step 10: .* section 'bcq'"),
        (TRAINING, r"fqe hopper/random seed 0, step 3: .* section 'fqe'"),
    ],
    ids=["sac-ft", "cql-reg", "awac", "bcq-ft", "fqe"],
)
def test_divergence_names_job_step_and_section(
    job: Job, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = job.method.start if isinstance(job, FinetuneJob) else job.algorithm.start
    assert start is not None
    inputs, add = written(tmp_path, start), Averages.add
    monkeypatch.setattr(Averages, "add", lambda own, metrics: add(own, metrics | {"q_mean": torch.tensor(np.nan)}))
    with pytest.raises(Off2OnError, match=told):
        work(job, inputs, tmp_path / "out")


@BOTH
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": 1}, r"seed 0 \(now 1\)\. Train"),
        ({"dataset": "medium"}, r"dataset 'random' \(now 'medium'\)\. Train"),
        ({"source": "d4rl-v2"}, r"source 'local' \(now 'd4rl-v2'\)\. Train"),
        (
            {"task": get_task("walker2d")},
            r"task 'hopper' \(now 'walker2d'\), config_hash '\w+' \(now '\w+'\)\. Train",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_the_directory_of_a_finished_job_is_refused_to_another(
    job: Job, changes: dict[str, Any], told: str, inputs: Inputs, tmp_path: Path
) -> None:
    work(job, inputs, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(Off2OnError, match=rf"out holds a finished run with other settings: {told}"):
        work(replace(job, **changes), inputs, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    # the same job finds its work done
    work(job, inputs, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
