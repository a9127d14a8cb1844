"""Figure 4c: balanced replay against uniform and online-only sampling, with the ensemble in all three."""

from dataclasses import replace

from off2on.figures.analyses import PREFERRED, SAMPLING

FIGURE = replace(SAMPLING, name="Figure 4c", datasets=PREFERRED, single=True)
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
