"""`off2on compare` in words: the same tables for the terminal and as a page."""

from collections.abc import Sequence
from typing import NamedTuple

from off2on.analysis.compare import Differing, compare, differing_settings
from off2on.analysis.tables import Tables, records
from off2on.figures.page import render
from off2on.figures.panels import labels
from off2on.figures.sheets import NOTHING, Cell, Sheet, figure_order, place
from off2on.figures.words import listing

#: jobs of a differing setting that are named
_NAMED = 4
_WORDS = {"final": "final (mean of the last two)", "area": "mean over the run"}


class Named(NamedTuple):
    """Results, and what they are called."""

    name: str
    tables: Tables


def comparison_sheets(first: Named, second: Named) -> list[Sheet]:
    """Differences, then settings that differ, then what only one of them has."""
    found = figure_order(compare(first.tables, second.tables), "method")
    names = labels(first.tables.runs) | labels(second.tables.runs)
    rows: list[list[Cell | str]] = []
    for row in records(found):
        digits = 1 if row["unit"] == "points" else 0
        means = [f"{row[key]:.{digits}f}" for key in ("first", "second")]
        # a difference just below zero is not "-0"
        gap = f"{round(row['difference'], digits) + 0.0:+.{digits}f}"
        interval = f" [{row['low']:.{digits}f}, {row['high']:.{digits}f}]" if row["n"] > 1 else ""
        where = [place(row["task"], row["dataset"]), names.get(row["method"], row["method"])]
        rows.append([*where, _WORDS[row["statistic"]], *means, f"{gap}{interval} {row['unit']}", str(row["n"])])
    header = ["dataset", "method", "statistic", first.name, second.name, "second minus first", "seeds"]
    note = (
        "Means over the seeds that both have; the difference is paired by seed, with its 95 % Student-t interval. "
        "Runs count up to the step that all of them reach."
    )
    return [
        Sheet("Differences", header, rows, note, 2),
        _settings_sheet(differing_settings(first.tables, second.tables), first.name, second.name),
        _alone_sheet(first, second),
    ]


def _settings_sheet(found: Sequence[Differing], first: str, second: str) -> Sheet:
    rows = [[one.key, one.first, one.second, _few(one.jobs)] for one in found]
    return Sheet("Settings, sizes, data and code that differ", ["what", first, second, "jobs"], rows)


def _few(jobs: Sequence[str]) -> str:
    rest = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
    return f"{', '.join(jobs[:_NAMED])}{rest}" if rest else listing(jobs)


def _alone_sheet(first: Named, second: Named) -> Sheet:
    """Runs that only one has."""
    one, two = ({_run(row) for row in records(named.tables.runs)} for named in (first, second))
    rows = [[first.name, _names(one - two)], [second.name, _names(two - one)]]
    return Sheet("Only in one of them", ["results", "methods and datasets"], rows)


def _names(runs: set[str]) -> str:
    return ", ".join(sorted(runs)) or NOTHING


def _run(row: dict[str, str]) -> str:
    return f"{row['method']} on {place(row['task'], row['dataset'])}"


def comparison_page(first: Named, second: Named, sheets: Sequence[Sheet]) -> str:
    """The same as HTML."""
    return render("compare.html.j2", first=first.name, second=second.name, sheets=sheets)


def lines(sheet: Sheet) -> list[str]:
    """A table as lines of equal columns, the last of which is as long as it likes, then its note."""
    if not sheet.rows:
        return [sheet.title, "none"]
    table = [list(sheet.header), *([c.text if isinstance(c, Cell) else c for c in row] for row in sheet.rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(sheet.header) - 1)]
    cells = [[*(text.ljust(w) for text, w in zip(line, widths, strict=False)), line[-1]] for line in table]
    return [sheet.title, *("  ".join(line).rstrip() for line in cells), *([sheet.note] if sheet.note else [])]
