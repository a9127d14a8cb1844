"""Figure 12: Ours with ensembles of several sizes, all tasks and datasets."""

from off2on.figures.analyses import SIZE

FIGURE = SIZE
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
