"""Two sets of results side by side: differences of score paired by seed, and settings that differ."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from off2on.analysis.comparisons import RUN, paired_difference
from off2on.analysis.run_statistics import STATISTICS
from off2on.analysis.tables import BUDGET, Tables
from off2on.results import NAMES

COLUMNS = ["task", "dataset", "method", "statistic", "unit", "first", "second", "difference", "low", "high", "n"]
#: of a run: the mean of the last two evaluations, and the mean over the run
COMPARED = ("final", "area")


class Differing(NamedTuple):
    """A setting with two values, and the jobs that have them."""

    key: str
    first: str
    second: str
    jobs: list[str]


def compare(first: Tables, second: Tables) -> pd.DataFrame:
    """Second minus first of every method on every dataset that both have, paired by seed.

    Scores where all runs of both have them, else returns; runs count up to the step that all of them reach.

    Returns:
        columns task, dataset, method, statistic ('final', 'area'), unit ('points', 'return'), first and second
        (means over the shared seeds), difference, low and high (95 % Student-t interval), n (shared seeds).
    """
    groups = [dict(iter(tables.curves.groupby(RUN[:-1], sort=False))) for tables in (first, second)]
    rows = [
        (*key, *row)
        for key, part in groups[0].items()
        if key in groups[1]
        for row in _compared(part, groups[1][key])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _compared(first: pd.DataFrame, second: pd.DataFrame) -> list[tuple[Any, ...]]:
    scored = not (first["normalized_score"].isna().any() or second["normalized_score"].isna().any())
    column, unit = ("normalized_score", "points") if scored else ("return_mean", "return")
    last = min(part.groupby("seed")["env_steps"].max().min() for part in (first, second))
    found = []
    for statistic in COMPARED:
        one, two = (_per_seed(part, column, statistic, min(last, BUDGET)) for part in (first, second))
        shared = one.index.intersection(two.index)
        if len(shared):
            value, low, high, n = paired_difference(two, one)
            found.append((statistic, unit, one[shared].mean(), two[shared].mean(), value, low, high, n))
    return found


def _per_seed(runs: pd.DataFrame, column: str, statistic: str, last: int) -> "pd.Series[float]":
    shown = runs[runs["env_steps"] <= last].sort_values("env_steps").set_index("env_steps")
    values: pd.Series[float] = shown.groupby("seed")[column].agg(STATISTICS[statistic].of)
    return values.dropna()


def differing_settings(first: Tables, second: Tables) -> list[Differing]:
    """Settings, and what else decides about numbers, with other values in the two, for jobs that both have."""
    one, two = (_by_job(tables) for tables in (first, second))
    found: dict[tuple[str, str, str], list[str]] = {}
    for job in (job for job in one if job in two):
        for key in dict.fromkeys([*one[job], *two[job]]):
            before, after = (said.get(key, "not there") for said in (one[job], two[job]))
            if before != after:
                found.setdefault((key, before, after), []).append(job)
    return [Differing(*key, jobs) for key, jobs in found.items()]


def _by_job(tables: Tables) -> dict[str, dict[str, str]]:
    """'ours on halfcheetah-medium' -> settings by dotted key, size, data and code; of its first seed."""
    found: dict[str, dict[str, str]] = {}
    for info in tables.provenance:
        name = f"{info[NAMES[info['kind']]]} on {info['task']}-{info['dataset']}"
        job = name if info["kind"] == "finetune" else f"{name}, offline"
        shown = {key: str(info.get(key))[:12] for key in ("members", "dataset_sha256", "code_hash", "git_commit")}
        found.setdefault(job, shown | flat_settings(info["settings"]))
    return found


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted key -> value as text."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            found |= flat_settings(value, f"{prefix}{key}.")
        else:
            text = "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
            found[f"{prefix}{key}"] = text
    return found
