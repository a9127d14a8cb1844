"""Run directories -> the tidy tables that figures and report read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from off2on.analysis.claims import check_claims
from off2on.analysis.curves import BUDGET
from off2on.analysis.tables import FILES, LIKELIHOOD_COLUMNS
from off2on.errors import Off2OnError
from off2on.files import write_text
from off2on.results import COLUMNS, COUNTS, Run, read_run

_RUN_KEYS = ["task", "dataset", "method", "label", "seed"]
_PRETRAIN_KEYS = ["task", "dataset", "algorithm", "seed", "members", "dataset_mean_return"]
_RUN_COLUMNS = [
    *_RUN_KEYS,
    "members",
    "evaluations",
    "env_steps",
    "gradient_steps",
    "return_first",
    "return_last",
    "return_final",
    "return_best",
    "normalized_final",
    "offline_fraction_first",
    "offline_fraction_last",
    "wall_seconds",
    "gradient_steps_per_second",
    "env_steps_per_second",
    "peak_memory_mb",
]


def aggregate(directories: Iterable[Path], out_dir: Path, likelihoods: Iterable[Path] = ()) -> None:
    """Write the tables `FILES`, sorted, each atomically.

    Args:
        directories: of fine-tuning runs and of pre-trainings; run.json says which is which.
        out_dir: the `analysis/` directory.
        likelihoods: the CSV files of `off2on likelihood`, each with its JSON beside it.

    Raises:
        Off2OnError: a directory is incomplete or wrong, or a file cannot be written.
    """
    jobs = sorted((read_run(path) for path in {Path(path).absolute() for path in directories}), key=_order)
    tuned = [job for job in jobs if job.info["kind"] == "finetune"]
    trained = [job for job in jobs if job.info["kind"] == "pretrain"]
    curves = _frame(_evaluations(tuned, _RUN_KEYS), [*_RUN_KEYS, *COLUMNS])
    pretrain = _frame(_evaluations(trained, _PRETRAIN_KEYS), [*_PRETRAIN_KEYS, *COLUMNS])
    summary = _frame([_head(run, _RUN_COLUMNS) | _summary(run) for run in tuned], _RUN_COLUMNS)
    claims = check_claims(summary, pretrain)
    likelihood = _likelihoods(likelihoods)
    for name, table in zip(FILES, (curves, pretrain, summary, claims, likelihood), strict=False):
        write_text(out_dir / name, table.to_csv(index=False, lineterminator="\n"))
    infos = [run.info for run in (*trained, *tuned)]
    write_text(out_dir / FILES[-1], json.dumps(infos, indent=1) + "\n")


def _likelihoods(paths: Iterable[Path]) -> pd.DataFrame:
    """The log-likelihoods of all jobs below one another."""
    parts = []
    for path in sorted({Path(path).absolute() for path in paths}):
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
    """First, last, best and final values of the first `BUDGET` steps; final: mean of the last two evaluations."""
    rows = pd.DataFrame(run.rows)
    rows = rows[rows["env_steps"] <= BUDGET]
    returns, shares = rows["return_mean"], rows["offline_fraction"].dropna()
    return {
        "evaluations": len(rows),
        "env_steps": rows["env_steps"].iloc[-1],
        "gradient_steps": rows["gradient_steps"].iloc[-1],
        "return_first": returns.iloc[0],
        "return_last": returns.iloc[-1],
        "return_final": returns.tail(2).mean(),
        "return_best": returns.max(),
        "normalized_final": rows["normalized_score"].tail(2).mean(skipna=False),
        "offline_fraction_first": shares.iloc[0] if len(shares) else float("nan"),
        "offline_fraction_last": shares.iloc[-1] if len(shares) else float("nan"),
    }


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({name: "Int64" for name in COUNTS if name in columns})
