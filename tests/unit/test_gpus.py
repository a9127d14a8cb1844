"""Which GPU a job gets, and what is said where there is none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from off2on import gpus
from off2on.errors import Off2OnError
from off2on.gpus import kind_of, take_gpu, visible_gpus
from off2on.nn.device import CPU, set_precision, use_device

#: takes a GPU, says which, and holds it
HOLDER = "import sys, time; from pathlib import Path; from off2on.gpus import take_gpu, visible_gpus\n"
HOLDER += "lock = take_gpu(Path(sys.argv[1])); print(*visible_gpus(), flush=True); time.sleep(60)"


def test_jobs_spread_over_gpus_and_a_killed_one_leaves_its_slot(tmp_path: Path) -> None:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "3,GPU-5/0"}

    def start() -> tuple[subprocess.Popen[str], str]:
        words = [sys.executable, "-c", HOLDER, str(tmp_path)]
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    holders = [start() for _ in range(3)]
    try:
        assert [gpu for _, gpu in holders] == ["3", "GPU-5/0", "3"]
        # a fourth would get the second one; with its holder killed, a fifth too
        holders[1][0].send_signal(signal.SIGKILL)
        holders[1][0].wait()
        holders += [start(), start()]
        assert [gpu for _, gpu in holders[3:]] == ["GPU-5/0", "GPU-5/0"]
    finally:
        for process, _ in holders:
            process.kill()
            process.communicate()


def test_without_a_gpu_there_is_none_to_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert (visible_gpus(), take_gpu(tmp_path)) == ([], None)
    assert list(tmp_path.iterdir()) == []
    assert [kind_of(name) for name in ("auto", "cpu", "cuda")] == ["cpu", "cpu", "cuda"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert kind_of("auto") == "cuda"


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("0,1", ["0", "1"]),
        (" 2, GPU-5", ["2", "GPU-5"]),
        ("-1", []),
        ("1,-1,2", ["1"]),
        ("1,,2", ["1"]),
        # none was chosen: CUDA counts from 0, whatever the files are called
        (None, ["0", "1"]),
    ],
)
def test_gpus_are_those_that_cuda_sees(
    given: str | None, seen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nvidia3", "nvidia12", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(gpus, "_DEV", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert visible_gpus() == seen


def test_a_user_without_a_name_gets_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers that run as any number."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    lock = take_gpu()
    assert lock is not None
    lock.release()


@pytest.mark.parametrize(("build", "told"), [(None, "is a CPU build"), ("13.0", r"is built for CUDA 13\.0")])
def test_a_gpu_that_is_not_there_is_an_error_and_auto_is_none(
    build: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", build)
    assert use_device("auto") == use_device("cpu") == CPU
    with pytest.raises(
        Off2OnError, match=f"--device cuda: torch .* {told} and finds no GPU; .* --device cpu works"
    ):
        use_device("cuda")


def test_products_are_whole_float32_unless_the_scale_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    for precision, allowed in (("float32", False), ("tf32", True), ("float32", False)):
        set_precision(precision)
        assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is allowed
