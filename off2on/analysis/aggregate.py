"""Run directories -> the tidy tables that figures and report read."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from off2on.analysis.dataset_facts import gather_facts
from off2on.analysis.likelihoods import read_likelihoods
from off2on.analysis.run_statistics import STATISTICS
from off2on.analysis.tables import (
    BUDGET,
    COLUMNS_OF,
    PRETRAIN_KEYS,
    RUN_KEYS,
    SUMMARY,
    Tables,
    write_tables,
)
from off2on.analysis.together import check_together
from off2on.envs.tasks import TASKS
from off2on.reading import Reading
from off2on.results import COUNTS
from off2on.results.directory import Run, read_run


class Described(Protocol):
    """How the report calls a method: what `methods.Method` has."""

    @property
    def label(self) -> str:
        """Its name in legends and tables."""

    @property
    def description(self) -> str:
        """One line."""


Methods = Mapping[str, Described]


def aggregate(
    paths: Iterable[Path], out_dir: Path, methods: Methods | None = None, place: tuple[str, str] | None = None
) -> None:
    """Write the tables of these jobs, and what the files of their datasets say of themselves."""
    found = list(paths)
    tables = gather_tables(found, methods, place=place)
    write_tables(replace(tables, datasets=gather_facts({_dataset(path.absolute()) for path in found})), out_dir)


def _dataset(job: Path) -> tuple[str, Path]:
    """The name of the dataset that a job's directory is named after, and where its file lies beside the jobs."""
    # .../datasets beside .../runs/<task>/<dataset>/<method>/seed<k>
    name = "/".join(job.parts[-4:-2])
    return name, Path(*job.parts[:-5], "datasets", f"{name}.hdf5")


def gather_tables(
    paths: Iterable[Path],
    methods: Methods | None = None,
    results: Path | None = None,
    place: tuple[str, str] | None = None,
    reading: Reading | None = None,
) -> Tables:
    """The tables of these jobs, sorted.

    Args:
        paths: directories of fine-tuning runs and of pre-trainings (run.json says which is which), and the CSV
            files of `off2on likelihood`, each with its JSON beside it.
        methods: labels and descriptions of the project's own methods; those of others are in their run.json.
        results: `results/<scale>/<source>`, where cost and renderings lie.
        place: scale and source that all must be of; None: those of the first.
        reading: how the numbers of the scale may be read.

    Raises:
        Off2OnError: a directory or a file is incomplete or wrong, or two of them do not belong together.
    """
    # links stay: a run is where its name says
    found = {Path(os.path.abspath(path)) for path in paths}  # noqa: PTH100
    likelihoods = {path for path in found if path.suffix == ".csv"}
    jobs = sorted((_described(read_run(path), methods or {}) for path in found - likelihoods), key=_order)
    check_together(jobs, place)
    tuned = [job for job in jobs if job.info["kind"] == "finetune"]
    trained = [job for job in jobs if job.info["kind"] == "pretrain"]
    return Tables(
        curves=_frame(_evaluations(tuned, RUN_KEYS), COLUMNS_OF["curves"]),
        pretrain=_frame(_evaluations(trained, PRETRAIN_KEYS), COLUMNS_OF["pretrain"]),
        runs=_frame([_head(run, COLUMNS_OF["runs"]) | _summary(run) for run in tuned], COLUMNS_OF["runs"]),
        provenance=[run.info for run in (*trained, *tuned)],
        likelihood=read_likelihoods(likelihoods, place),
        results=results,
        reading=reading or Reading(),
    )


def _described(run: Run, methods: Methods) -> Run:
    """The run with today's words for its method, and with the normalised scores that it leaves out."""
    info, rows, task = run.info, run.rows, TASKS.get(run.info["task"])
    if (method := methods.get(info.get("method", ""))) is not None:
        words = {"label": method.label, "description": method.description}
        info = info | {"method_settings": info["method_settings"] | words}
    if task is not None:
        rows = tuple(
            row if score is None or not isnan(row["normalized_score"]) else row | {"normalized_score": score}
            for row in rows
            for score in [task.normalized(row["return_mean"])]
        )
    return Run(run.path, info, rows)


def _order(job: Run) -> tuple[str, str, str, int]:
    return job.info["task"], job.info["dataset"], job.name, job.info["seed"]


def _evaluations(runs: list[Run], keys: Sequence[str]) -> list[dict[str, Any]]:
    return [head | row for run in runs for head in [_head(run, keys)] for row in run.rows]


def _head(run: Run, keys: Sequence[str]) -> dict[str, Any]:
    """Those of the keys that run.json has: what all rows of a job share."""
    info = run.info | {"label": run.info.get("method_settings", {}).get("label")}
    return {key: info[key] for key in keys if key in info}


def _summary(run: Run) -> dict[str, float]:
    """Statistics of the first `BUDGET` steps."""
    rows = [row for row in run.rows if row["env_steps"] <= BUDGET]
    found = {"evaluations": len(rows)} | {
        key: rows[-1][key] if rows else nan for key in ("env_steps", "gradient_steps")
    }
    for column in {column: None for column, _ in SUMMARY.values()}:
        known = {row["env_steps"]: row[column] for row in rows if not isnan(row[column])}
        values = pd.Series(known, dtype=float)
        found |= {
            name: STATISTICS[statistic].of(values) if known else nan
            for name, (read, statistic) in SUMMARY.items()
            if read == column
        }
    return found


def _frame(rows: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    return table.astype({name: "Int64" for name in COUNTS if name in columns})
