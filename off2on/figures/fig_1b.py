"""Figure 1b: one CQL agent fine-tuned on online samples only, or on all samples uniformly."""

from off2on.figures.curve_figure import CurveFigure, by_method

FIGURE = CurveFigure(
    "Figure 1b",
    "dataset with both ways of sampling",
    by_method(sac_ft_online="Online only", sac_ft="Uniform"),
    tasks=("halfcheetah",),
    datasets=("medium",),
    statistics=("drop", "first", "lowest", "final"),
)
table, draw, finding, notes = FIGURE.table, FIGURE.draw, FIGURE.finding, FIGURE.notes
