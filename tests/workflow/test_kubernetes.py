"""Through the profile for Kubernetes, with a kubectl whose pods are processes here: a deleted job resumes."""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from off2on.paths import RENDERS, Layout
from tests.conftest import micro_scale

from .conftest import RESULTS, RUN, environment, run

pytestmark = [
    pytest.mark.skipif(
        find_spec("snakemake_executor_plugin_cluster_generic") is None, reason="needs the extra 'kubernetes'"
    ),
    pytest.mark.slow,
]

PRETRAINING = RESULTS / "pretrain/halfcheetah/medium/cql/seed0"
TARGET = str(RUN / "progress.csv")


@pytest.fixture(scope="module")
def long_enough(shared: Path) -> Path:
    """A scale whose pre-training can be caught at work."""
    path = shared / "kubernetes.yaml"
    with FileLock(f"{path}.lock"):
        return micro_scale(path, cql={"steps": 3000}, pretraining={"evaluate_every": 500})


@pytest.fixture
def pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kubectl keeps its pods; it is the first on the path."""
    programs, directory = tmp_path / "bin", tmp_path / "pods"
    programs.mkdir()
    directory.mkdir()
    kubectl = Path(shutil.copy(Path(__file__).with_name("kubectl.py"), programs / "kubectl"))
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("OFF2ON_PODS", str(directory))
    return directory


def test_a_deleted_job_resumes_and_ends_in_the_same_bytes(
    repository: Path, long_enough: Path, pods: Path, tmp_path: Path
) -> None:
    here, there, output = tmp_path / "here", tmp_path / "there", tmp_path / "output.txt"
    here.mkdir()
    plain = run(repository, here, TARGET, "--config", f"scale={long_enough}")
    assert plain.returncode == 0, plain.stdout

    shutil.copytree(repository, there)
    words = [TARGET, "--profile", "profiles/kubernetes", "--config", f"scale={long_enough}", "--latency-wait", "5"]
    # instead of the profile's
    words += ["--resources", "runtime=10"]
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *words], cwd=there, env=environment(there), stdout=out, stderr=out
        )
        deadline = time.monotonic() + 180
        while not (there / PRETRAINING / "progress.csv").exists():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
        (name,) = [path.stem for path in pods.glob("off2on-pretrain-*.json")]
        subprocess.run([there / "profiles/kubernetes/cancel", name], check=True)
        assert process.wait(timeout=240) == 0, output.read_text()

    assert len(json.loads((there / PRETRAINING / "run.json").read_text())["sessions"]) == 2
    assert "stopped by SIGTERM, state saved" in output.read_text()
    for directory in (PRETRAINING, RUN):
        expected, found = ((base / directory / "agent.safetensors").read_bytes() for base in (here, there))
        assert found == expected, directory
    job = json.loads(next(pods.glob("off2on-finetune-*halfcheetah*.json")).read_text())
    assert job["spec"]["activeDeadlineSeconds"] == 10 * 60
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"].keys() == {"memory"}
    assert container["workingDir"] == str(there)


@pytest.mark.usefixtures("opengl")
def test_short_jobs_share_a_submission(repository: Path, tmp_path: Path) -> None:
    """As the profile for Slurm groups them, through another executor, whose submissions are processes here."""
    profile = yaml.safe_load((repository / "profiles/slurm/profile.yaml").read_text())
    submit, submitted = tmp_path / "submit", tmp_path / "submitted"
    submit.write_text(f'#!/bin/sh\necho "$1" >> {submitted}\nsh "$1" > {tmp_path}/output.txt 2>&1 &\necho 1\n')
    submit.chmod(0o755)
    renders = Layout("laptop", "local").results / RENDERS
    targets = [str(renders / f"{task}.json") for task in ("halfcheetah", "hopper", "walker2d")]
    words = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", str(submit), "--jobs", "3"]
    words += ["--groups", *profile["groups"], "--group-components", *profile["group-components"]]
    done = run(repository, tmp_path, *targets, "--config", "scale=laptop", *words)
    assert done.returncode == 0, done.stdout + (tmp_path / "output.txt").read_text()
    assert all((tmp_path / target).is_file() for target in targets)
    assert len(submitted.read_text().splitlines()) == 1
