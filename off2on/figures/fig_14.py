"""Figure 14: two density ratios for balanced replay."""

from off2on.figures.curve_figure import CurveFigure, by_method

FIGURE = CurveFigure(
    "Figure 14",
    "dataset with both density ratios",
    by_method(ours="online to offline", ours_ratio_mixture="online to mixture"),
    differs=(),
)
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
