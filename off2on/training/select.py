"""Which checkpoint of offline pre-training is fine-tuned: the best step over all seeds, one a task [S136]."""

import csv
import io
import json
import re
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

from off2on.errors import Off2OnError
from off2on.files import atomic, sha256, write_text
from off2on.paths import kept
from off2on.results import COLUMNS
from off2on.results.directory import Run, check_outputs, read_run
from off2on.results.run_json import checksum

_NAME = re.compile(r"agent-(\d+)\.safetensors")


def select(directories: Sequence[Path], out: Path) -> int:
    """Write `out/seed<k>` for every seed: its pre-training directory as it was at the best step.

    The best step has the highest success at the last step of an episode, or the highest return where there is no
    success, as mean over the seeds; of equals, the first.

    Args:
        directories: the finished pre-trainings of one algorithm on one dataset, one a seed.
        out: the directory of the chosen ones.

    Returns:
        the step.

    Raises:
        Off2OnError: a directory is incomplete, damaged or without checkpoints, or they are not of the same job.
    """
    runs = [read_run(directory) for directory in directories]
    _check_same(runs)
    scores = {step: _score(runs, step) for step in _common(runs)}
    best = max(scores, key=lambda step: (scores[step], -step))
    for run in runs:
        check_outputs(run.path, run.info, [kept(best)])
    for run in runs:
        _write(run, best, scores[best], len(runs), out / f"seed{run.info['seed']}")
    return best


def _check_same(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs:
        for key in ("kind", "task", "dataset", "algorithm", "config_hash"):
            if run.info.get(key) != first.info.get(key):
                raise Off2OnError(
                    f"{run.path / 'run.json'}: {key} is {run.info.get(key)!r}, in {first.path} it is "
                    f"{first.info.get(key)!r}; name the seeds of one pre-training"
                )
    seeds = [run.info["seed"] for run in runs]
    if len(set(seeds)) < len(seeds):
        raise Off2OnError(f"seeds {seeds}: one is there twice")


def _common(runs: Sequence[Run]) -> list[int]:
    """The steps of which every seed has a checkpoint and an evaluation."""
    found: list[set[int]] = []
    for run in runs:
        kept = {int(match[1]) for name in run.info.get("outputs", {}) if (match := _NAME.fullmatch(name))}
        found.append(kept & {int(row["gradient_steps"]) for row in run.rows})
        if not found[-1]:
            raise Off2OnError(f"{run.path} has no checkpoints; set pretraining.select_every of the scale")
    return sorted(set.intersection(*found))


def _score(runs: Sequence[Run], step: int) -> float:
    at = [next(row for row in run.rows if row["gradient_steps"] == step) for run in runs]
    column = "return_mean" if any(isnan(row["success_last"]) for row in at) else "success_last"
    return sum(row[column] for row in at) / len(at)


def _write(run: Run, step: int, score: float, seeds: int, out: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    rows = [row for row in run.rows if row["gradient_steps"] <= step]
    writer.writerows({key: "" if isnan(value) else value for key, value in row.items()} for row in rows)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "progress.csv", text.getvalue())
    with atomic(out / "agent.safetensors") as temporary:
        temporary.write_bytes((run.path / kept(step)).read_bytes())
    record: dict[str, Any] = run.info | {
        "selected": {"step": step, "score": score, "seeds": seeds},
        "outputs": {
            "progress.csv": {"rows": len(rows), "sha256": sha256(out / "progress.csv")},
            "agent.safetensors": {"sha256": sha256(out / "agent.safetensors")},
        },
    }
    record["sha256"] = checksum(record)
    write_text(out / "run.json", json.dumps(record, indent=1) + "\n")
