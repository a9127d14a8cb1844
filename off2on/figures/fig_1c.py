"""Figure 1c: one agent fine-tuned from the pessimistic Q of CQL, or from a neutral one of fitted Q evaluation."""

from off2on.figures.curve_figure import CurveFigure, by_method

FIGURE = CurveFigure(
    "Figure 1c",
    "dataset with both initial Q-functions",
    by_method(ours_n1="CQL init", fqe_init_n1="FQE init"),
    tasks=("halfcheetah",),
    datasets=("random", "medium-expert"),
    statistics=("lowest", "first", "final"),
    differs=("medium-expert",),
)
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
