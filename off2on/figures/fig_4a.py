"""Figure 4a: the share of offline samples in the updates of Ours, for random and for medium-expert data."""

from dataclasses import replace

from off2on.figures.analyses import BUFFER, shares

FIGURE = replace(
    BUFFER,
    name="Figure 4a",
    what="runs of Ours on random or medium-expert data",
    arms=shares("random", "medium-expert"),
    single=True,
)
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
