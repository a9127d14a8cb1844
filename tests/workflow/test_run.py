"""The micro scale from nothing to the report, and what a change re-runs."""

import re
import shutil
from pathlib import Path

import pytest

from .conftest import FIGURES, MICRO, RESULTS, RUN, Snakemake

#: at most eight jobs
SMALL = ("--config", f"scale={MICRO}", "methods=[ours,sac]", "figures=[fig_4a]")
JOB = re.compile(r"^(?:Job \d+: |rule )(\w+)", re.MULTILINE)


def planned(output: str) -> set[str]:
    """First words of the messages of the jobs in a dry run."""
    return set(JOB.findall(output)) - {"all"}


def test_the_run_ends_with_figures_and_report(finished: Path) -> None:
    for name in ("report.html", "table_final.csv", "table_final.tex", "fig_4a.svg", "fig_4a.pdf", "fig_4a.csv"):
        assert (finished / FIGURES / name).stat().st_size > 0, name
    for name in ("progress.csv", "run.json", "agent.safetensors"):
        assert (finished / RUN / name).is_file(), name
    output = (finished / "output.txt").read_text()
    assert "scale micro, source local: it should take seconds" in output
    assert "--config scale=paper" in output
    assert f"report: {finished / FIGURES / 'report.html'}" in output


def test_snakemakes_own_report_has_the_figures(snakemake: Snakemake, copy: Path) -> None:
    done = snakemake("--config", f"scale={MICRO}", "--report", "snakemake.html", directory=copy)
    assert done.returncode == 0, done.stdout
    page = (copy / "snakemake.html").read_text()
    assert "fig_4a.svg" in page
    assert not re.findall(r"""<(?:script|link|img)[^>]+(?:src|href)=["']https?://""", page)


def test_a_second_run_has_nothing_to_do(snakemake: Snakemake, copy: Path) -> None:
    done = snakemake("--config", f"scale={MICRO}", directory=copy)
    assert done.returncode == 0, done.stdout
    assert (
        f"Nothing to be done (all requested files are present and up to date).\noff2on: report: {copy}"
        in done.stdout
    )
    assert done.stdout.count("off2on: report: ") == 1


@pytest.mark.parametrize(
    ("old", "new", "jobs"),
    [
        ("env_steps: 120", "env_steps: 150", {"finetune", "aggregate", "test", "draw", "write"}),
        ("{steps: 60", "{steps: 90", {"pretrain", "finetune", "aggregate", "test", "draw", "write"}),
    ],
)
def test_a_setting_reruns_the_jobs_that_read_it(
    snakemake: Snakemake, copy: Path, tmp_path: Path, old: str, new: str, jobs: set[str]
) -> None:
    changed = tmp_path / "micro.yaml"
    assert old in MICRO.read_text()
    changed.write_text(MICRO.read_text().replace(old, new))
    done = snakemake("-n", "--config", f"scale={changed}", directory=copy)
    assert done.returncode == 0, done.stdout
    assert planned(done.stdout) == jobs


@pytest.fixture
def eight_jobs(snakemake: Snakemake, tmp_path: Path) -> Path:
    """The smallest DAG from collecting to the report, with one figure and with SAC from scratch, run."""
    directory = tmp_path / "eight"
    directory.mkdir()
    done = snakemake("report", *SMALL, directory=directory)
    assert done.returncode == 0, done.stdout
    assert len(re.findall(r"^Job \d+: ", done.stdout, re.MULTILINE)) == 8, done.stdout
    return directory


def test_an_edit_reruns_exactly_what_it_concerns(
    snakemake: Snakemake, eight_jobs: Path, repository: Path, tmp_path: Path
) -> None:
    code = Path(shutil.copytree(repository, tmp_path / "edited"))

    def after(name: str, addition: str = "\n_EDIT = 1\n") -> set[str]:
        path = code / "off2on" / name
        before = path.read_text()
        path.write_text(before + addition)
        done = snakemake("report", "-n", *SMALL, directory=eight_jobs, code=code)
        assert done.returncode == 0, done.stdout
        path.write_text(before)
        return set(re.findall(r"^Job \d+: (.+)$", done.stdout, re.MULTILINE))

    collect = "collect halfcheetah/medium"
    pretrain = "pretrain cql on halfcheetah/medium, seed 0"
    ours = "finetune ours on halfcheetah/medium, seed 0"
    sac = "finetune sac on halfcheetah/none, seed 0"
    analysis = {"aggregate micro", "test the claims on micro", "draw fig_4a", "write the report"}

    assert after("agents/ensemble.py", "\n# a comment\n") == set()
    assert after("agents/awac.py") == set()
    assert after("figures/fig_1a.py") == set()
    assert after("figures/curve_figure.py") == {"draw fig_4a", "write the report"}
    assert after("agents/cql.py") == {pretrain, ours} | analysis
    assert after("replay/balanced.py") == {ours, sac} | analysis
    assert after("training/collect.py") == {collect, pretrain, ours} | analysis


def test_a_baseline_file_from_outside_appears_in_the_tables(
    snakemake: Snakemake, copy: Path, repository: Path
) -> None:
    baseline = repository / "docs" / "examples" / "random_policy.smk"
    done = snakemake("--config", f"scale={MICRO}", f"baselines=[{baseline}]", directory=copy)
    assert done.returncode == 0, done.stdout
    assert "random-policy" in (copy / RESULTS / "analysis" / "runs.csv").read_text()
    assert "random-policy" in (copy / FIGURES / "report.html").read_text()
    assert "finetune" not in planned(done.stdout)
