"""progress.csv: one row per evaluation."""

import csv
import math
import re
from collections import Counter
from pathlib import Path

from off2on.envs.task import Task
from off2on.envs.tasks import TASKS
from off2on.errors import Off2OnError, shown
from off2on.files import read_text
from off2on.results import schema
from off2on.results.schema import COLUMNS, DOCUMENT

Row = dict[str, float]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: no number is longer
_LONGEST = 40


def read_rows(file: Path, kind: str, task: str) -> tuple[Row, ...]:
    """Read and check a progress.csv; an empty cell is NaN.

    Raises:
        Off2OnError: the file, a column, a row or a value is missing or wrong; the message names them.
    """
    try:
        lines = list(csv.reader(read_text(file, DOCUMENT).splitlines(), strict=True))
    except csv.Error as error:
        raise Off2OnError(f"{file} is not readable as CSV: {error}") from None
    _check_header(file, lines[0] if lines else [])
    if len(lines) < 2:
        raise Off2OnError(f"{file} has no rows: one row per evaluation is needed")
    rows: list[Row] = []
    for number, cells in enumerate(lines[1:], 1):
        where = f"{file}, row {number}"
        if len(cells) != len(COLUMNS):
            raise Off2OnError(f"{where}: {len(cells)} cells under {len(COLUMNS)} columns")
        row = {key: _value(where, key, cell) for key, cell in zip(lines[0], cells, strict=True)}
        _check_row(where, row, task)
        if rows:
            _check_growth(where, rows[-1], row, schema.CLOCKS[kind])
        rows.append({key: row[key] for key in COLUMNS})
    return tuple(rows)


def _check_header(file: Path, header: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in header]
    extra = [name for name in header if name not in COLUMNS]
    if missing:
        raise Off2OnError(
            f"{file}: missing columns {', '.join(missing)}; cells may be empty, columns may not be left out"
        )
    if extra:
        raise Off2OnError(f"{file}: unknown columns {', '.join(extra)}; docs/results-format.md lists the columns")
    if len(header) != len(COLUMNS):
        twice = sorted(name for name, count in Counter(header).items() if count > 1)
        raise Off2OnError(f"{file}: duplicate columns {', '.join(twice)}")


def _value(where: str, column: str, cell: str) -> float:
    if not cell:
        if column in schema.FILLED:
            raise Off2OnError(f"{where}: {column} is empty; every row needs it")
        return math.nan
    wanted = _wanted(column, cell)
    if wanted:
        raise Off2OnError(f"{where}: {column} = {shown(cell)}{wanted}")
    return float(cell)


def _wanted(column: str, cell: str) -> str:
    """What is wrong with a cell; empty: nothing."""
    if cell.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        return "; it must be finite. Leave the cell empty where there is no value"
    if len(cell) > _LONGEST or not _NUMBER.fullmatch(cell):
        return " is not a number"
    value = float(cell)
    if abs(value) > schema.LARGEST:
        return f"; no number here is above {schema.LARGEST:.0e}"
    if column in schema.COUNTS and (value < 0 or value % 1 or value > schema.LARGEST):
        return f"; it must be a whole number, 0 to {schema.LARGEST:.0e}"
    if column in schema.FRACTIONS and not 0 <= value <= 1:
        return "; it must lie between 0 and 1"
    return "; it cannot be negative" if column in schema.NOT_NEGATIVE and value < 0 else ""


def _check_row(where: str, row: Row, task: str) -> None:
    """Values that contradict each other."""
    if row["eval_episodes"] < 1:
        raise Off2OnError(f"{where}: eval_episodes = 0; an evaluation has at least one episode")
    mean, low, high = row["return_mean"], row["return_min"], row["return_max"]
    slack = 1e-6 * max(1.0, abs(mean))
    if low > mean + slack or high < mean - slack:
        raise Off2OnError(
            f"{where}: return_mean = {mean:g} lies outside of return_min = {low:g}, return_max = {high:g}"
        )
    if task in TASKS and not math.isnan(row["normalized_score"]):
        _check_score(where, row["normalized_score"], mean, TASKS[task])


def _check_score(where: str, score: float, mean: float, task: Task) -> None:
    right = task.normalized(mean)
    if right is None:
        raise Off2OnError(
            f"{where}: normalized_score = {score:g}, but {task.name} has no reference returns; leave it empty"
        )
    if abs(score - right) > 0.1 + 1e-3 * abs(right):
        raise Off2OnError(
            f"{where}: normalized_score = {score:g}, but return_mean = {mean:g} is {right:.4g} on {task.name}; "
            "leave it empty to have it computed"
        )


def _check_growth(where: str, before: Row, row: Row, clock: str) -> None:
    for column in schema.GROWING:
        if row[column] < before[column] or (column == clock and row[column] == before[column]):
            how = "it must grow" if column == clock else "it cannot fall"
            raise Off2OnError(
                f"{where}: {column} = {row[column]:g} after {before[column]:g}; {how} from row to row"
            )
