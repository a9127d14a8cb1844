"""The directory of a job: its lock, its resume state, its outputs, and whose they are."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from off2on.errors import Off2OnError
from off2on.training import checkpoint, rundir
from off2on.training.checkpoint import read_state, write_state
from off2on.training.rundir import STATE, Handling, Row, RunDirectory
from off2on.training.stopping import Stopped

IDENTITY = {"kind": "finetune", "scale": "x", "source": "local", "task": "halfcheetah", "dataset": "medium"}
IDENTITY |= {"method": "ours", "seed": 0, "members": 2, "settings": {"network": {"width": 8}}}
NAMED = {"label": "x", "description": "x", "sampler": None, "offline": None, "members": 2}
EXTRA = {"method_settings": NAMED, "dataset_mean_return": None}
ROWS: list[Row] = [{"env_steps": 0, "gradient_steps": 0, "eval_episodes": 1, "return_mean": 1.5}]
STATES = {"x": torch.zeros(2, 3), "log/rows": torch.zeros(4, 2)}
POSITION = {"step": 7}


def opened(
    path: Path,
    config_hash: str = "abc",
    code_hash: str = "c0de",
    inputs: dict[str, Path] | None = None,
    handling: Handling = Handling(checkpoint_seconds=0),  # noqa: B008 - frozen
    device: str = "cpu",
    **changes: object,
) -> RunDirectory:
    hashes = {"config_hash": config_hash, "code_hash": code_hash}
    return RunDirectory(path, IDENTITY | changes, hashes, inputs or {}, handling, device)


def load(run: RunDirectory) -> Any:
    return run.load_state(STATES, POSITION, growing=("log/",))


def finished(path: Path, **changes: Any) -> None:
    with opened(path, **changes) as run:
        run.finish(ROWS, {"policy/w": torch.zeros(1)}, EXTRA)


def test_state_round_trip_is_exact(tmp_path: Path) -> None:
    tensors = {"x": torch.randn(2, 3), "log/rows": torch.randn(9, 2)}
    position = {"step": 0.1 + 0.2}
    with opened(tmp_path) as run:
        assert load(run) is None
        run.save_state(tensors, position)
    with opened(tmp_path) as run:
        found = load(run)
    assert found is not None
    assert found[1] == position
    assert all(torch.equal(found[0][key], value) for key, value in tensors.items())


def test_a_state_of_one_kind_of_device_is_not_resumed_on_another(tmp_path: Path) -> None:
    with opened(tmp_path, device="cuda") as run:
        run.save_state(STATES, POSITION)
    with (
        opened(tmp_path) as run,
        pytest.raises(Off2OnError, match=r"state\.safetensors is the state of a run on cuda, .* --device cuda"),
    ):
        load(run)
    with opened(tmp_path, device="cuda") as run:
        assert load(run) is not None
        run.finish(ROWS, {"policy/w": torch.zeros(1)}, EXTRA)
    assert json.loads((tmp_path / "run.json").read_text())["device"] == "cuda"
    # what is finished stays finished
    with opened(tmp_path) as run:
        assert run.complete()


def test_outputs_end_the_run_and_drop_the_state(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.save_state(STATES, POSITION)
        assert not run.complete()
        run.finish(ROWS, {"policy/w": torch.zeros(1)}, EXTRA)
        assert run.complete()
    assert not (tmp_path / STATE).exists()
    record = json.loads((tmp_path / "run.json").read_text())
    assert {key: record[key] for key in IDENTITY} == IDENTITY
    assert (record["config_hash"], record["code_hash"]) == ("abc", "c0de")
    assert record["outputs"]["progress.csv"]["rows"] == 1


def test_what_a_kill_left_is_swept_at_the_next_start(tmp_path: Path) -> None:
    finished(tmp_path)
    for name in (".state.safetensors.x1.safetensors", ".run.json.y2.json", STATE):
        (tmp_path / name).write_bytes(b"half")
    with opened(tmp_path) as run:
        assert run.complete()
    assert {path.name for path in tmp_path.iterdir()} <= {"progress.csv", "run.json", "agent.safetensors", ".lock"}


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
    finished(tmp_path)
    told = re.escape(
        f"{tmp_path} holds a finished run with other settings: {named}. Train it again with --restart"
    )
    with opened(tmp_path, **changes) as other, pytest.raises(Off2OnError, match=told):
        other.complete()
    with opened(tmp_path) as same:
        assert same.complete()


@pytest.mark.parametrize(("changes", "named"), OTHERS)
def test_the_state_of_another_job_is_refused(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with opened(tmp_path) as run:
        run.save_state(STATES, POSITION)
    told = re.escape(f"state of an interrupted run with other settings: {named}. Go back") + ".* with --restart"
    with opened(tmp_path, **changes) as other, pytest.raises(Off2OnError, match=told):
        load(other)
    assert (tmp_path / STATE).exists()


def test_settings_that_a_run_does_not_read_refuse_nothing(tmp_path: Path) -> None:
    """The hash alone speaks for them: run.json may have other words for a method, or a new setting."""
    finished(tmp_path)
    with opened(tmp_path, settings={"network": {"width": 8}, "new": 1}, scale="other") as same:
        assert same.complete()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_state_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATE).write_bytes(content)
    with opened(tmp_path) as run, pytest.raises(Off2OnError, match=r"state\.safetensors is damaged .* --restart"):
        load(run)


def test_a_truncated_state_is_one_clear_error(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.save_state(STATES, POSITION)
        os.truncate(tmp_path / STATE, (tmp_path / STATE).stat().st_size - 8)
        with pytest.raises(Off2OnError, match=r"state\.safetensors is damaged"):
            load(run)


def test_a_full_disk_keeps_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as run:
        run.save_state(STATES, {"step": 1})

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(checkpoint, "save_file", full)
        with pytest.raises(Off2OnError, match="No space left on device"):
            run.save_state(STATES, {"step": 2})
        found = load(run)
    assert found is not None
    assert found[1] == {"step": 1}
    assert {p.name for p in tmp_path.iterdir()} <= {STATE, ".lock"}


HOLDER = """
import sys, time
from pathlib import Path
from off2on.training.rundir import Handling, RunDirectory
with RunDirectory(Path(sys.argv[1]), {}, {"config_hash": "", "code_hash": ""}, {}, Handling()):
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
        assert load(run) is None


