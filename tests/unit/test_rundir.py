"""The directory of a job: its lock, its resume state, its outputs, and whose they are."""

import errno
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from off2on.errors import Off2OnError
from off2on.training import rundir
from off2on.training.rundir import STATE, Row, RunDirectory

IDENTITY = {"kind": "finetune", "source": "local", "task": "halfcheetah", "dataset": "medium", "method": "ours"}
IDENTITY |= {"seed": 0, "members": 2, "settings": {"network": {"width": 8}}}
ROWS: list[Row] = [{"env_steps": 0, "gradient_steps": 0, "return_mean": 1.5}]


def opened(path: Path, config_hash: str = "abc", **changes: object) -> RunDirectory:
    return RunDirectory(path, IDENTITY | changes, config_hash, wait=False, checkpoint_seconds=0)


def test_state_round_trip_is_exact(tmp_path: Path) -> None:
    tensors = {"x": torch.randn(3, 2), "step": torch.tensor(7)}
    position = {"step": 7, "rows": [{"return_mean": 0.1 + 0.2, "q_auroc": None}]}
    with opened(tmp_path) as run:
        assert run.load_state() is None
        run.save_state(tensors, position)
    with opened(tmp_path) as run:
        found = run.load_state()
    assert found is not None
    assert found[1] == position
    assert all(torch.equal(found[0][key], value) for key, value in tensors.items())


def test_outputs_end_the_run_and_drop_the_state(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.save_state({"x": torch.zeros(1)}, {})
        assert not run.complete()
        run.finish(ROWS, {"policy/w": torch.zeros(1)}, {"parents": {}})
        assert run.complete()
    assert not (tmp_path / STATE).exists()
    record = json.loads((tmp_path / "run.json").read_text())
    assert {key: record[key] for key in IDENTITY} == IDENTITY
    assert record["config_hash"] == "abc"


#: what another job differs in, and how the message names both
OTHERS = [
    ({"seed": 1}, "seed 0 (now 1)"),
    ({"dataset": "random"}, "dataset 'medium' (now 'random')"),
    ({"task": "hopper"}, "task 'halfcheetah' (now 'hopper')"),
    ({"source": "d4rl-v2"}, "source 'local' (now 'd4rl-v2')"),
    ({"method": "sac-ft", "members": 1}, "method 'ours' (now 'sac-ft'), members 2 (now 1)"),
    ({"config_hash": "def"}, "config_hash 'abc' (now 'def')"),
]


@pytest.mark.parametrize(("changes", "named"), OTHERS)
def test_a_finished_run_of_another_job_is_refused(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with opened(tmp_path) as run:
        run.finish(ROWS, {"policy/w": torch.zeros(1)}, {})
    told = re.escape(f"{tmp_path} holds a finished run with other settings: {named}. Remove the directory")
    with opened(tmp_path, **changes) as other, pytest.raises(Off2OnError, match=told):
        other.complete()
    with opened(tmp_path) as same:
        assert same.complete()


@pytest.mark.parametrize(("changes", "named"), OTHERS)
def test_the_state_of_another_job_is_refused(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with opened(tmp_path) as run:
        run.save_state({"x": torch.zeros(1)}, {})
    told = (
        re.escape(f"state of an interrupted run with other settings: {named}. Go back") + ".* or remove the file"
    )
    with opened(tmp_path, **changes) as other, pytest.raises(Off2OnError, match=told):
        other.load_state()
    assert (tmp_path / STATE).exists()


def test_settings_that_a_run_does_not_read_refuse_nothing(tmp_path: Path) -> None:
    """The hash alone speaks for them: run.json may have other words for a method, or a new setting."""
    with opened(tmp_path) as run:
        run.finish(ROWS, {"policy/w": torch.zeros(1)}, {})
    with opened(tmp_path, settings={"network": {"width": 8}, "new": 1}, scale="other") as same:
        assert same.complete()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_state_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATE).write_bytes(content)
    with opened(tmp_path) as run, pytest.raises(Off2OnError, match=r"state\.safetensors is damaged .* Remove it"):
        run.load_state()


def test_a_truncated_state_is_one_clear_error(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.save_state({"x": torch.ones(1000)}, {})
        os.truncate(tmp_path / STATE, (tmp_path / STATE).stat().st_size - 8)
        with pytest.raises(Off2OnError, match=r"state\.safetensors is damaged"):
            run.load_state()


def test_a_full_disk_keeps_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as run:
        run.save_state({"x": torch.ones(1)}, {"step": 1})

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(rundir, "save_file", full)
        with pytest.raises(Off2OnError, match="No space left on device"):
            run.save_state({"x": torch.zeros(1)}, {"step": 2})
        found = run.load_state()
    assert found is not None
    assert found[1] == {"step": 1}
    assert {p.name for p in tmp_path.iterdir()} <= {STATE, ".lock"}


HOLDER = """
import sys, time
from pathlib import Path
from off2on.training.rundir import RunDirectory
with RunDirectory(Path(sys.argv[1]), {}, "", wait=False, checkpoint_seconds=0):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(path: Path, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_two_runs_on_one_directory_is_one_clear_error(tmp_path: Path) -> None:
    process = holder(tmp_path, 60)
    with pytest.raises(Off2OnError, match=rf"in use by process {process.pid}.*--wait"), opened(tmp_path):
        pass
    process.kill()
    process.wait()
    with opened(tmp_path) as run:  # a killed holder's lock is gone with it
        assert run.load_state() is None


def test_wait_takes_over_when_the_other_process_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = holder(tmp_path, 0.5)
    start = time.monotonic()
    with RunDirectory(tmp_path, IDENTITY, "abc", wait=True, checkpoint_seconds=0):
        assert time.monotonic() - start > 0.1
        assert f"process {os.getpid()}" in (tmp_path / ".owner").read_text()
    process.wait()
    assert "waiting for process" in capsys.readouterr().err
