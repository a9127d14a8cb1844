"""The micro scale from nothing to the report, and what a change re-runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from off2on.results.run_json import checksum
from tests.conftest import micro_scale

from .conftest import FIGURES, RESULTS, RUN, Snakemake

#: with these, at most eight jobs
SMALL = ("methods=[ours,sac]", "figures=[fig_9]")
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


def test_snakemakes_own_report_has_the_figures(snakemake: Snakemake, copy: Path, scale: Path) -> None:
    done = snakemake("--config", f"scale={scale}", "--report", "snakemake.html", directory=copy)
    assert done.returncode == 0, done.stdout
    page = (copy / "snakemake.html").read_text()
    assert "fig_4a.svg" in page
    assert not re.findall(r"""<(?:script|link|img)[^>]+(?:src|href)=["']https?://""", page)


def test_a_second_run_has_nothing_to_do(snakemake: Snakemake, copy: Path, scale: Path) -> None:
    done = snakemake("--config", f"scale={scale}", directory=copy)
    assert done.returncode == 0, done.stdout
    assert (
        f"Nothing to be done (all requested files are present and up to date).\noff2on: report: {copy}"
        in done.stdout
    )
    assert done.stdout.count("off2on: report: ") == 1


@pytest.mark.parametrize(
    ("section", "change", "jobs"),
    [
        ("finetuning", {"env_steps": 150}, {"finetune", "aggregate", "test", "draw", "write"}),
        ("cql", {"steps": 90}, {"pretrain", "finetune", "aggregate", "test", "draw", "write"}),
    ],
)
def test_a_setting_reruns_the_jobs_that_read_it(
    snakemake: Snakemake, copy: Path, tmp_path: Path, section: str, change: dict[str, int], jobs: set[str]
) -> None:
    changed = micro_scale(tmp_path / "micro.yaml", **{section: change})
    done = snakemake("-n", "--config", f"scale={changed}", directory=copy)
    assert done.returncode == 0, done.stdout
    assert planned(done.stdout) == jobs


@pytest.fixture
def eight_jobs(snakemake: Snakemake, scale: Path, tmp_path: Path) -> Path:
    """The smallest DAG from collecting to the report, with one figure and with SAC from scratch, run."""
    directory = tmp_path / "eight"
    directory.mkdir()
    done = snakemake("report", "--config", f"scale={scale}", *SMALL, directory=directory)
    assert done.returncode == 0, done.stdout
    assert len(re.findall(r"^ +\d/8 done ", done.stdout, re.MULTILINE)) == 8, done.stdout
    assert re.search(r"^off2on: halfcheetah-medium +-?[\d.]+ +-?[\d.]+$", done.stdout, re.MULTILINE)
    # Snakemake's own words are in its log
    assert not re.search(r"Building DAG|Select jobs|Finished jobid", done.stdout)
    return directory


def test_an_edit_reruns_exactly_what_it_concerns(
    snakemake: Snakemake, eight_jobs: Path, repository: Path, scale: Path, tmp_path: Path
) -> None:
    code = Path(shutil.copytree(repository, tmp_path / "edited"))

    def after(name: str, addition: str = "\n_EDIT = 1\n") -> set[str]:
        path = code / "off2on" / name
        before = path.read_text()
        path.write_text(before + addition)
        done = snakemake("report", "-n", "--config", f"scale={scale}", *SMALL, directory=eight_jobs, code=code)
        assert done.returncode == 0, done.stdout
        path.write_text(before)
        return set(re.findall(r"^Job \d+: (.+)$", done.stdout, re.MULTILINE))

    collect = "collect halfcheetah/medium"
    pretrain = "pretrain cql on halfcheetah/medium, seed 0"
    ours = "finetune ours on halfcheetah/medium, seed 0"
    sac = "finetune sac on halfcheetah/none, seed 0"
    analysis = {"aggregate micro", "test the claims on micro", "draw fig_9", "write the report"}

    assert after("agents/sac.py", "\n# a comment\n") == set()
    assert after("agents/awac.py") == after("training/rundir.py") == set()
    assert after("envs/tasks.py") == analysis
    assert after("figures/fig_1a.py") == set()
    assert after("figures/curve_figure.py") == {"draw fig_9", "write the report"}
    assert after("agents/cql.py") == {pretrain, ours} | analysis
    assert after("replay/balanced.py") == {ours} | analysis
    assert after("replay/uniform.py") == {sac, *analysis} - {"draw fig_9"}
    assert after("training/collect.py") == {collect, pretrain, ours} | analysis


def test_a_target_ends_with_what_it_made(snakemake: Snakemake, copy: Path, scale: Path) -> None:
    figure = copy / FIGURES / "fig_4a.svg"
    figure.unlink()
    for words in (
        "off2on: done; ",
        "Nothing to be done (all requested files are present and up to date).\noff2on: ",
    ):
        done = snakemake("fig_4a", "--config", f"scale={scale}", directory=copy)
        assert done.returncode == 0, done.stdout
        assert f"{words}{figure}\n" in done.stdout
        assert "report.html" not in done.stdout


