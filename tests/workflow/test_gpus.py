"""What jobs ask for that train on a GPU, on machines with GPUs and without; nothing here needs one."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from off2on.gpus import SLOTS
from off2on.paths import Layout
from off2on.plan import finetune_cost
from off2on.scale import load_scale
from off2on.scale_jobs import Run, finetune_job

from .conftest import command, environment

#: jobs with what the workflow gives to training, which say what they got
SNAKEFILE = """
include: "{common}"
print("limit:", workflow.global_resources.get("gpu_slots").value)
rule all:
    input: expand("{{i}}.txt", i=range(9))
rule train:
    output: "{{i}}.txt"
    resources: mem_mb=1, **GPU
    params: said=lambda wildcards, resources: " ".join(f"{{k}}={{resources.get(k)}}" for k in GPU)
    shell: "date +%s.%N > {{output}}; sleep 0.4; date +%s.%N >> {{output}}; echo 'asks: {{params.said}}'"
"""


def jobs(repository: Path, directory: Path, gpus: str, *arguments: str) -> tuple[str, int]:
    """What Snakemake says, and the largest number of jobs that ran at once."""
    snakefile = directory / "Snakefile"
    snakefile.write_text(SNAKEFILE.format(common=repository / "workflow" / "rules" / "common.smk"))
    words = command(repository, directory)
    words[words.index("-s") + 1] = str(snakefile)
    done = subprocess.run(
        [*words, "--cores", "9", "--workflow-profile", "none", "--config", "scale=smoke", *arguments],
        cwd=directory,
        env=environment(repository) | {"CUDA_VISIBLE_DEVICES": gpus},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    times = [tuple(map(float, path.read_text().split())) for path in sorted(directory.glob("?.txt"))]
    return done.stdout, max(sum(start <= moment < end for start, end in times) for moment, _ in times)


@pytest.mark.parametrize(
    ("gpus", "arguments", "limit", "at_once"),
    [
        ("0,1", ("device=cuda",), 8, 8),
        ("0", ("device=auto",), 4, 4),
        ("0,1", ("device=cuda", "--resources", "gpu_slots=1"), 1, 1),
        # the head of a cluster
        ("", ("device=cuda",), None, 9),
    ],
)
def test_jobs_on_gpus_are_bounded_by_slots_or_by_what_the_user_says(
    repository: Path, tmp_path: Path, gpus: str, arguments: tuple[str, ...], limit: int | None, at_once: int
) -> None:
    said, most = jobs(repository, tmp_path, gpus, *arguments)
    assert f"limit: {limit}" in said
    assert set(re.findall("asks: (.*)", said)) == {"gpu_slots=1 gpu=1 gpu_manufacturer=nvidia"}
    assert most <= at_once


@pytest.mark.parametrize(("gpus", "device"), [("0", "device=cpu"), ("", "device=auto")])
def test_jobs_on_cores_ask_for_no_gpu(repository: Path, tmp_path: Path, gpus: str, device: str) -> None:
    said, _ = jobs(repository, tmp_path, gpus, device)
    assert "limit: None" in said
    assert set(re.findall("asks: (.*)", said)) == {""}


def test_a_node_of_a_cluster_does_not_choose_a_device(repository: Path, tmp_path: Path) -> None:
    """Snakemake runs itself there in this mode."""
    words = [*command(repository, tmp_path), "-n", "--workflow-profile", "none", "--mode", "remote"]
    for device, code in (("auto", 2), ("cpu", 0)):
        done = subprocess.run(
            [*words, "--config", "scale=smoke", f"device={device}"],
            cwd=tmp_path,
            env=environment(repository),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        assert ("on a cluster name the device, cpu or cuda" in done.stdout) == (device == "auto")


def test_the_time_that_a_run_says_is_that_of_its_device(repository: Path, tmp_path: Path) -> None:
    """Of a run of the paper on a GPU that four jobs share, with plenty of cores, and of one on a core."""
    rules = repository / "workflow" / "rules"
    (tmp_path / "Snakefile").write_text(f"""
include: "{rules / "common.smk"}"
include: "{rules / "hooks.smk"}"
rule finetune:
    output: touch(LAYOUT.run("{{task}}", "{{dataset}}", "{{method}}", "{{seed}}") / "out")
    resources: **GPU
onstart:
    print("at once:", jobs_at_once(), "seconds:", *(step.seconds for step in steps_of_this_run().values()))
""")
    run = finetune_job(load_scale("paper"), Run("halfcheetah", "random", "ours", 0))
    cost = finetune_cost(run)
    target = str(Layout("paper", "d4rl-v0").run("halfcheetah", "random", "ours", 0) / "out")
    for device, expected in (("cuda", (SLOTS, SLOTS * cost.gpu_seconds)), ("cpu", (16, cost.core_seconds))):
        words = command(repository, tmp_path, "--cores", "16", "--workflow-profile", "none", "--force", target)
        words[words.index("-s") + 1] = str(tmp_path / "Snakefile")
        done = subprocess.run(
            [*words, "--config", "scale=paper", "tasks=[halfcheetah]", f"device={device}"],
            cwd=tmp_path,
            env=environment(repository) | {"CUDA_VISIBLE_DEVICES": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        (found,) = re.findall(r"at once: (\d+) seconds: (\S+)", done.stdout)
        assert (int(found[0]), float(found[1])) == pytest.approx(expected)


def test_paper_is_planned_for_gpus_within_half_a_minute(repository: Path, tmp_path: Path) -> None:
    asked = (
        "{n: sorted(k for k in workflow.get_rule(n).resources if 'gpu' in k) for n in ('pretrain', 'finetune')}"
    )
    (tmp_path / "Snakefile").write_text(f'include: "{repository / "Snakefile"}"\nprint({asked})\n')
    words = command(repository, tmp_path)
    words[words.index("-s") + 1] = str(tmp_path / "Snakefile")
    start = time.monotonic()
    done = subprocess.run(
        [*words, "--workflow-profile", "none", "-n", "--config", "scale=paper", "device=cuda"],
        cwd=tmp_path,
        env=environment(repository) | {"CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert time.monotonic() - start < 30
    found = ["gpu", "gpu_manufacturer", "gpu_slots"]
    assert str({"pretrain": found, "finetune": found}) in done.stdout
