"""Figure 4b: how well one Q-function and the ensemble tell online actions from random ones, on medium-expert."""

from dataclasses import replace

from off2on.analysis.tables import Tables
from off2on.figures.analyses import ENSEMBLE, auroc_notes

FIGURE = replace(
    ENSEMBLE,
    name="Figure 4b",
    what="runs of Ours with AUROC on medium-expert data",
    datasets=("medium-expert",),
    single=True,
)
table, draw, finding = FIGURE.table, FIGURE.draw, FIGURE.finding


def notes(tables: Tables) -> list[str]:
    """The notes of every figure of curves, and what the two Q-functions are."""
    return FIGURE.notes(tables) + auroc_notes(tables)