def test_finished_training_survives_a_copy(
    snakemake: Snakemake, finished: Path, scale: Path, repository: Path, tmp_path: Path
) -> None:
    """Without Snakemake's records, and with times of change in any order."""
    arrived = tmp_path / "arrived"
    shutil.copytree(finished / "results", arrived / "results", copy_function=shutil.copyfile)
    training = {"collect", "pretrain", "finetune"}
    for name, step in (("datasets", 3), ("pretrain", 2), ("runs", 1)):
        for path in (arrived / RESULTS / name).rglob("*"):
            os.utime(path, (step * 1e6, step * 1e6))
    before = snakemake("-n", "--config", f"scale={scale}", directory=arrived)
    assert training & planned(before.stdout)
    # one that another checkout or other settings would have made
    record = arrived / RESULTS / "runs/halfcheetah/none/sac/seed0/run.json"
    info = json.loads(record.read_text()) | {"config_hash": "other"}
    record.write_text(json.dumps(info | {"sha256": checksum(info)}))

    command = [sys.executable, "-m", "off2on", "adopt", "--scale", str(scale)]
    environ = os.environ | {"PYTHONPATH": str(repository)}
    adopted = subprocess.run(command, cwd=arrived, env=environ, capture_output=True, text=True)
    assert adopted.returncode == 0, adopted.stderr
    assert "4 finished jobs adopted" in adopted.stderr
    assert re.search("not adopted, moved to .*sac/refused-seed0: run.json has config_hash other", adopted.stderr)
    assert (record.parent.with_name("refused-seed0") / "progress.csv").is_file()
    after = snakemake("-n", "--config", f"scale={scale}", directory=arrived)
    assert after.returncode == 0, after.stdout
    assert re.findall(r"(?:collect|pretrain|finetune) (?:\S+ on )?halfcheetah\S+", after.stdout) == [
        "finetune sac on halfcheetah/none,"
    ]
    # what was adopted is re-run by an edit like everything else
    code = Path(shutil.copytree(repository, tmp_path / "edited"))
    (code / "off2on/agents/awac.py").open("a").write("\n_EDIT = 1\n")
    edited = snakemake("-n", "--config", f"scale={scale}", directory=arrived, code=code)
    assert "pretrain awac on halfcheetah/medium" in edited.stdout
    assert "pretrain cql" not in edited.stdout


# ------------------------------------------------------------------------------------------------ baselines


@pytest.fixture
def baseline(repository: Path, tmp_path: Path) -> Path:
    """A copy of the example, with its program."""
    shutil.copytree(repository / "docs" / "examples", tmp_path / "mine")
    return tmp_path / "mine" / "random_policy.smk"


def test_a_baseline_file_from_outside_appears_in_the_tables(
    snakemake: Snakemake, copy: Path, baseline: Path, scale: Path
) -> None:
    config = ("--config", f"scale={scale}", f"baselines=[{baseline}]")
    done = snakemake(*config, directory=copy)
    assert done.returncode == 0, done.stdout
    runs = pd.read_csv(copy / RESULTS / "analysis" / "runs.csv").set_index("method")
    # it writes returns alone; the score follows from them
    assert runs.loc["random-policy", "normalized_final"] == pytest.approx(0, abs=5)
    assert "random-policy" in (copy / FIGURES / "report.html").read_text()
    assert "finetune" not in planned(done.stdout)
    # its program is part of what it depends on
    program = baseline.with_name("random_policy.py")
    program.write_text(program.read_text().replace("range(3)", "range(4)"))
    edited = snakemake("-n", *config, directory=copy)
    assert "random-policy on halfcheetah/medium, seed 0" in edited.stdout


def test_a_baseline_whose_rule_writes_another_name_is_refused(
    snakemake: Snakemake, copy: Path, baseline: Path, scale: Path
) -> None:
    baseline.write_text(
        baseline.read_text().replace('baseline_files("random-policy")', 'baseline_files("random")')
    )
    done = snakemake("--config", f"scale={scale}", f"baselines=[{baseline}]", "seeds=2", directory=copy)
    assert done.returncode == 2
    assert "baseline 'random-policy': no rule writes" in done.stdout
    assert "baseline_files('random-policy')" in done.stdout
    assert not (copy / RESULTS / "runs/halfcheetah/medium/ours/seed1").exists()


def test_a_baseline_file_that_is_not_there_is_one_message(snakemake: Snakemake, scale: Path) -> None:
    done = snakemake("-n", "--config", f"scale={scale}", "baselines=[/no/such.smk]")
    assert done.returncode == 2
    assert "--config baselines=/no/such.smk: no such file" in done.stdout
    assert "Traceback" not in done.stdout
