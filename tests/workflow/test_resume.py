"""Killed and resumed gives the same bytes as never killed, for both training loops."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import run_off2on

#: of each loop
KILLS = 34 if os.environ.get("OFF2ON_TEST_LONG") else 2
COMMON = ("--scale", "micro.yaml", "--task", "halfcheetah", "--checkpoint-seconds", "0")
LOOPS = {
    "pretrain": ("pretrain", *COMMON, "--dataset", "medium"),
    "ours": ("finetune", *COMMON, "--dataset", "medium", "--method", "ours"),
    "sac": ("finetune", *COMMON, "--method", "sac"),
}


def gradient_steps(state: Path) -> int:
    # the header alone, from one open file: the job replaces the state while we look
    try:
        with state.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except FileNotFoundError:
        return -1
    position = json.loads(header["__metadata__"]["off2on"])["position"]
    return int(position.get("gradient_steps", position["step"]))


def killed_at(arguments: tuple[object, ...], cwd: Path, out: Path, step: int) -> None:
    """Start the job and SIGKILL it as soon as its state on disk has reached a gradient step."""
    command = [sys.executable, "-m", "off2on", *map(str, arguments), "--out", str(out)]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and gradient_steps(out / "state.safetensors") < step:
        time.sleep(0.001)
    assert process.poll() is None, f"the job ended before step {step}"
    process.send_signal(signal.SIGKILL)
    process.wait()


def progress(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "progress.csv").drop(columns="wall_seconds")


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_killed_and_resumed_gives_the_same_bytes(loop: str, micro: Path, micro_yaml: Path, tmp_path: Path) -> None:
    shutil.copytree(micro, tmp_path, dirs_exist_ok=True)
    shutil.copy(micro_yaml, tmp_path / "micro.yaml")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run_off2on(*LOOPS[loop], "--out", whole, cwd=tmp_path).returncode == 0
    seed = random.SystemRandom().randrange(10**6)
    steps = sorted(random.Random(seed).sample(range(1, 50), KILLS))
    for step in steps:
        killed_at(LOOPS[loop], tmp_path, broken, step)
        assert not (broken / "run.json").exists()
    done = run_off2on(*LOOPS[loop], "--out", broken, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    where = f"killed at gradient steps {steps} (seed {seed})"
    assert (whole / "agent.safetensors").read_bytes() == (broken / "agent.safetensors").read_bytes(), where
    pd.testing.assert_frame_equal(progress(whole), progress(broken), check_exact=True, obj=where)
    assert not (broken / "state.safetensors").exists()
    assert len(json.loads((broken / "run.json").read_text())["sessions"]) == KILLS + 1


@pytest.mark.parametrize("loop", ["pretrain", "ours"])
def test_sigterm_saves_the_state_first(loop: str, micro: Path, micro_yaml: Path, tmp_path: Path) -> None:
    """What a batch system sends before it kills: nothing since the last checkpoint is lost."""
    shutil.copytree(micro, tmp_path, dirs_exist_ok=True)
    shutil.copy(micro_yaml, tmp_path / "micro.yaml")
    words = tuple("1e9" if word == "0" else word for word in LOOPS[loop])
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run_off2on(*words, "--out", whole, cwd=tmp_path).returncode == 0
    command = [sys.executable, "-m", "off2on", *map(str, words), "--out", str(broken)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (broken / "progress.csv").exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "stopped by SIGTERM, state saved" in said
    assert "Traceback" not in said
    assert gradient_steps(broken / "state.safetensors") > 0
    done = run_off2on(*words, "--out", broken, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (whole / "agent.safetensors").read_bytes() == (broken / "agent.safetensors").read_bytes()
    pd.testing.assert_frame_equal(progress(whole), progress(broken), check_exact=True)
