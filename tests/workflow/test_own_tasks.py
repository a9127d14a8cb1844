"""Tasks and data of one's own, from nothing to Figure 3 and the report."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from off2on.config import REPOSITORY
from off2on.envs.tasks import get_task
from tests.unit.small import write_data

from .conftest import Snakemake


def off2on(directory: Path, *words: str) -> str:
    """What a command says, in another process: tasks of a file stay known in the one that reads it."""
    command = [sys.executable, "-m", "off2on", *words]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout


def drawn(directory: Path, place: str) -> set[str]:
    """The tasks in Figure 3, whose report is there."""
    figures = directory / "figures" / place
    assert (figures / "report.html").is_file()
    with (figures / "fig_3.csv").open() as file:
        return {row["task"] for row in csv.DictReader(file)}


@pytest.mark.slow
def test_the_tasks_of_the_example_from_nothing_to_figure_3_and_the_report(
    snakemake: Snakemake, scale: Path, tmp_path: Path
) -> None:
    example = yaml.safe_load((REPOSITORY / "docs/examples/own_tasks.yaml").read_text())
    changes = {"name": "own", "datasets": ["random"]} | {key: example[key] for key in ("own_tasks", "tasks")}
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(yaml.safe_load(scale.read_text()) | changes))
    done = snakemake("--config", f"scale={own}", "methods=[ours]", "figures=[fig_3]")
    assert done.returncode == 0, done.stdout
    assert drawn(tmp_path, "own/local") == {"pendulum", "ant"}
    agents = tmp_path / "results/own/local/pretrain/pendulum/random/cql/seed0"
    words = ("evaluate", str(agents), "--task", "pendulum", "--episodes", "1", "--scale", str(own))
    assert "ensemble" in off2on(tmp_path, *words)


@pytest.mark.slow
def test_a_file_of_ones_own_to_figure_3_and_the_report(snakemake: Snakemake, scale: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.hdf5"
    write_data(mine, get_task("hopper"))
    named = ("--task", "hopper", "--dataset", "medium", "--scale", str(scale))
    off2on(tmp_path, "import-data", str(mine), *named)
    config = ("source=own", "tasks=[hopper]", "datasets=[medium]", "methods=[ours]", "figures=[fig_3]")
    done = snakemake("--config", f"scale={scale}", *config)
    assert done.returncode == 0, done.stdout
    assert drawn(tmp_path, "micro/own") == {"hopper"}
    with (tmp_path / "results/micro/own/analysis/runs.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert {(row["source"], len(row["dataset_sha256"])) for row in rows} == {("own", 64)}
