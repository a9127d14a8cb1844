"""Every job behind the numbers, compact, for the sections that the page's script opens."""

import json
import os
from collections.abc import Callable, Mapping
from math import isnan
from os.path import exists
from pathlib import Path
from typing import Any

import pandas as pd

from off2on.analysis.compare import flat_settings
from off2on.analysis.tables import Tables, records
from off2on.envs.tasks import names_of
from off2on.figures.sheets import NOTHING
from off2on.figures.spec import SCRATCH
from off2on.results import NAMES
from off2on.results.schema import PLACES

_RUN = ["task", "dataset", "method"]
_SUCCESS = "success at the last step, %"
#: evaluations of a curve that are kept
POINTS = 60
#: what a section says of each seed: heading, key of run.json
FACTS = {
    "started": "started",
    "ended": "ended",
    "wall s": "wall_seconds",
    "gradient steps/s": "gradient_steps_per_second",
    "env steps/s": "env_steps_per_second",
    "MB": "peak_memory_mb",
    "processor": "cpu",
    "graphics": "gpu",
    "settings": "config_hash",
    "code": "code_hash",
    "dataset sha256": "dataset_sha256",
}
#: of a directory of results, and beside its log
FILES = ("progress.csv", "run.json")


def run_key(kind: str, info: Mapping[str, Any]) -> str:
    """'runs/halfcheetah/medium/ours': the jobs that differ in their seed alone."""
    return "/".join((PLACES[kind], info["task"], info["dataset"], info[NAMES[kind]]))


def run_link(kind: str, *infos: Mapping[str, Any]) -> str:
    """Where a number of such jobs leads: to all of them; empty without any."""
    return f"#run={','.join(run_key(kind, info) for info in infos)}" if infos else ""


def panel_link(title: str, drawn: pd.DataFrame) -> str:
    """Where the numbers of a panel lead: to its runs, with those from scratch on its task; empty without any.

    Args:
        title: of the panel, a task or 'task-dataset'.
        drawn: the numbers of the figure.
    """
    if not {*_RUN} <= {*drawn.columns}:
        return ""
    here = drawn[(drawn["task"] == title) | (drawn["task"] + "-" + drawn["dataset"] == title)]
    scratch = drawn[(drawn["dataset"] == SCRATCH) & drawn["task"].isin(here["task"])]
    return run_link("finetune", *records(pd.concat([here, scratch])[_RUN].drop_duplicates()))


def commit(info: Mapping[str, Any]) -> str:
    """A short commit, with '+' if the working tree had changes."""
    return f"{info['git_commit'][:10]}{'+' if info['git_dirty'] else ''}" if info["git_commit"] else NOTHING


def run_data(tables: Tables, results: Path, logs: Path, out: Path) -> dict[str, Any]:
    """What the page's script knows of jobs.

    Args:
        tables: curves and provenance.
        results: below it lie the directories of the jobs, if they are here.
        logs: below it lie their logs, if they are here.
        out: the directory of the page; paths of files are relative to it.

    Returns:
        `groups`: key -> label, what the curve shows, x axis, index of settings and packages, and seeds, each with
        curve `x`, `y`, facts and the files that are here; `here`: where results and logs lie from the page;
        `settings`, `packages`: what groups point to; `facts`: headings.
    """
    curves, places = _curves(tables), _places(results, logs)
    settings, packages, groups = _Distinct(), _Distinct(), dict[str, dict[str, Any]]()
    for info in tables.provenance:
        kind = info["kind"]
        key = run_key(kind, info)
        if key not in groups:
            groups[key] = _group(info) | {"settings": settings.index(flat_settings(info["settings"]))}
        x, y = curves.get((key, info["seed"]), ([], []))
        versions = ", ".join(f"{name} {version}" for name, version in info["packages"].items() if version)
        groups[key]["seeds"].append(
            {
                "seed": info["seed"],
                "x": x,
                "y": y,
                "commit": commit(info),
                "facts": [_short(info.get(name)) for name in FACTS.values()],
                "packages": packages.index(versions),
                "files": [name for name, path in places.items() if exists(path(key, info["seed"]))],  # noqa: PTH110 - of thousands
            }
        )
    here = {
        name: Path(os.path.relpath(path, out)).as_posix() for name, path in (("results", results), ("logs", logs))
    }
    shared = {"settings": settings.values, "packages": packages.values, "facts": list(FACTS)}
    return {"groups": groups, "here": here} | shared


def _group(info: Mapping[str, Any]) -> dict[str, Any]:
    """What jobs share that differ in their seed alone."""
    kind = info["kind"]
    return {
        "label": info.get("method_settings", {}).get("label") or info[NAMES[kind]].upper(),
        "value": _SUCCESS if info["task"] in names_of("manipulation") else "average return",
        "axis": "environment steps" if kind == "finetune" else "gradient steps",
        "members": info["members"],
        "seeds": [],
    }


class _Distinct:
    """Values that many jobs share, once each."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._known: dict[str, int] = {}

    def index(self, value: Any) -> int:
        """Where it stands among the values."""
        index = self._known.setdefault(json.dumps(value), len(self.values))
        if index == len(self.values):
            self.values.append(value)
        return index


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 1)
    # hashes are recognised by their first digits
    return value[:12] if isinstance(value, str) and len(value) == 64 else value


def _curves(tables: Tables) -> dict[tuple[str, int], tuple[list[int], list[float | None]]]:
    """(key, seed) -> steps and returns, or percents of success where a task has it, thinned."""
    found: dict[tuple[str, int], tuple[list[int], list[float | None]]] = {}
    parts = (("finetune", tables.curves, "env_steps"), ("pretrain", tables.pretrain, "gradient_steps"))
    for kind, table, x in parts:
        columns = [table[name] for name in ("task", "dataset", NAMES[kind], "seed", x)]
        values = (100 * table["success_last"]).where(
            table["task"].isin(names_of("manipulation")), table["return_mean"]
        )
        jobs = zip(*(column.tolist() for column in (*columns, values)), strict=True)
        for task, dataset, name, seed, step, value in jobs:
            steps, shown = found.setdefault(
                (run_key(kind, {"task": task, "dataset": dataset, NAMES[kind]: name}), seed), ([], [])
            )
            steps.append(step)
            shown.append(None if isnan(value) else round(value, 1))
    return {job: tuple(line[:: -(-len(line) // POINTS)] for line in lines) for job, lines in found.items()}  # type: ignore[misc]


def _places(results: Path, logs: Path) -> dict[str, Callable[[str, int], str]]:
    """What a job leaves -> its path, from key and seed."""
    below, of_logs = str(results), str(logs)

    def file(name: str) -> Callable[[str, int], str]:
        return lambda key, seed: f"{below}/{key}/seed{seed}/{name}"

    def log(key: str, seed: int) -> str:
        place, rest = key.split("/", 1)
        return f"{of_logs}/{'finetune' if place == 'runs' else place}/{rest}-seed{seed}.log"

    return {name: file(name) for name in FILES} | {"log": log}
