"""The statements that a run of the benchmark must show, checked seed by seed."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from off2on.analysis.tables import records

#: claim -> statement, as the report prints it
STATEMENTS = {
    "cql_return": "CQL reaches 80 % of the dataset's mean episode return",
    "cql_auroc": "CQL's Q ranks data above random actions: AUROC > 0.6",
    "ours_improves": "Ours: mean of the last two evaluations above the first",
    "offline_share_falls": "Ours: offline fraction of the last epoch at most half of the first's",
    "offline_share_lower": "Ours: offline fraction of the last epoch below medium-expert's",
}
COLUMNS = ["claim", "statement", "task", "dataset", "seed", "value", "bound", "reached"]

Claim = tuple[str, float, float, bool]


def check_claims(runs: pd.DataFrame, pretrain: pd.DataFrame) -> pd.DataFrame:
    """One row per claim, task, dataset and seed that the tables have values for.

    Args:
        runs: runs.csv.
        pretrain: pretrain.csv.

    Returns:
        columns claim, statement, task, dataset, seed, value, bound, reached.
    """
    last = pretrain[(pretrain["algorithm"] == "cql") & (pretrain["dataset"] == "medium")]
    last = last.groupby(["task", "dataset", "seed"], as_index=False).tail(1)
    ours = runs[runs["method"] == "ours"]
    rows = [(row, claim) for row in records(last) for claim in _offline(row)]
    rows += [(row, claim) for row in records(ours) for claim in _online(row, ours)]
    table = pd.DataFrame(
        [
            (name, STATEMENTS[name], row["task"], row["dataset"], row["seed"], value, bound, reached)
            for row, (name, value, bound, reached) in rows
        ],
        columns=COLUMNS,
    )
    order = table["claim"].map(list(STATEMENTS).index)
    table = table.assign(order=order).sort_values(["order", "task", "dataset", "seed"]).drop(columns="order")
    return table[table["value"].notna() & table["bound"].notna()].reset_index(drop=True)


def _offline(row: dict[str, Any]) -> Iterator[Claim]:
    bound = 0.8 * row["dataset_mean_return"] if row["dataset_mean_return"] is not None else float("nan")
    yield "cql_return", row["return_mean"], bound, row["return_mean"] >= bound
    yield "cql_auroc", row["q_auroc"], 0.6, row["q_auroc"] > 0.6


def _online(row: dict[str, Any], ours: pd.DataFrame) -> Iterator[Claim]:
    if row["dataset"] in {"random", "medium"}:
        yield "ours_improves", row["return_final"], row["return_first"], row["return_final"] > row["return_first"]
    if row["dataset"] == "random":
        share, half = row["offline_fraction_last"], row["offline_fraction_first"] / 2
        yield "offline_share_falls", share, half, share <= half
        same = (ours["task"] == row["task"]) & (ours["seed"] == row["seed"])
        for other in ours.loc[same & (ours["dataset"] == "medium-expert"), "offline_fraction_last"]:
            yield "offline_share_lower", share, other, share < other
