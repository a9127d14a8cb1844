"""Figure 13: which data to start from in the long run, and a neutral initial Q instead of a pessimistic one."""

from off2on.figures.curve_figure import CurveFigure, by_method

FIGURE = CurveFigure(
    "Figure 13",
    "dataset with both initial Q-functions",
    by_method(ours="Ours", fqe_init="FQE init"),
    tasks=("halfcheetah",),
    budget=None,
    statistics=("final", "drop"),
    differs=("random",),
)
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
