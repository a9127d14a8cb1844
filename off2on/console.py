"""What a run of the workflow shows: a line a finished job and the time left, instead of Snakemake's own messages.

Snakemake writes these to its log under .snakemake/log all the same, and `--verbose` brings them back. Errors and
warnings are shown as Snakemake words them.
"""

import csv
import logging
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tqdm import tqdm

from off2on.plan import duration
from off2on.status import pace_of

_GREEN, _RESET = "\033[32m", "\033[0m"


class Step(NamedTuple):
    """A step of the workflow."""

    name: str
    #: by the plan
    seconds: float
    #: of a training job; None: it is another one
    directory: Path | None = None


class Console(logging.Handler):
    """Takes the place of Snakemake's handler of the terminal."""

    def __init__(
        self, former: logging.Handler, takes_over: Callable[[], bool], stream: TextIO = sys.stderr
    ) -> None:
        """`former` shows what this does not, and everything while `takes_over` says no."""
        super().__init__()
        self._former, self._takes_over, self._stream = former, takes_over, stream
        self._steps: Mapping[int, Step] = {}
        self._cores = 1
        self._started: dict[int, float] = {}
        #: planned and measured seconds of finished steps
        self._measured: list[tuple[float, float]] = []
        self._done: set[int] = set()
        self._bar: tqdm[Any] | None = None

    def begin(self, steps: Mapping[int, Step], cores: int) -> None:
        """Say what there is to do; `steps` by the ids that Snakemake gives them."""
        self._steps, self._cores = steps, max(1, cores)
        seconds = sum(step.seconds for step in steps.values()) / self._cores
        self.say(f"{len(steps)} steps, at most {self._cores} at once, by the plan {duration(seconds)}")
        if self._stream.isatty():
            form = "{l_bar}{bar}| {n_fmt}/{total_fmt} steps{postfix}"
            self._bar = tqdm(total=len(steps), file=self._stream, bar_format=form, leave=False, dynamic_ncols=True)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def say(self, text: str) -> None:
        """A line, above the bar if there is one."""
        tqdm.write(text, file=self._stream)
        self._stream.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Show what matters of a message of Snakemake."""
        event = getattr(getattr(record, "event", None), "name", "")
        nothing_to_do = record.getMessage().startswith("Nothing to be done")
        if not self._takes_over() or record.levelno >= logging.WARNING or nothing_to_do:
            self._former.handle(record)
        elif event == "JOB_STARTED":
            self._started |= dict.fromkeys(record.__dict__["jobs"], time.monotonic())
        elif event == "JOB_FINISHED":
            self._finish(record.__dict__["job_id"])

    def _finish(self, step_id: int) -> None:
        if (step := self._steps.get(step_id)) is None or step_id in self._done:
            return
        self._done.add(step_id)
        now = time.monotonic()
        took = now - self._started.pop(step_id, now)
        self._measured.append((step.seconds, took))
        mark = f"{_GREEN}done{_RESET}" if self._stream.isatty() else "done"
        result = last_result(step.directory) if step.directory else ""
        left = self.time_left()
        self.say(
            f"{len(self._done):>4}/{len(self._steps)} {mark} {step.name}: {duration(took)}{result}; {left} left"
        )
        if self._bar is not None:
            self._bar.set_postfix_str(f"{left} left", refresh=False)
            self._bar.update(1)

    def time_left(self) -> str:
        """By the plan, and how fast the finished steps were against it."""
        rest = sum(step.seconds for key, step in self._steps.items() if key not in self._done)
        return duration(rest * pace_of(iter(self._measured)) / self._cores)


def last_result(directory: Path) -> str:
    """', return 3913 (score 34.1)' of the last evaluation of a job; empty where there is none."""
    try:
        with (directory / "progress.csv").open(newline="") as stream:
            row = list(csv.DictReader(stream))[-1]
        score = f" (score {float(row['normalized_score']):.1f})" if row["normalized_score"] else ""
        return f", return {round(float(row['return_mean']))}{score}"
    except (OSError, LookupError, ValueError):
        return ""


def summary(figures: Path) -> list[str]:
    """The end of a run: final scores, and how often each verdict was found; nothing where the report has none."""
    try:
        with (figures / "table_final.csv").open(newline="") as stream:
            final = list(csv.DictReader(stream))
        with (figures / "table_claims.csv").open(newline="") as stream:
            claims = [row for row in csv.DictReader(stream) if row["figures"]]
    except (OSError, LookupError):
        return []
    verdicts: dict[str, int] = {}
    for row in claims:
        verdicts[row["verdict"]] = verdicts.get(row["verdict"], 0) + 1
    told = ", ".join(
        f"{count} {verdict}" for verdict, count in sorted(verdicts.items(), key=lambda kind: -kind[1])
    )
    return [*_score_table(final), f"the paper's claims: {told or 'none'}"]


def _score_table(final: list[dict[str, str]]) -> list[str]:
    """Final normalised score, or return where a task has none: datasets down, methods across.

    A method from scratch is the same on every dataset of its task.
    """
    methods = dict.fromkeys(row["label"] for row in final)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in final:
        digits, kind = (1, "normalized") if row["normalized_mean"] else (0, "return")
        text = f"{float(row[f'{kind}_mean']):.{digits}f}" if row[f"{kind}_mean"] else ""
        found.setdefault((row["task"], row["dataset"]), {})[row["label"]] = text
    offline = {task for task, dataset in found if dataset != "none"}
    rows = [
        [f"{task}-{dataset}", *((found.get((task, "none"), {}) | of).get(method, "") for method in methods)]
        for (task, dataset), of in found.items()
        if dataset != "none" or task not in offline
    ]
    table = [["final score", *methods], *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in table
    ]