def test_wait_takes_over_when_the_other_process_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = holder(tmp_path, 0.5)
    start = time.monotonic()
    with opened(tmp_path, handling=Handling(wait=True)):
        assert time.monotonic() - start > 0.1
        assert f"process {os.getpid()}" in (tmp_path / ".owner").read_text()
    process.wait()
    assert "waiting for process" in capsys.readouterr().err


def test_one_flipped_bit_of_a_state_is_found(tmp_path: Path) -> None:
    """Anywhere in the file: what is loaded is what was saved."""
    tensors = {"x": torch.arange(6.0).reshape(2, 3), "log/rows": torch.ones(1, 2)}
    path = tmp_path / STATE
    write_state(path, tensors, {"position": {"step": 1}})
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            found, meta = read_state(path)
        except Off2OnError:
            refused += 1
        else:
            assert meta == {"position": {"step": 1}}
            assert {key: value.tolist() for key, value in found.items()} == {
                k: v.tolist() for k, v in tensors.items()
            }
    # what is left are blanks that fill up the header
    assert refused > 0.9 * len(whole)


@pytest.mark.parametrize(
    ("tensors", "position", "told"),
    [
        (
            {"x": torch.zeros(3, 3), "log/rows": torch.zeros(1, 2)},
            POSITION,
            r"x is torch.float32 of shape \[3, 3\]",
        ),
        ({"x": torch.zeros(2, 3).double(), "log/rows": torch.zeros(1, 2)}, POSITION, "x is torch.float64"),
        ({"x": torch.zeros(2, 3), "log/rows": torch.zeros(1, 5)}, POSITION, r"log/rows is .* \['\*', 5\]"),
        ({"x": torch.zeros(2, 3)}, POSITION, "log/rows is missing"),
        (STATES | {"more": torch.zeros(1)}, POSITION, "more is torch.float32 .* expects nothing"),
        (STATES, {}, "step is missing"),
    ],
)
def test_a_state_of_another_form_is_refused_before_anything_is_loaded(
    tmp_path: Path, tensors: dict[str, torch.Tensor], position: dict[str, Any], told: str
) -> None:
    with opened(tmp_path) as run:
        run.save_state(tensors, position)
    with opened(tmp_path) as run, pytest.raises(Off2OnError, match=told):
        load(run)


