"""Interrupted and diverged jobs: carried on with the inputs they started from, anew with other ones, or named."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from off2on.data.dataset import read_dataset, write_dataset
from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.methods import get_algorithm, get_method
from off2on.training.evaluate import Averages
from off2on.training.finetune import FinetuneJob, Start, finetune
from off2on.training.pretrain import PretrainJob, pretrain
from off2on.training.rundir import STATE, RunDirectory
from tests.unit.test_finetune import SETTINGS, offline_start

SHORT = {"steps": 6, "batch": 8}
SMALL = SETTINGS.model_copy(
    update={
        "offline": SETTINGS.offline.model_copy(update={"evaluate_every": 3, "eval_episodes": 1}),
        "fqe": SETTINGS.fqe.model_copy(update=SHORT),
    }
)
TUNING = FinetuneJob("micro", "local", "hopper", "random", get_method("sac-ft"), 0, SMALL)
TRAINING = PretrainJob("micro", "local", "hopper", "random", get_algorithm("fqe"), 0, SMALL)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """A dataset and CQL agents, which both jobs start from."""
    return offline_start("cql", tmp_path)


def work(job: FinetuneJob | PretrainJob, start: Start, out: Path) -> dict[str, Any]:
    """Do the job, or carry on with it, and read its run.json."""
    if isinstance(job, FinetuneJob):
        finetune(job, start, out, checkpoint_seconds=0)
    else:
        pretrain(job, start.data, start.agents, out, checkpoint_seconds=0)
    info: dict[str, Any] = json.loads((out / "run.json").read_text())
    return info


def interrupt(job: FinetuneJob | PretrainJob, start: Start, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
            work(job, start, out)
    assert (out / STATE).is_file()


def change(path: Path) -> None:
    """Other contents of the same shapes."""
    if path.suffix == ".hdf5":
        dataset = read_dataset(path)
        write_dataset(path, replace(dataset, rewards=dataset.rewards + 1))
    else:
        save_file({name: tensor + 0.01 for name, tensor in load_file(path).items()}, path)


@pytest.mark.parametrize("job", [TUNING, TRAINING], ids=["finetune", "pretrain"])
def test_the_same_inputs_are_carried_on(
    job: FinetuneJob | PretrainJob, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(job, start, tmp_path / "broken", monkeypatch)
    info, whole = work(job, start, tmp_path / "broken"), work(job, start, tmp_path / "whole")
    assert len(info["sessions"]) == 2
    assert info["parents"] == whole["parents"]
    assert sha256(tmp_path / "broken/agent.safetensors") == sha256(tmp_path / "whole/agent.safetensors")


def test_other_words_for_a_method_are_no_other_settings(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(TUNING, start, tmp_path / "run", monkeypatch)
    words = {"label": "Other", "description": "in other words"}
    info = work(replace(TUNING, method=replace(TUNING.method, **words)), start, tmp_path / "run")
    assert len(info["sessions"]) == 2
    method = TUNING.method
    numbers = {"sampler": method.sampler, "objective": method.objective, "offline": method.offline, "members": 1}
    assert info["method_settings"] == words | numbers


@pytest.mark.parametrize("job", [TUNING, TRAINING], ids=["finetune", "pretrain"])
@pytest.mark.parametrize("changed", ["dataset", "agents"])
def test_changed_inputs_start_anew(
    job: FinetuneJob | PretrainJob,
    changed: str,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt(job, start, tmp_path / "broken", monkeypatch)
    agents = start.agents / "agent.safetensors"
    change(start.data if changed == "dataset" else agents)
    info, whole = work(job, start, tmp_path / "broken"), work(job, start, tmp_path / "whole")
    assert "inputs changed since the interruption: starting anew" in capsys.readouterr().err
    assert info["parents"] == {"dataset": sha256(start.data), "agents": sha256(agents)}
    assert info["dataset_sha256"] == info["parents"]["dataset"]
    assert (len(info["sessions"]), info["config_hash"]) == (1, whole["config_hash"])
    assert sha256(tmp_path / "broken/agent.safetensors") == sha256(tmp_path / "whole/agent.safetensors")


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (TUNING, r"sac-ft hopper/random seed 0, step 50: .* section 'online'"),
        (replace(TUNING, method=get_method("cql-reg")), r"cql-reg .*, step 50: .* section 'online'"),
        (replace(TUNING, method=get_method("awac")), r"awac .*, step 10: .* section 'awac'"),
        (replace(TUNING, method=get_method("bcq-ft")), r"bcq-ft .*, step 10: .* section 'bcq'"),
        (TRAINING, r"fqe hopper/random seed 0, step 3: .* section 'fqe'"),
    ],
    ids=["sac-ft", "cql-reg", "awac", "bcq-ft", "fqe"],
)
def test_divergence_names_job_step_and_section(
    job: FinetuneJob | PretrainJob, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = job.method.offline if isinstance(job, FinetuneJob) else job.algorithm.start
    assert agents is not None
    start, add = offline_start(agents, tmp_path), Averages.add
    monkeypatch.setattr(Averages, "add", lambda own, metrics: add(own, metrics | {"q_mean": torch.tensor(np.nan)}))
    with pytest.raises(Off2OnError, match=told):
        work(job, start, tmp_path / "out")
