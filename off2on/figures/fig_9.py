"""Figure 9: the share of offline samples in the updates of Ours, all tasks and datasets."""

from off2on.figures.analyses import BUFFER

FIGURE = BUFFER
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