def test_what_other_code_made_needs_a_switch(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.save_state(STATES, POSITION)
    with opened(tmp_path, code_hash="other") as run, pytest.raises(Off2OnError, match=r"other code.*--other-code"):
        load(run)
    knowing = Handling(checkpoint_seconds=0, other_code=True)
    with opened(tmp_path, code_hash="other", handling=knowing) as run:
        assert load(run) is not None
        run.finish(ROWS, {"policy/w": torch.zeros(1)}, EXTRA)
    assert json.loads((tmp_path / "run.json").read_text())["code_hash"] is None
    with opened(tmp_path) as run, pytest.raises(Off2OnError, match="finished run with other code"):
        run.complete()
    with opened(tmp_path, handling=knowing) as run:
        assert run.complete()


def test_restart_drops_what_is_there(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / STATE).write_bytes(b"damaged")
    with opened(tmp_path, "another", handling=Handling(restart=True)) as run:
        assert not run.complete()
        assert load(run) is None


def test_a_finished_run_of_other_inputs_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data.hdf5"
    data.write_bytes(b"one")
    finished(tmp_path / "run", inputs={"dataset": data})
    with opened(tmp_path / "run", inputs={"dataset": data}) as run:
        assert run.complete()
    data.write_bytes(b"two")
    with (
        opened(tmp_path / "run", inputs={"dataset": data}) as run,
        pytest.raises(Off2OnError, match="other inputs"),
    ):
        run.complete()
    data.unlink()
    with pytest.raises(Off2OnError, match="cannot be read"), opened(tmp_path / "run", inputs={"dataset": data}):
        pass


@pytest.mark.parametrize("name", ["progress.csv", "agent.safetensors", "run.json"])
@pytest.mark.parametrize("content", [b"", b"{", None])
def test_damaged_outputs_do_not_count_as_finished(tmp_path: Path, name: str, content: bytes | None) -> None:
    finished(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-4] if content is None else content)
    with opened(tmp_path) as run, pytest.raises(Off2OnError, match=rf"{name}.*--restart"):
        run.complete()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_state_and_ends_the_job(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def stopped_run() -> None:
        with opened(tmp_path, handling=Handling(checkpoint_seconds=1e9)) as run:
            assert not run.due()
            os.kill(os.getpid(), number)
            assert run.due()
            run.save_state(STATES, POSITION)

    with pytest.raises(Stopped) as stopped:
        stopped_run()
    assert stopped.value.status == 128 + number
    assert signal.getsignal(number) == before
    with opened(tmp_path) as run:
        assert load(run) is not None


def test_a_second_signal_ends_the_job_at_once(tmp_path: Path) -> None:
    def stopped_run() -> None:
        with opened(tmp_path):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        stopped_run()
    assert not (tmp_path / STATE).exists()


def test_a_job_does_not_write_where_it_reads(tmp_path: Path) -> None:
    agents = tmp_path / "agent.safetensors"
    agents.write_bytes(b"weights")
    restart = Handling(restart=True)
    with (
        pytest.raises(Off2OnError, match=r"is where the job reads agent\.safetensors from"),
        opened(tmp_path, inputs={"agents": agents}, handling=restart),
    ):
        pass
    assert agents.read_bytes() == b"weights"


@pytest.mark.parametrize("key", ["settings", "scale", "cpu", "packages", "dataset_mean_return"])
def test_an_edited_record_is_found(tmp_path: Path, key: str) -> None:
    finished(tmp_path)
    info = json.loads((tmp_path / "run.json").read_text())
    info[key] = {"a": "b"} if isinstance(info[key], dict) else 5.0 if key == "dataset_mean_return" else "other"
    (tmp_path / "run.json").write_text(json.dumps(info))
    with opened(tmp_path) as run, pytest.raises(Off2OnError, match="was changed after the job wrote it"):
        run.complete()


def test_a_clock_that_was_set_back_leaves_a_valid_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = opened(tmp_path)
    monkeypatch.setattr(rundir, "now", lambda: "2020-01-01T00:00:00Z")
    with run:
        run.finish(ROWS, {"policy/w": torch.zeros(1)}, EXTRA)
        assert run.complete()
