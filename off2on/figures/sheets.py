"""Tables as text ready to print, and those of the final returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from off2on.analysis.over_seeds import final_mean_std
from off2on.analysis.tables import Tables, records
from off2on.envs.tasks import TASKS
from off2on.figures.panels import labels
from off2on.figures.style import DATASET_ORDER, in_order
from off2on.figures.words import plus_minus, seeds_of
from off2on.methods import METHODS

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
    orders = {"task": TASKS, "dataset": DATASET_ORDER, "method": METHODS}
    keys = ["task", "dataset", last]

    def ranks(column: "pd.Series[Any]") -> "pd.Series[Any]":
        if column.name not in orders:
            return column
        return column.map(in_order(column, orders[str(column.name)]).index)

    return table.sort_values(keys, key=ranks).reset_index(drop=True)


def final_sheet(final: pd.DataFrame, value: str, title: str, digits: int) -> Sheet:
    """Datasets down, methods across: mean ± std of `return` or `normalized`."""
    methods = dict(zip(final["method"], final["label"], strict=True))
    methods = {name: methods[name] for name in in_order(methods, METHODS)}
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
