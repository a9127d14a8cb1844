"""The report's tables of claims, as text ready to print: verdicts, and what must show seed by seed."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from off2on.analysis.evidence import Evidence
from off2on.analysis.tables import ENOUGH, Tables, records
from off2on.analysis.verdicts import effect_text, figures_text, wanted_text
from off2on.figures.panels import select
from off2on.figures.sheets import NOTHING, Cell, Sheet, figure_order, place
from off2on.figures.style import in_order
from off2on.figures.words import seeds

#: (statistic, task, dataset, seed) -> whether the required claims hold there
Units = Mapping[tuple[Any, ...], bool]

_TONES = {"supported": "yes", "contradicted": "no"}
#: in the order in which verdicts are counted
_KINDS = (
    *("supported", "contradicted", "undecided", "same direction", "opposite direction"),
    *("runs too short", "runs without such a value"),
)


def verdict_counts(verdicts: pd.DataFrame) -> str:
    """'12 supported, 3 undecided, 5 no runs at this scale', in the order of docs/claims.md."""
    kinds = Counter(str(verdict).split(",")[0].split(":")[0] for verdict in verdicts["verdict"])
    return ", ".join(f"{kinds[kind]} {kind}" for kind in in_order(kinds, _KINDS))


def verdict_sheets(verdicts: pd.DataFrame) -> list[Sheet]:
    """The claims that runs of this scale test, then those that none does."""
    tested, silent = [], []
    for row in records(verdicts):
        cells: list[Cell | str] = [row["statement"], figures_text(row)]
        if row["n"]:
            verdict = Cell(row["verdict"], tone=_TONES.get(row["verdict"], ""))
            agree = f"{row['agree']} of {row['n']}"
            tested.append([*cells, verdict, effect_text(row), wanted_text(row), agree, row["measure"]])
        else:
            silent.append([*cells, Cell(row["verdict"], tone="quiet")])
    note = (
        "Effect: mean over pairs with its 95 % Student-t interval; a pair shares seed, task and, where both arms "
        "have it, dataset. “On all datasets” means on those that have such runs. Agree: pairs within the wanted "
        "bounds. Scores are normalised scores in points. Supported or contradicted: at least "
        f"{ENOUGH} pairs, and the interval wholly inside or outside these bounds. There is no correction for "
        "multiple tests."
    )
    header = ["claim", "figure", "verdict", "effect", "wanted", "agree", "measured"]
    return [
        Sheet("Claims that the runs of this scale test", header, tested, note),
        Sheet("Claims that the runs of this scale do not test", ["claim", "figure", "verdict"], silent),
    ]


# ------------------------------------------------------------------------------------------ what must show


def required_sheet(evidence: Evidence) -> Sheet:
    """How many seeds reach each required claim."""
    rows: list[list[Cell | str]] = []
    groups = _required(evidence).groupby(["statement", "task", "dataset"], sort=False)["holds"]
    for row in records(groups.agg(reached="sum", count="count").reset_index()):
        count = f"{row['reached']} of {seeds(row['count'])}"
        rows.append(
            [row["statement"], place(row["task"], row["dataset"]), Cell(count, row["reached"] == row["count"])]
        )
    return Sheet("Required claims, and the seeds that meet them", ["", "dataset", "reached"], rows)


def number_sheets(tables: Tables, evidence: Evidence | None) -> list[Sheet]:
    """The numbers behind the required claims, with a verdict on each if they have been tested."""
    units: Units = {}
    if evidence is not None:
        groups = _required(evidence).groupby(["statistic", "task", "dataset", "seed"])["holds"]
        units = {key: bool(part.all()) for key, part in groups}
    return [_offline_sheet(tables, units), _online_sheet(tables, units), _share_sheet(tables, units)]


def _required(evidence: Evidence) -> pd.DataFrame:
    """The pairs of the required claims: columns of claim_units.csv, statement, statistic."""
    claims = evidence.claims[evidence.claims["required"]]
    return claims[["claim", "statement", "statistic"]].merge(evidence.claim_units, on="claim")


def _holds(units: Units, statistic: str, row: dict[str, Any]) -> bool | None:
    """Whether the required claims with a statistic hold for a job; None: there are none about it."""
    return units.get((statistic, row["task"], row["dataset"], row["seed"]))


def _number(value: Any, digits: int = 0) -> str:
    return NOTHING if value is None or pd.isna(value) else f"{value:.{digits}f}"


def _head(row: dict[str, Any]) -> list[str]:
    return [place(row["task"], row["dataset"]), str(row["seed"])]


def _offline_sheet(tables: Tables, units: Units) -> Sheet:
    last = tables.pretrain[tables.pretrain["algorithm"] == "cql"].groupby(["task", "dataset", "seed"]).tail(1)
    rows: list[list[Cell | str]] = []
    for row in records(figure_order(last, "seed")):
        mean = row["dataset_mean_return"]
        ratio = row["return_mean"] / mean if mean and mean > 0 else None
        cells: list[Cell | str] = [
            *_head(row),
            _number(mean),
            _number(row["return_mean"]),
            Cell(_number(ratio, 2), _holds(units, "dataset_return_share", row)),
            Cell(_number(row["q_auroc"], 3), _holds(units, "offline_auroc", row)),
        ]
        rows.append(cells)
    note = (
        "The last evaluation of the offline agents, mean over members and episodes. Ratio: to the dataset's mean "
        "episode return, where that is positive. AUROC: Q of dataset pairs against random actions."
    )
    header = ["dataset", "seed", "dataset mean return", "CQL return", "ratio", "AUROC"]
    return Sheet("CQL on each dataset", header, rows, note, 2)


def _online_sheet(tables: Tables, units: Units) -> Sheet:
    rows: list[list[Cell | str]] = []
    for row in records(figure_order(select(tables.runs, method="ours"), "seed")):
        change = row["return_final"] - row["return_first"]
        verdict = Cell(f"{change:+.0f}", _holds(units, "gain", row))
        rows.append([*_head(row), _number(row["return_first"]), _number(row["return_final"]), verdict])
    header = ["dataset", "seed", "first evaluation", "mean of the last two", "change"]
    return Sheet("Ours, online", header, rows, "Average return of deterministic episodes.", 2)


def _share_sheet(tables: Tables, units: Units) -> Sheet:
    rows: list[list[Cell | str]] = []
    for row in records(figure_order(select(tables.runs, method="ours"), "seed")):
        first, last = row["offline_fraction_first"], row["offline_fraction_last"]
        cells: list[Cell | str] = [
            *_head(row),
            _number(first, 3),
            Cell(_number(last, 3), _holds(units, "offline_last", row)),
            Cell(_number(last / first if first else None, 2), _holds(units, "offline_fall", row)),
        ]
        rows.append(cells)
    header = ["dataset", "seed", "first epoch", "last epoch", "ratio"]
    note = (
        "Averaged over all minibatches of an epoch. Wanted on random data: a ratio below 0.5, and a last "
        "epoch below medium-expert's."
    )
    return Sheet("Ours: offline share of the minibatches", header, rows, note, 2)
