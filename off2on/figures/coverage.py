"""Which figures of the paper this report has, and how much of each."""

from collections.abc import Mapping

from off2on.analysis.tables import Tables
from off2on.figures.registry import FIGURES
from off2on.figures.sheets import Cell, Sheet

#: figure -> its panels in the paper, as far as the text says [S116-S120]
PAPER = {
    "fig_1a": "1",
    "fig_1b": "1",
    "fig_1c": "2",
    "fig_2": "1, a drawing",
    "fig_3": "12",
    "fig_4a": "1",
    "fig_4b": "1",
    "fig_4c": "1",
    "fig_4d": "1",
    "fig_5a": "3",
    "fig_5b": "1",
    "fig_6": "not said",
    "fig_7": "3, pictures",
    "fig_8": "not said",
    "fig_9": "all tasks",
    "fig_10": "all tasks",
    "fig_11": "12",
    "fig_12": "12",
    "fig_13": "4 datasets",
    "fig_14": "not said",
    "fig_15": "3",
    "fig_16": "3",
    "fig_17": "3",
    "table_b": "1, a table",
}


def coverage_sheet(tables: Tables, panels: Mapping[str, int]) -> Sheet:
    """A row per figure of the paper, and per figure that the paper has not.

    Args:
        tables: what is drawn from them.
        panels: figure on the page -> its panels there; 0: it only says that it has no runs.
    """
    rows = [_row(name, tables, panels) for name in dict.fromkeys([*PAPER, *FIGURES])]
    note = "Panels: of curves, histograms or pictures. A figure that is not selected is left out of the page."
    return Sheet(
        "Figures of the paper, and what is here", ["figure", "panels here", "in the paper", "why"], rows, note
    )


def _row(name: str, tables: Tables, panels: Mapping[str, int]) -> list[Cell | str]:
    there = PAPER.get(name, "none: ours")
    if name not in FIGURES:
        return [f"Figure {name.removeprefix('fig_')}", "0", there, "this project does not draw it"]
    title = FIGURES[name].title
    if name not in panels:
        return [title, "0", there, "not selected"]
    starts = ("no ", "only ", "one panel", "the paper")
    missing = "; ".join(note for note in FIGURES[name].notes(tables) if note.startswith(starts))
    return [Cell(title, link=f"#{name}-section"), str(panels[name]), there, missing or "no panel is missing"]
