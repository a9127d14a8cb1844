"""Figure 11: three ways of sampling, all tasks and datasets."""

from off2on.figures.analyses import SAMPLING

FIGURE = SAMPLING
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
