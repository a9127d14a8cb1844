"""Figure 4d: Ours with ensembles of several sizes."""

from dataclasses import replace

from off2on.figures.analyses import PREFERRED, SIZE

FIGURE = replace(SIZE, name="Figure 4d", datasets=PREFERRED, single=True)
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
