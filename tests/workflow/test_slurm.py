"""Through Slurm, with a job cancelled and a node drained on the way, the same bytes as on one machine."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import micro_scale

from .conftest import RESULTS, RUN, environment, run
from .slurm_cluster import missing, slurm, slurm_says

pytestmark = [pytest.mark.skipif(missing() is not None, reason=str(missing())), pytest.mark.slow]

PRETRAINING = RESULTS / "pretrain/halfcheetah/medium/cql/seed0"
TARGET = str(RUN / "progress.csv")


def until(met: Callable[[], object], process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + 180
    while not met():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, (output.read_text(), slurm_says("squeue"))
        time.sleep(0.1)


def running(rule: str) -> tuple[str, str]:
    """Id and node of the job of a rule, by the comment that the plugin gives it."""
    lines = slurm_says("squeue", "-h", "-t", "R", "-o", "%i %N %k").splitlines()
    (found,) = [line.split()[:2] for line in lines if f"rule_{rule}" in line]
    return found[0], found[1]


@pytest.fixture(scope="module")
def long_enough(shared: Path) -> Path:
    """A scale whose jobs can be caught at work."""
    path = shared / "slurm.yaml"
    with FileLock(f"{path}.lock"):
        return micro_scale(
            path, cql={"steps": 4000}, pretraining={"evaluate_every": 500}, finetuning={"env_steps": 1500}
        )


def test_cancelled_and_drained_jobs_resume_and_end_in_the_same_bytes(
    repository: Path, long_enough: Path, tmp_path: Path
) -> None:
    here, there, output = tmp_path / "here", tmp_path / "there", tmp_path / "output.txt"
    here.mkdir()
    there.mkdir()
    plain = run(repository, here, TARGET, "--config", f"scale={long_enough}")
    assert plain.returncode == 0, plain.stdout

    words = ["-s", str(repository / "Snakefile"), "--directory", str(there), TARGET]
    words += ["--profile", str(repository / "profiles/slurm"), "--config", f"scale={long_enough}"]
    words += ["--slurm-no-account", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]
    with slurm(tmp_path), output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *words],
            cwd=there,
            env=environment(repository),
            stdout=out,
            stderr=out,
        )
        try:
            until((there / PRETRAINING / "progress.csv").exists, process, output)
            job, _ = running("pretrain")
            slurm_says("scancel", job)
            until((there / RUN / "progress.csv").exists, process, output)
            job, node = running("finetune")
            slurm_says("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
            slurm_says("scontrol", "requeue", job)
            until(lambda: slurm_says("squeue", "-h", "-t", "PD", "-j", job), process, output)
            # instead of after two minutes, as Slurm does by itself
            slurm_says("scontrol", "update", f"jobid={job}", "starttime=now")
            assert process.wait(timeout=180) == 0, output.read_text()
        finally:
            process.kill()
    for directory in (PRETRAINING, RUN):
        record = json.loads((there / directory / "run.json").read_text())
        assert len(record["sessions"]) == 2, directory
        expected, found = ((base / directory / "agent.safetensors").read_bytes() for base in (here, there))
        assert found == expected, directory
    text = output.read_text()
    assert "status is: 'CANCELLED'" in text
    assert "stopped by SIGTERM, state saved" in text
