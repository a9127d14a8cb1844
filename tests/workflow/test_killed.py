"""Killed anywhere, the same command ends in the same numbers; two at once is one clear message."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from off2on.reproduce import LOCK, hold

from .conftest import RUN, Snakemake, command, environment


def numbers(run: Path) -> list[dict[str, str]]:
    """progress.csv without the clock."""
    with (run / "progress.csv").open() as file:
        return [
            {key: value for key, value in row.items() if key != "wall_seconds"} for row in csv.DictReader(file)
        ]


def started(repository: Path, directory: Path, scale: Path) -> "subprocess.Popen[bytes]":
    """`make reproduce` of one run, in a process group of its own."""
    target = str(RUN / "progress.csv")
    words = command(repository, directory, target, "--config", f"scale={scale}", module="off2on.reproduce")
    with (directory / "first.txt").open("w") as output:
        return subprocess.Popen(
            words,
            cwd=directory,
            env=environment(repository),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def wait_for(path: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("whole_group", [True, False], ids=["with its jobs", "alone"])
def test_sigkill_then_reproduce_ends_in_the_same_numbers(
    snakemake: Snakemake, finished: Path, repository: Path, scale: Path, tmp_path: Path, whole_group: bool
) -> None:
    process = started(repository, tmp_path, scale)
    wait_for(tmp_path / RUN / "progress.csv", process)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    assert not (tmp_path / RUN / "agent.safetensors").exists()

    config = ["--config", f"scale={scale}"]
    plain = snakemake(str(RUN / "progress.csv"), *config)
    assert plain.returncode != 0
    assert "make reproduce" in plain.stdout

    again = snakemake(str(RUN / "progress.csv"), *config, module="off2on.reproduce")
    assert again.returncode == 0, again.stdout
    assert numbers(tmp_path / RUN) == numbers(finished / RUN)


def test_what_ended_after_the_kill_of_snakemake_is_adopted(
    snakemake: Snakemake, repository: Path, scale: Path, tmp_path: Path
) -> None:
    process = started(repository, tmp_path, scale)
    wait_for(tmp_path / RUN / "progress.csv", process)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while not (tmp_path / RUN / "run.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)

    words = [sys.executable, "-m", "off2on", "adopt", "--scale", str(scale)]
    adopted = subprocess.run(words, cwd=tmp_path, env=environment(repository), capture_output=True, text=True)
    assert adopted.returncode == 0, adopted.stderr
    assert "2 finished jobs adopted" in adopted.stderr
    again = snakemake("-n", str(RUN / "progress.csv"), "--config", f"scale={scale}")
    assert "Nothing to be done" in again.stdout


@pytest.mark.skipif(not os.environ.get("OFF2ON_TEST_LONG"), reason="long: OFF2ON_TEST_LONG=1")
@pytest.mark.parametrize("kill", range(30))
def test_a_dag_killed_at_random_ends_in_the_same_numbers(
    snakemake: Snakemake, finished: Path, repository: Path, scale: Path, tmp_path: Path, kill: int
) -> None:
    process = started(repository, tmp_path, scale)
    time.sleep(2 + 0.5 * kill)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    again = snakemake(str(RUN / "progress.csv"), "--config", f"scale={scale}", module="off2on.reproduce")
    assert again.returncode == 0, again.stdout
    assert numbers(tmp_path / RUN) == numbers(finished / RUN)


def test_a_second_snakemake_in_the_directory_is_refused(snakemake: Snakemake, scale: Path, tmp_path: Path) -> None:
    descriptor = hold(tmp_path / LOCK)
    for module in ("off2on.reproduce", "snakemake"):
        done = snakemake("--config", f"scale={scale}", module=module)
        assert done.returncode == 2
        assert f"process {os.getpid()} runs the workflow in {tmp_path}" in done.stdout
    assert not (tmp_path / "results").exists()
    # with Snakemake's own lock there, its advice to remove it would contradict ours
    lock = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("results/micro/local/analysis/runs.csv\n")
    done = snakemake("aggregate", "--config", f"scale={scale}")
    assert done.returncode != 0
    assert f"process {os.getpid()} runs the workflow in {tmp_path}" in done.stdout
    assert "--unlock" not in done.stdout
    os.close(descriptor)
    os.close(hold(tmp_path / LOCK))
