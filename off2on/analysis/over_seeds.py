"""Statistics over seeds. The paper's shaded area is one standard deviation over seeds [S113]."""

import pandas as pd

GROUP = ["task", "dataset", "method"]


def mean_std(curves: pd.DataFrame, column: str, by: str = "env_steps") -> pd.DataFrame:
    """Mean and standard deviation over seeds at every evaluation.

    Args:
        curves: curves.csv or a part of it.
        column: the column to average; rows where it is empty do not count.
        by: the column that numbers the evaluations.

    Returns:
        columns task, dataset, method, `by`, mean, std, n; std has `n - 1` in the denominator and is NaN for one
        seed. Sorted by group and `by`.
    """
    return _mean_std(curves, column, [*GROUP, by])


def final_mean_std(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """The same over runs.csv: one row per task, dataset and method, with columns mean, std, n."""
    return _mean_std(runs, column, GROUP)


def _mean_std(table: pd.DataFrame, column: str, keys: list[str]) -> pd.DataFrame:
    known = table.dropna(subset=[column])
    grouped = known.groupby(keys, sort=True)[column]
    return grouped.agg(mean="mean", std="std", n="count").reset_index()
