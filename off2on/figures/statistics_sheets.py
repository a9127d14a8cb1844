"""The report's tables of statistics over seeds and tasks, as text ready to print."""

from collections.abc import Mapping, Sequence
from math import nan

import pandas as pd

from off2on.analysis.aggregates import MIN_SEEDS, MIN_TASKS
from off2on.analysis.comparisons import SCRATCH
from off2on.analysis.evidence import Evidence
from off2on.analysis.tables import records
from off2on.figures.run_data import run_link
from off2on.figures.sheets import NOTHING, Cell, Sheet, figure_order, place
from off2on.figures.style import in_order
from off2on.figures.words import mean_std, plus_minus, seeds_of
from off2on.methods import METHODS

Labels = Mapping[str, str]

_INTERVAL = "95 % Student-t interval"


def statistics_sheets(evidence: Evidence, labels: Labels) -> list[Sheet]:
    """Differences to Ours, aggregates over tasks, score and regret at fixed budgets."""
    jobs = records(evidence.budgets[["task", "dataset", "method"]].drop_duplicates())
    return [
        _differences_sheet(evidence.differences, labels, jobs),
        _aggregates_sheet(evidence.aggregates, labels, jobs),
        _budgets_sheet(evidence.budgets, "score", "Score at fixed budgets", 1, labels),
        _budgets_sheet(evidence.budgets, "regret", "Regret at fixed budgets", 3, labels),
    ]


def _interval(row: Mapping[str, float], digits: int) -> str:
    value, low, high = (plus_minus(row[name], nan, digits) for name in ("value", "low", "high"))
    return value if pd.isna(row["low"]) else f"{value} [{low}, {high}]"


def _differences_sheet(differences: pd.DataFrame, labels: Labels, jobs: Sequence[Mapping[str, str]]) -> Sheet:
    """`jobs` are those that have scores."""
    methods = in_order(differences["method"], METHODS)
    rows: dict[tuple[str, str], dict[str, Cell]] = {}
    for row in records(figure_order(differences, "method")):
        cell = Cell(_interval(row, 1), link=run_link("finetune", *(job for job in jobs if _compared(job, row))))
        rows.setdefault((row["task"], row["dataset"]), {})[row["method"]] = cell
    cells = [[place(*key), *(found.get(method, NOTHING) for method in methods)] for key, found in rows.items()]
    note = "Final normalised score: mean of the last two evaluations"
    if rows:
        note += f"; paired by seed, {seeds_of(differences['n'])}, with {_INTERVAL}. A number leads to both runs"
    header = ["Ours minus", *(labels.get(method, method) for method in methods)]
    return Sheet("Ours minus each other method", header, cells, f"{note}.")


def _compared(job: Mapping[str, str], row: Mapping[str, str]) -> bool:
    """Whether a difference is of this job; those from scratch are compared on every dataset of their task."""
    here = job["task"] == row["task"] and job["dataset"] in (row["dataset"], SCRATCH)
    return here and job["method"] in ("ours", row["method"])


def _aggregates_sheet(aggregates: pd.DataFrame, labels: Labels, jobs: Sequence[Mapping[str, str]]) -> Sheet:
    """`jobs` are those that have scores."""
    found = {(row["statistic"], row["method"]): row for row in records(aggregates)}
    cells: list[list[Cell | str]] = []
    for method in in_order(aggregates["method"], METHODS):
        mean, better = found["iqm", method], found.get(("probability of improvement", method))
        size = f"{mean['datasets']} x {mean['seeds']}"
        own, both = (
            run_link("finetune", *(job for job in jobs if job["method"] in names))
            for names in ((method,), ("ours", method))
        )
        improvement = Cell(_interval(better, 2), link=both) if better else NOTHING
        cells.append([labels.get(method, method), size, Cell(_interval(mean, 1), link=own), improvement])
    note = (
        "Interquartile mean of the final normalised score over datasets and seeds, and the probability that Ours "
        "beats the method on a dataset, with 95 % stratified bootstrap intervals (as in rliable). They need at "
        f"least {MIN_TASKS} tasks and {MIN_SEEDS} seeds. A number leads to the runs behind it."
    )
    header = ["method", "datasets x seeds", "interquartile mean", "P(Ours is better)"]
    return Sheet("Aggregates over tasks", header, cells, note)


def _budgets_sheet(budgets: pd.DataFrame, value: str, title: str, digits: int, labels: Labels) -> Sheet:
    steps = sorted(budgets["env_steps"].unique())
    keys = ["task", "dataset", "method", "env_steps"]
    texts = (
        figure_order(budgets, "method").groupby(keys, sort=False)[value].agg(lambda part: mean_std(part, digits))
    )
    rows: dict[tuple[str, str, str], dict[int, str]] = {}
    for row in records(texts.reset_index()):
        rows.setdefault((row["task"], row["dataset"], row["method"]), {})[row["env_steps"]] = row[value]
    cells: list[list[Cell | str]] = [
        [
            place(task, dataset),
            Cell(
                labels.get(method, method),
                link=run_link("finetune", {"task": task, "dataset": dataset, "method": method}),
            ),
            *(found.get(step, NOTHING) for step in steps),
        ]
        for (task, dataset, method), found in rows.items()
    ]
    notes = {
        "score": "Normalised score, linearly interpolated between evaluations",
        "regret": "1 - score / 100, averaged over the environment steps so far",
    }
    note = (
        f"{notes[value]}; mean ± std over seeds. A row has the budgets that its runs reach, and their last step."
    )
    return Sheet(title, ["dataset", "method", *(f"{step:,} steps" for step in steps)], cells, note, 2)
