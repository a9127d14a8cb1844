"""The final tables: ours beside the offline start, the data, the expert and the paper's own numbers."""

from collections.abc import Mapping
from math import nan
from typing import Any

import pandas as pd

from off2on.analysis.tables import Tables, records
from off2on.envs.tasks import TASKS
from off2on.figures.paper_numbers import KNOWN, TEXT
from off2on.figures.run_data import run_link
from off2on.figures.sheets import NOTHING, Cell, Sheet, data_return, place
from off2on.figures.spec import SCRATCH
from off2on.figures.style import in_order
from off2on.figures.words import percent, plus_minus, seeds_of
from off2on.methods import METHODS

Place = tuple[str, str]


def final_sheets(final: pd.DataFrame, tables: Tables) -> list[Sheet]:
    """Datasets down, methods across: returns, and normalised scores where there are any.

    Args:
        final: what `sheets.final_table` gives.
        tables: whose provenance says what the data's mean return is.
    """
    data = {
        (info["task"], info["dataset"]): mean
        for info in tables.provenance
        if (mean := data_return(info)) is not None
    }
    returns = _sheet(final, "return", "Final average return", 0, data)
    scored = final.dropna(subset="normalized_mean")
    if scored.empty:
        return [returns]
    scores = {
        key: score
        for key, value in data.items()
        if key[0] in TASKS and (score := TASKS[key[0]].normalized(value)) is not None
    }
    return [returns, _sheet(scored, "normalized", "Final normalised score", 1, scores)]


def _sheet(final: pd.DataFrame, value: str, title: str, digits: int, data: Mapping[Place, float]) -> Sheet:
    labels = dict(zip(final["method"], final["label"], strict=True))
    methods = in_order(labels, METHODS)
    found = {(row["task"], row["dataset"], row["method"]): row for row in records(final)}
    rows = [_row(key, methods, found, value, digits, data) for key in _places(found)]
    counts = f", {seeds_of(final['n'])}" if len(final) else ""
    scratch = "SAC learns from scratch and is the same on every dataset of a task. " if "sac" in methods else ""
    note = (
        f"Mean of the last two evaluations; mean ± std over seeds{counts}; below it that of the start, before "
        f"fine-tuning. Bold: the highest mean of a row. A number leads to its runs. {scratch}Data: mean episode "
        "return of the offline dataset. Expert: D4RL's, whose score is 100."
    )
    header = ["dataset", "data", "expert", *(labels[name] for name in methods)]
    if value == "return":
        header[3:3] = ["CQL, logs", "paper, 1M"]
        note = (
            f"{note} CQL, logs: of agents that CQL's own code trained offline on D4RL's v0 files. Paper, 1M: Ours "
            f"after a million steps, as the text has it. {TEXT}"
        )
    return Sheet(title, header, rows, note)


def success_sheet(tables: Tables) -> Sheet | None:
    """Manipulation: tasks down, methods across, success at the last step and at any; None without such runs."""
    runs = tables.curves.dropna(subset=["success_last", "success_any"])
    if runs.empty:
        return None
    keys = ["task", "dataset", "method"]
    columns = ["success_last", "success_any"]
    ends = runs.groupby([*keys, "seed"]).tail(2).groupby([*keys, "seed"])[columns].mean()
    starts = runs.drop_duplicates([*keys, "seed"]).groupby(keys)["success_last"].mean().rename("start")
    final = ends.groupby(keys).mean().join(starts).reset_index()
    found = {(row["task"], row["dataset"], row["method"]): row for row in records(final)}
    labels = dict(zip(runs["method"], runs["label"], strict=True))
    methods = in_order(labels, METHODS)
    rows: list[list[Cell | str]] = []
    for at in dict.fromkeys((task, data) for task, data, _ in found):
        own = [found.get((*at, name)) for name in methods]
        best = max(row["success_last"] for row in own if row)
        rows.append([place(*at), *(_success(row, best) if row else NOTHING for row in own)])
    note = (
        "Share of evaluation episodes with success at the last step, in brackets at any step: mean of the last "
        "two evaluations and over seeds; below it that of the start, at the last step. Each run evaluates the "
        "agents that it starts from once more, so runs from the same agents may show different starts. No task "
        "that counts successes has a normalised score: the tables of scores below leave them out."
    )
    return Sheet("Final success", ["dataset", *(labels[name] for name in methods)], rows, note)


def _success(row: dict[str, Any], best: float) -> Cell:
    text = f"{percent(row['success_last'])} ({percent(row['success_any'])})"
    link, is_best = run_link("finetune", row), row["success_last"] == best
    return Cell(text, below=f"from {percent(row['start'])}", link=link, best=is_best)


def _places(found: Mapping[tuple[str, str, str], Any]) -> list[Place]:
    """The datasets; a task that has runs from scratch alone has one row for them."""
    places = dict.fromkeys((task, data) for task, data, _ in found)
    offline = {task for task, data in places if data != SCRATCH}
    return [key for key in places if key[1] != SCRATCH or key[0] not in offline]


def _row(
    key: Place,
    methods: list[str],
    found: Mapping[tuple[str, str, str], dict[str, Any]],
    value: str,
    digits: int,
    data: Mapping[Place, float],
) -> list[Cell | str]:
    task = key[0]
    own = [found.get((*key, name)) or found.get((task, SCRATCH, name)) for name in methods]
    means = [row[f"{value}_mean"] for row in own if row and not pd.isna(row[f"{value}_mean"])]
    cells: list[Cell | str] = [place(*key), _number(data.get(key), digits)]
    if value == "normalized":
        cells.append("100")
    else:
        known = KNOWN.get(key)
        cells.append(_number(TASKS[task].expert_return if task in TASKS else None, digits))
        cells += [_number(known and known.offline, 0), _number(known and known.long_run, 0)]
    return [*cells, *(_cell(row, value, digits, max(means, default=None)) for row in own)]


def _cell(row: dict[str, Any] | None, value: str, digits: int, best: float | None) -> Cell | str:
    if row is None or pd.isna(mean := row[f"{value}_mean"]):
        return NOTHING
    start = plus_minus(row[f"{value}_start"], nan, digits)
    text = plus_minus(mean, row[f"{value}_std"], digits)
    return Cell(text, below=f"from {start}", link=run_link("finetune", row), best=mean == best)


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None or pd.isna(value) else f"{value:.{digits}f}"
