"""A task of one's own from nothing to Figure 3 and the report."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from off2on.config import REPOSITORY

from .conftest import Snakemake


@pytest.mark.slow
def test_pendulum_from_nothing_to_figure_3_and_the_report(
    snakemake: Snakemake, scale: Path, tmp_path: Path
) -> None:
    example = yaml.safe_load((REPOSITORY / "docs/examples/own_tasks.yaml").read_text())
    changes = {"name": "own", "own_tasks": example["own_tasks"], "tasks": ["pendulum"], "datasets": ["random"]}
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(yaml.safe_load(scale.read_text()) | changes))
    done = snakemake("--config", f"scale={own}", "methods=[ours]", "figures=[fig_3]")
    assert done.returncode == 0, done.stdout
    figures = tmp_path / "figures/own/local"
    with (figures / "fig_3.csv").open() as file:
        assert {row["task"] for row in csv.DictReader(file)} == {"pendulum"}
    assert "pendulum" in (figures / "report.html").read_text()
    agents = tmp_path / "results/own/local/pretrain/pendulum/random/cql/seed0"
    words = ["evaluate", str(agents), "--task", "pendulum", "--episodes", "1", "--scale", str(own)]
    played = subprocess.run([sys.executable, "-m", "off2on", *words], capture_output=True, text=True, check=True)
    assert "ensemble" in played.stdout
