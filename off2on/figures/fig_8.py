"""Figure 8: fine-tuning with and without the CQL term."""

from off2on.figures.curve_figure import CurveFigure, by_method

FIGURE = CurveFigure(
    "Figure 8", "dataset with and without the CQL term", by_method(ours="No reg", cql_reg="CQL reg")
)
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
