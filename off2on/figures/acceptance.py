"""The acceptance checks of a scale, for which its settings were tuned, and the numbers behind them by seed."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from off2on.analysis.evidence import Evidence
from off2on.analysis.tables import Tables, records
from off2on.analysis.verdicts import wanted_text
from off2on.figures.panels import select
from off2on.figures.run_data import run_link
from off2on.figures.sheets import NOTHING, Cell, Sheet, data_return, figure_order, place
from off2on.figures.words import listing, seeds

#: (statistic, task, dataset, seed) -> whether the checks hold there
Units = Mapping[tuple[Any, ...], bool]


def acceptance_sheet(evidence: Evidence) -> Sheet:
    """How many seeds meet each acceptance check, on every dataset."""
    rows: list[list[Cell | str]] = []
    keys = ["claim", "statement", "wanted_low", "wanted_high", "task", "dataset"]
    groups = _required(evidence).groupby(keys, sort=False)["holds"]
    for row in records(groups.agg(reached="sum", count="count").reset_index()):
        count = Cell(f"{row['reached']} of {seeds(row['count'])}", row["reached"] == row["count"])
        rows.append([row["statement"], wanted_text(row), place(row["task"], row["dataset"]), count])
    header = ["check", "wanted", "dataset", "reached"]
    return Sheet("Acceptance checks, and the seeds that meet them", header, rows)


def acceptance_summary(evidence: Evidence) -> str:
    """'5 of 9 checks are met by all seeds; on ... some are not.'."""
    groups = _required(evidence).groupby(["statement", "task", "dataset"], sort=False)["holds"].all().reset_index()
    missed = dict.fromkeys(place(row["task"], row["dataset"]) for row in records(groups) if not row["holds"])
    names = f"; on {listing(list(missed))} some are not" if missed else ""
    return f"{int(groups['holds'].sum())} of {len(groups)} checks are met by all seeds{names}."


def number_sheets(tables: Tables, evidence: Evidence | None) -> list[Sheet]:
    """The numbers behind the acceptance checks, marked if they have been tested."""
    units: Units = {}
    if evidence is not None:
        groups = _required(evidence).groupby(["statistic", "task", "dataset", "seed"])["holds"]
        units = {key: bool(part.all()) for key, part in groups}
    return [_offline_sheet(tables, units), _online_sheet(tables, units), _share_sheet(tables, units)]


def _required(evidence: Evidence) -> pd.DataFrame:
    """The pairs of the acceptance checks: columns of claim_units.csv, statement, statistic, wanted bounds."""
    claims = evidence.claims[evidence.claims["required"]]
    columns = ["claim", "statement", "statistic", "wanted_low", "wanted_high"]
    return claims[columns].merge(evidence.claim_units, on="claim")


def _holds(units: Units, statistic: str, row: dict[str, Any]) -> bool | None:
    """Whether the acceptance checks with a statistic hold for a job; None: there are none about it."""
    return units.get((statistic, row["task"], row["dataset"], row["seed"]))


def _number(value: Any, digits: int = 0) -> str:
    return NOTHING if value is None or pd.isna(value) else f"{value:.{digits}f}"


def _head(kind: str, row: dict[str, Any]) -> list[Cell | str]:
    return [Cell(place(row["task"], row["dataset"]), link=run_link(kind, row)), str(row["seed"])]


def _offline_sheet(tables: Tables, units: Units) -> Sheet:
    last = tables.pretrain[tables.pretrain["algorithm"] == "cql"].groupby(["task", "dataset", "seed"]).tail(1)
    rows: list[list[Cell | str]] = []
    for row in records(figure_order(last, "seed")):
        mean = data_return(row)
        ratio = row["return_mean"] / mean if mean and mean > 0 else None
        cells: list[Cell | str] = [
            *_head("pretrain", row),
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
        kind = "gain" if pd.isna(row["success_final"]) else "success_gain"
        verdict = Cell(f"{change:+.0f}", _holds(units, kind, row))
        rows.append([*_head("finetune", row), _number(row["return_first"]), _number(row["return_final"]), verdict])
    header = ["dataset", "seed", "first evaluation", "mean of the last two", "change"]
    return Sheet("Ours, online", header, rows, "Average return of deterministic episodes.", 2)


def _share_sheet(tables: Tables, units: Units) -> Sheet:
    rows: list[list[Cell | str]] = []
    for row in records(figure_order(select(tables.runs, method="ours"), "seed")):
        first, last = row["offline_fraction_first"], row["offline_fraction_last"]
        cells: list[Cell | str] = [
            *_head("finetune", row),
            _number(first, 3),
            Cell(_number(last, 3), _holds(units, "offline_last", row)),
            Cell(_number(last / first if first else None, 2), _holds(units, "offline_fall", row)),
        ]
        rows.append(cells)
    header = ["dataset", "seed", "first epoch", "last epoch", "ratio"]
    note = "Averaged over all minibatches of an epoch. Ratio: last over first epoch."
    return Sheet("Ours: offline share of the minibatches", header, rows, note, 2)
