"""Tables as text ready to print: cells, order, LaTeX; and the numbers of the final table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from off2on.analysis.over_seeds import final_mean_std
from off2on.analysis.tables import DATA_KEYS, Tables
from off2on.envs.tasks import TASKS, names_of
from off2on.figures.style import DATASET_ORDER, in_order
from off2on.methods import METHODS

NOTHING = "–"
#: value of the final table -> its column of curves.csv at the start, of runs.csv at the end
_FINAL = {
    "return": ("return_mean", "return_final"),
    "normalized": ("normalized_score", "normalized_final"),
    "success": ("success_last", "success_final"),
}


#: how a mark looks: good, bad, open, and what is not to be judged
Tone = Literal["yes", "no", "open", "bar", "quiet"]


@dataclass(frozen=True)
class Cell:
    """Text, and what goes with it."""

    text: str
    #: whether a check is met
    reached: bool | None = None
    tone: Tone | None = None
    #: small, below the text
    below: str = ""
    #: where it leads
    link: str = ""
    #: the best of its row
    best: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table of the report; the first `heads` columns name the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]] = field(default_factory=tuple)
    note: str = ""
    heads: int = 1


def final_table(tables: Tables) -> pd.DataFrame:
    """Final return, normalised score and success over seeds, and those of the start.

    Final: the mean of the last two evaluations.

    Returns:
        a row per dataset and method: task, dataset, method, label, n, then start, mean and std of return,
        normalized and success (at the last step; empty where there is none), source, dataset_sha256.
    """
    keys = ["task", "dataset", "method"]
    starts = tables.curves.drop_duplicates([*keys, "seed"]).groupby(keys)
    table = tables.runs.groupby(keys)["seed"].count().rename("n").reset_index()
    for name, (column, end) in _FINAL.items():
        parts = {part: f"{name}_{part}" for part in ("start", "mean", "std")}
        means = final_mean_std(tables.runs, end).drop(columns="n").rename(columns=parts)
        start = starts[column].mean().rename(parts["start"]).reset_index()
        table = table.merge(start, on=keys, how="left").merge(means, on=keys, how="left")
    table = table.merge(tables.runs.drop_duplicates(keys)[[*keys, "label", *DATA_KEYS]], on=keys, how="left")
    values = [f"{name}_{part}" for name in _FINAL for part in ("start", "mean", "std")]
    return figure_order(table, "method")[[*keys, "label", "n", *values, *DATA_KEYS]]


def figure_order(table: pd.DataFrame, last: str) -> pd.DataFrame:
    """The rows by task, dataset and the column `last`, each in the order of the figures."""
    orders = {"task": TASKS, "dataset": DATASET_ORDER, "method": METHODS}
    keys = ["task", "dataset", last]

    def ranks(column: "pd.Series[Any]") -> "pd.Series[Any]":
        if column.name not in orders:
            return column
        return column.map(in_order(column, orders[str(column.name)]).index)

    return table.sort_values(keys, key=ranks).reset_index(drop=True)


def data_return(job: Mapping[str, Any]) -> float | None:
    """Mean episode return of the data of a job; None: there is none.

    Manipulation has none: scripted attempts are shorter than the task, so its only whole episodes are random ones.
    """
    mean = job["dataset_mean_return"]
    return None if mean is None or job["task"] in names_of("manipulation") else float(mean)


def place(task: str, dataset: str) -> str:
    """'halfcheetah-medium', 'halfcheetah from scratch'."""
    return f"{task} from scratch" if dataset == "none" else f"{task}-{dataset}"


def latex(sheet: Sheet) -> str:
    """The sheet as a LaTeX tabular that needs no package; what is below a number stands in brackets."""
    body = [" & ".join(_tex(cell) for cell in line) + r" \\" for line in (sheet.header, *sheet.rows)]
    columns = "l" + "r" * (len(sheet.header) - 1)
    top = [f"% {sheet.title}. {sheet.note}", rf"\begin{{tabular}}{{{columns}}}", r"\hline", body[0], r"\hline"]
    return "\n".join([*top, *body[1:], r"\hline", r"\end{tabular}"]) + "\n"


def _tex(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return _escape(cell)
    text = rf"\textbf{{{_escape(cell.text)}}}" if cell.best else _escape(cell.text)
    return f"{text} ({_escape(cell.below)})" if cell.below else text


def _escape(text: str) -> str:
    signs = {"\\": r"\textbackslash{}", "±": r"$\pm$", NOTHING: "--", "~": r"\textasciitilde{}"}
    signs |= {"^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"} | {
        s: f"\\{s}" for s in "&%$#_{}"
    }
    return "".join(signs.get(sign, sign) for sign in text)
