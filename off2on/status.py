"""How far the workflow of a scale is, from its files alone: what `off2on status` prints from another terminal."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from off2on.paths import Layout
from off2on.plan import duration, finetune_cost, pretrain_cost
from off2on.results.run_json import read_info
from off2on.scale import Scale
from off2on.scale_jobs import finetune_job, pretrain_job, pretrainings, runs

State = Literal["done", "running", "stopped", "waiting"]
#: a job whose log has changed within this many seconds is at work: its bar says a line every ten
FRESH = 60.0
#: the end of a log that is read
_TAIL = 2000
#: the time left in a progress bar of tqdm: [00:30<01:12, ...]
_LEFT = re.compile(r"<((?:\d+:)?\d+:\d\d),")


@dataclass(frozen=True)
class Job:
    """A training job of a scale."""

    name: str
    directory: Path
    log: Path
    #: core-seconds by the plan
    planned: float

    @property
    def state(self) -> State:
        """By its files: run.json is written last."""
        if (self.directory / "run.json").is_file():
            return "done"
        if not self.log.is_file():
            return "waiting"
        return "running" if time.time() - self.log.stat().st_mtime < FRESH else "stopped"

    @property
    def last_line(self) -> str:
        """The last line of its log; a progress bar writes over its line."""
        with self.log.open("rb") as stream:
            stream.seek(max(0, self.log.stat().st_size - _TAIL))
            text = stream.read().decode(errors="replace")
        lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
        return lines[-1] if lines else ""

    @property
    def seconds(self) -> float:
        """What it took."""
        return float(read_info(self.directory)["wall_seconds"])


def training_jobs(scale: Scale, layout: Layout) -> Iterator[Job]:
    """The pre-trainings of a scale, then its runs."""
    wanted = runs(scale)
    for one in pretrainings(wanted) if not scale.pretrained else ():
        task, dataset, name, seed = one
        log = layout.logs / "pretrain" / task / dataset / f"{name}-seed{seed}.log"
        planned = pretrain_cost(pretrain_job(scale, one)).core_seconds
        yield Job(f"pretrain {name} on {task}/{dataset}, seed {seed}", layout.pretrain(*one), log, planned)
    for run in wanted:
        task, dataset, name, seed = run
        log = layout.logs / "finetune" / task / dataset / f"{name}-seed{seed}.log"
        planned = finetune_cost(finetune_job(scale, run)).core_seconds
        yield Job(f"fine-tune {name} on {task}/{dataset}, seed {seed}", layout.run(*run), log, planned)


def status(scale: Scale, layout: Layout) -> list[str]:
    """Lines: how many jobs are done and what is left, then the running and the stopped ones."""
    found: dict[State, list[Job]] = {"done": [], "running": [], "stopped": [], "waiting": []}
    for job in training_jobs(scale, layout):
        found[job.state].append(job)
    counts = ", ".join(f"{len(jobs)} {state}" for state, jobs in found.items())
    rest = [job for state in ("running", "stopped", "waiting") for job in found[state]]
    lines = [f"scale {scale.name}, source {scale.source}: training jobs {counts}"]
    if rest:
        pace = pace_of((job.planned, job.seconds) for job in found["done"])
        lines.append(f"left: {duration(pace * sum(job.planned for job in rest))} on one core, less on several")
    lines += [f"  running: {job.name}{_time_left(job.last_line)}" for job in found["running"]]
    return [*lines, *(f"  stopped: {job.name}: {job.last_line} ({job.log})" for job in found["stopped"])]


def _time_left(line: str) -> str:
    found = _LEFT.search(line)
    return f", {found[1]} left" if found else ""


def pace_of(jobs: Iterator[tuple[float, float]]) -> float:
    """Measured over planned seconds of finished jobs; 1 without any."""
    pairs = list(jobs) or [(1.0, 1.0)]
    return sum(measured for _, measured in pairs) / sum(planned for planned, _ in pairs)
