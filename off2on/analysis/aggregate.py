"""Run directories -> the tidy tables that figures and report read."""

import json
from collections.abc import Iterable, Mapping
from math import isnan
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from off2on.analysis.run_statistics import STATISTICS
from off2on.analysis.tables import BUDGET, LIKELIHOOD_COLUMNS, Tables, write_tables
from off2on.envs.tasks import TASKS
from off2on.errors import Off2OnError
from off2on.results import COLUMNS, COUNTS, Run, read_run

_RUN_KEYS = ["task", "dataset", "method", "label", "seed"]
_PRETRAIN_KEYS = ["task", "dataset", "algorithm", "seed", "members", "dataset_mean_return"]
#: column of runs.csv -> column of progress.csv, statistic
_SUMMARY = {
    "return_first": ("return_mean", "first"),
    "return_last": ("return_mean", "last"),
    "return_final": ("return_mean", "final"),
    "return_best": ("return_mean", "best"),
    "normalized_final": ("normalized_score", "final"),
    "offline_fraction_first": ("offline_fraction", "first"),
    "offline_fraction_last": ("offline_fraction", "last"),
}
_RUN_COLUMNS = [
    *(*_RUN_KEYS, "members", "evaluations", "env_steps", "gradient_steps", *_SUMMARY),
    *("wall_seconds", "gradient_steps_per_second", "env_steps_per_second", "peak_memory_mb"),
]


class Described(Protocol):
    """How the report calls a method: what `methods.Method` has."""

    @property
    def label(self) -> str:
        """Its name in legends and tables."""

    @property
    def description(self) -> str:
        """One line."""


Methods = Mapping[str, Described]


def aggregate(paths: Iterable[Path], out_dir: Path, methods: Methods | None = None) -> None:
    """Write the tables of these jobs: `gather_tables`, `write_tables`."""
    write_tables(gather_tables(paths, methods), out_dir)


def gather_tables(paths: Iterable[Path], methods: Methods | None = None, results: Path | None = None) -> Tables:
    """The tables of these jobs, sorted.

    Args:
        paths: directories of fine-tuning runs and of pre-trainings (run.json says which is which), and the CSV
            files of `off2on likelihood`, each with its JSON beside it.
        methods: labels and descriptions of the project's own methods; those of others are in their run.json.
        results: `results/<scale>/<source>`, where cost and renderings lie.

    Raises:
        Off2OnError: a directory or a file is incomplete or wrong.
    """
    found = {Path(path).absolute() for path in paths}
    likelihoods = {path for path in found if path.suffix == ".csv"}
    jobs = sorted((_described(read_run(path), methods or {}) for path in found - likelihoods), key=_order)
    tuned = [job for job in jobs if job.info["kind"] == "finetune"]
    trained = [job for job in jobs if job.info["kind"] == "pretrain"]
    return Tables(
        curves=_frame(_evaluations(tuned, _RUN_KEYS), [*_RUN_KEYS, *COLUMNS]),
        pretrain=_frame(_evaluations(trained, _PRETRAIN_KEYS), [*_PRETRAIN_KEYS, *COLUMNS]),
        runs=_frame([_head(run, _RUN_COLUMNS) | _summary(run) for run in tuned], _RUN_COLUMNS),
        provenance=[run.info for run in (*trained, *tuned)],
        likelihood=_likelihoods(likelihoods),
        results=results,
    )


def _described(run: Run, methods: Methods) -> Run:
    """The run with today's words for its method, and with the normalised scores that it leaves out."""
    info, rows, task = run.info, run.rows, TASKS.get(run.info["task"])
    if (method := methods.get(info.get("method", ""))) is not None:
        words = {"label": method.label, "description": method.description}
        info = info | {"method_settings": info["method_settings"] | words}
    if task is not None:
        rows = tuple(
            row | {"normalized_score": task.normalized(row["return_mean"])}
            if isnan(row["normalized_score"])
            else row
            for row in rows
        )
    return Run(run.path, info, rows)


def _likelihoods(paths: Iterable[Path]) -> pd.DataFrame:
    """The log-likelihoods of all jobs below one another."""
    parts = []
    for path in sorted(paths):
        try:
            info = json.loads(path.with_suffix(".json").read_text())
            head = {key: info[key] for key in LIKELIHOOD_COLUMNS[:3]}
            head["importance_samples"] = info["settings"]["importance_samples"]
            parts.append(pd.read_csv(path).assign(**head)[list(LIKELIHOOD_COLUMNS)])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Off2OnError(
                f"{path}: not what `off2on likelihood` writes, or its JSON beside it is not ({error!r}); remove "
                "both and run it again"
            ) from error
    return pd.concat(parts) if parts else pd.DataFrame(columns=list(LIKELIHOOD_COLUMNS))


def _order(job: Run) -> tuple[str, str, str, int]:
    return job.info["task"], job.info["dataset"], job.name, job.info["seed"]


def _evaluations(runs: list[Run], keys: list[str]) -> list[dict[str, Any]]:
    return [head | row for run in runs for head in [_head(run, keys)] for row in run.rows]


def _head(run: Run, keys: list[str]) -> dict[str, Any]:
    """Those of the keys that run.json has: what all rows of a job share."""
    info = run.info | {"label": run.info.get("method_settings", {}).get("label")}
    return {key: info[key] for key in keys if key in info}


def _summary(run: Run) -> dict[str, float]:
    """Statistics of the first `BUDGET` steps."""
    rows = pd.DataFrame(run.rows).set_index("env_steps")
    rows = rows[rows.index <= BUDGET]
    found = {
        "evaluations": len(rows),
        "env_steps": rows.index[-1],
        "gradient_steps": rows["gradient_steps"].iloc[-1],
    }
    for name, (column, statistic) in _SUMMARY.items():
        known = rows[column].dropna()
        found[name] = STATISTICS[statistic].of(known) if len(known) else float("nan")
    return found


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({name: "Int64" for name in COUNTS if name in columns})
