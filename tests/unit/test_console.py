"""What a run of the workflow shows in the terminal, and what `off2on status` says about it from another one."""

import io
import logging
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from off2on.console import Console, Step, last_result, summary
from off2on.paths import Layout
from off2on.plan import duration
from off2on.scale import load_scale
from off2on.status import status, training_jobs
from tests.unit.synthetic_results import Tree


class Terminal(io.StringIO):
    def __init__(self, tty: bool) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


def record(event: str | None, text: str = "", level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", level, "", 0, text, None, None)
    made.__dict__.update(extra | {"event": SimpleNamespace(name=event) if event else None})
    return made


def console(tty: bool = False, active: bool = True) -> tuple[Console, Terminal, Terminal]:
    """A console, its terminal, and what Snakemake's own handler shows."""
    terminal, former = Terminal(tty), Terminal(False)
    return Console(logging.StreamHandler(former), lambda: active, terminal), terminal, former


def test_a_line_a_finished_step_with_its_result_and_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "progress.csv").write_text("return_mean,normalized_score\n1.0,2.0\n3913.4,34.06\n")
    clock = iter([100.0, 130.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    shown, terminal, former = console()
    shown.begin({1: Step("pretrain cql", 10.0, tmp_path), 2: Step("draw fig_3", 30.0), 3: Step("report", 20.0)}, 2)
    shown.emit(record("JOB_STARTED", jobs=[1, 2]))
    shown.emit(record("JOB_INFO", "rule pretrain: and twenty lines more"))
    shown.emit(record("JOB_FINISHED", job_id=1))
    shown.emit(record("PROGRESS", "1 of 3 steps (33%) done"))
    assert terminal.getvalue().splitlines() == [
        "3 steps, at most 2 at once, by the plan 30 s",
        # three times slower than planned: 50 more planned seconds on two cores
        "   1/3 done pretrain cql: 30 s, return 3913 (score 34.1); 75 s left",
    ]
    assert former.getvalue() == ""
    assert "\033" not in terminal.getvalue()


def test_warnings_errors_and_nothing_to_do_are_shown_as_snakemake_words_them() -> None:
    shown, terminal, former = console()
    shown.emit(record("JOB_ERROR", "Error in rule pretrain", logging.ERROR))
    shown.emit(record(None, "a warning", logging.WARNING))
    shown.emit(record(None, "Building DAG of jobs..."))
    shown.emit(record(None, "Nothing to be done (all requested files are present and up to date)."))
    assert former.getvalue().splitlines()[:2] == ["Error in rule pretrain", "a warning"]
    assert "Nothing to be done" in former.getvalue()
    assert "DAG" not in former.getvalue() + terminal.getvalue()


def test_a_dry_run_is_snakemakes_own() -> None:
    shown, terminal, former = console(active=False)
    shown.emit(record("JOB_INFO", "rule pretrain:"))
    assert (terminal.getvalue(), former.getvalue()) == ("", "rule pretrain:\n")


def test_a_terminal_has_a_bar_and_colour() -> None:
    shown, terminal, _ = console(tty=True)
    shown.begin({1: Step("collect", 10.0)}, 1)
    shown.emit(record("JOB_STARTED", jobs=[1]))
    shown.emit(record("JOB_FINISHED", job_id=1))
    shown.end()
    assert "\033[32mdone\033[0m collect" in terminal.getvalue()
    assert "0/1 steps" in terminal.getvalue()


def test_a_job_without_evaluations_has_no_result(tmp_path: Path) -> None:
    assert last_result(tmp_path) == ""
    (tmp_path / "progress.csv").write_text("return_mean,normalized_score\n")
    assert last_result(tmp_path) == ""
    (tmp_path / "progress.csv").write_text("return_mean,normalized_score\n-0.3,\n")
    assert last_result(tmp_path) == ", return 0"


def test_the_end_has_the_final_scores_and_the_counts_of_verdicts(tmp_path: Path) -> None:
    (tmp_path / "table_final.csv").write_text(
        "task,dataset,label,return_mean,normalized_mean\n"
        "halfcheetah,medium,Ours,3857.4,33.33\n"
        "halfcheetah,medium,AWAC,3996,34.4\n"
        "halfcheetah,none,SAC,-323,-0.34\n"
        "pick-place,mixed,Ours,0.5,\n"
    )
    (tmp_path / "table_claims.csv").write_text("figures,verdict\nfig_3,undecided\nfig_3,undecided\n,supported\n")
    assert summary(tmp_path) == [
        "final score         Ours  AWAC   SAC",
        "halfcheetah-medium  33.3  34.4  -0.3",
        "pick-place-mixed       0",
        "the paper's claims: 2 undecided",
    ]
    assert summary(tmp_path / "nowhere") == []


def test_durations() -> None:
    assert [duration(s) for s in (40, 89, 90, 5399, 5400)] == ["40 s", "89 s", "2 min", "90 min", "1.5 h"]


# ------------------------------------------------------------------------------------------------- status


def test_status_tells_done_running_stopped_and_waiting_apart(tmp_path: Path) -> None:
    scale = load_scale("smoke", methods=["ours"], datasets=["random"])
    layout = Layout("smoke", "local", tmp_path)
    pretraining, run = training_jobs(scale, layout)
    assert status(scale, layout)[0].endswith("training jobs 0 done, 0 running, 0 stopped, 2 waiting")
    Tree(tmp_path, "smoke", methods=("ours",), datasets=("random",), seeds=1).write()
    (run.directory / "run.json").unlink()
    run.log.parent.mkdir(parents=True)
    run.log.write_text(
        "\rours:  20%| | 120/600 [00:10<00:40, 12.0it/s]\rours: 50%| | 300/600 [00:25<00:25, 12.0it/s]"
    )
    head, left, running = status(scale, layout)
    assert head.endswith("1 done, 1 running, 0 stopped, 0 waiting")
    assert left.startswith("left: ")
    assert running == "  running: fine-tune ours on halfcheetah/random, seed 0, 00:25 left"
    run.log.write_text("ours: 50%\noff2on: error: the disk is full\n")
    os.utime(run.log, (time.time() - 600,) * 2)
    last = status(scale, layout)[-1]
    assert last.startswith(
        "  stopped: fine-tune ours on halfcheetah/random, seed 0: off2on: error: the disk is full"
    )
    assert pretraining.state == "done"
