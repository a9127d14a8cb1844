"""The tables of the report, as text ready to print: final returns, claims seed by seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from off2on.analysis.curves import final_mean_std
from off2on.analysis.tables import Tables, records
from off2on.figures.panels import labels, select
from off2on.figures.style import DATASET_ORDER, METHOD_STYLES, TASK_ORDER, in_order
from off2on.figures.words import plus_minus, seeds, seeds_of

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """Text, and for a statement whether it was reached; a tone is one of 'yes', 'no' and 'quiet'."""

    text: str
    reached: bool | None = None
    tone: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table of the report; the first `heads` columns name the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]] = field(default_factory=tuple)
    note: str = ""
    heads: int = 1


def final_table(tables: Tables) -> pd.DataFrame:
    """Final return (mean of the last two evaluations) and normalised score over seeds, one row per dataset and
    method: task, dataset, method, label, n, return_mean, return_std, normalized_mean, normalized_std.
    """  # noqa: D205
    keys = ["task", "dataset", "method"]
    final = final_mean_std(tables.runs, "return_final")
    final = final.rename(columns={"mean": "return_mean", "std": "return_std"})
    score = final_mean_std(tables.runs, "normalized_final").drop(columns="n")
    score = score.rename(columns={"mean": "normalized_mean", "std": "normalized_std"})
    table = final.merge(score, on=keys, how="left")
    table["label"] = table["method"].map(labels(tables.runs))
    columns = [*keys, "label", "n", "return_mean", "return_std", "normalized_mean", "normalized_std"]
    return figure_order(table, "method")[columns]


def figure_order(table: pd.DataFrame, last: str) -> pd.DataFrame:
    """The rows by task, dataset and the column `last`, each in the order of the figures."""
    orders = {"task": TASK_ORDER, "dataset": DATASET_ORDER, "method": METHOD_STYLES}
    keys = ["task", "dataset", last]

    def ranks(column: "pd.Series[Any]") -> "pd.Series[Any]":
        if column.name not in orders:
            return column
        return column.map(in_order(column, orders[str(column.name)]).index)

    return table.sort_values(keys, key=ranks).reset_index(drop=True)


def final_sheet(final: pd.DataFrame, value: str, title: str, digits: int) -> Sheet:
    """Datasets down, methods across: mean ± std of `return` or `normalized`."""
    methods = dict(zip(final["method"], final["label"], strict=True))
    methods = {name: methods[name] for name in in_order(methods, METHOD_STYLES)}
    texts = {
        (row["task"], row["dataset"], row["method"]): _mean_std(row[f"{value}_mean"], row[f"{value}_std"], digits)
        for row in records(final)
    }
    pairs = dict.fromkeys((task, data) for task, data, _ in texts)
    rows = [[place(*pair), *(texts.get((*pair, method), NOTHING) for method in methods)] for pair in pairs]
    note = f"Mean of the last two evaluations; mean ± std over seeds, {seeds_of(final['n'])}."
    return Sheet(title, ["", *methods.values()], rows, note)


def _mean_std(mean: float, std: float, digits: int) -> str:
    return NOTHING if pd.isna(mean) else plus_minus(mean, std, digits)


def place(task: str, dataset: str) -> str:
    """'halfcheetah-medium', 'halfcheetah from scratch'."""
    return f"{task} from scratch" if dataset == "none" else f"{task}-{dataset}"


def latex(sheet: Sheet) -> str:
    """The sheet as a LaTeX tabular that needs no package."""
    lines = [sheet.header, *[[c.text if isinstance(c, Cell) else c for c in row] for row in sheet.rows]]
    body = [" & ".join(_escape(str(cell)) for cell in line) + r" \\" for line in lines]
    columns = "l" + "r" * (len(sheet.header) - 1)
    top = [f"% {sheet.title}. {sheet.note}", rf"\begin{{tabular}}{{{columns}}}", r"\hline", body[0], r"\hline"]
    return "\n".join([*top, *body[1:], r"\hline", r"\end{tabular}"]) + "\n"


def _escape(text: str) -> str:
    signs = {"\\": r"\textbackslash{}", "±": r"$\pm$", NOTHING: "--", "~": r"\textasciitilde{}"}
    signs |= {"^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"} | {
        s: f"\\{s}" for s in "&%$#_{}"
    }
    return "".join(signs.get(sign, sign) for sign in text)


# ------------------------------------------------------------------------------------- what this run shows


def claim_sheets(tables: Tables) -> list[Sheet]:
    """How many seeds reach each statement, then the numbers behind them."""
    claims = tables.claims
    rows: list[list[Cell | str]] = []
    groups = claims.groupby(["statement", "task", "dataset"], sort=False)["reached"]
    for row in records(groups.agg(reached="sum", count="count").reset_index()):
        count = f"{row['reached']} of {seeds(row['count'])}"
        rows.append(
            [row["statement"], place(row["task"], row["dataset"]), Cell(count, row["reached"] == row["count"])]
        )
    overview = Sheet("Statements, and the seeds that reach them", ["", "dataset", "reached"], rows)
    return [overview, _offline_sheet(tables), _online_sheet(tables), _share_sheet(tables)]


def _reached(claims: pd.DataFrame, claim: str, row: dict[str, Any]) -> bool | None:
    same = (claims["claim"] == claim) & (claims["task"] == row["task"])
    found = claims[same & (claims["dataset"] == row["dataset"]) & (claims["seed"] == row["seed"])]["reached"]
    return bool(found.all()) if len(found) else None


def _number(value: Any, digits: int = 0) -> str:
    return NOTHING if value is None or pd.isna(value) else f"{value:.{digits}f}"


def _head(row: dict[str, Any]) -> list[str]:
    return [place(row["task"], row["dataset"]), str(row["seed"])]


def _offline_sheet(tables: Tables) -> Sheet:
    last = tables.pretrain[tables.pretrain["algorithm"] == "cql"].groupby(["task", "dataset", "seed"]).tail(1)
    rows: list[list[Cell | str]] = []
    for row in records(figure_order(last, "seed")):
        mean = row["dataset_mean_return"]
        ratio = row["return_mean"] / mean if mean and mean > 0 else None
        cells: list[Cell | str] = [
            *_head(row),
            _number(mean),
            _number(row["return_mean"]),
            Cell(_number(ratio, 2), _reached(tables.claims, "cql_return", row)),
            Cell(_number(row["q_auroc"], 3), _reached(tables.claims, "cql_auroc", row)),
        ]
        rows.append(cells)
    note = (
        "The last evaluation of the offline agents, mean over members and episodes. Ratio: to the dataset's mean "
        "episode return, where that is positive. AUROC: Q of dataset pairs against random actions."
    )
    header = ["dataset", "seed", "dataset mean return", "CQL return", "ratio", "AUROC"]
    return Sheet("CQL on each dataset", header, rows, note, 2)


def _online_sheet(tables: Tables) -> Sheet:
    rows: list[list[Cell | str]] = []
    for row in records(figure_order(select(tables.runs, method="ours"), "seed")):
        change = row["return_final"] - row["return_first"]
        verdict = Cell(f"{change:+.0f}", _reached(tables.claims, "ours_improves", row))
        rows.append([*_head(row), _number(row["return_first"]), _number(row["return_final"]), verdict])
    header = ["dataset", "seed", "first evaluation", "mean of the last two", "change"]
    return Sheet("Ours, online", header, rows, "Average return of deterministic episodes.", 2)


def _share_sheet(tables: Tables) -> Sheet:
    rows: list[list[Cell | str]] = []
    for row in records(figure_order(select(tables.runs, method="ours"), "seed")):
        first, last = row["offline_fraction_first"], row["offline_fraction_last"]
        cells: list[Cell | str] = [
            *_head(row),
            _number(first, 3),
            Cell(_number(last, 3), _reached(tables.claims, "offline_share_lower", row)),
            Cell(_number(last / first if first else None, 2), _reached(tables.claims, "offline_share_falls", row)),
        ]
        rows.append(cells)
    header = ["dataset", "seed", "first epoch", "last epoch", "ratio"]
    note = (
        "Averaged over all minibatches of an epoch. Wanted on random data: a ratio of at most 0.5, and a last "
        "epoch below medium-expert's."
    )
    return Sheet("Ours: offline share of the minibatches", header, rows, note, 2)
