"""Figure X0, which the paper has not: the main methods over all tasks, with the statistics of rliable."""

from functools import lru_cache

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from off2on.analysis.aggregates import MIN_SEEDS, MIN_TASKS, portrait
from off2on.analysis.comparisons import SCRATCH, final_scores
from off2on.analysis.tables import Tables, records
from off2on.figures.panels import headline, labels, legend_below, no_runs, select, step_axis, warnings_of
from off2on.figures.registry import MAIN
from off2on.figures.spec import figures_of_stranger
from off2on.figures.style import in_order, method_style
from off2on.figures.words import listing
from off2on.methods import METHODS

#: the method that is compared with all others
REFERENCE = "ours"


def _main(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves and final scores of the methods of the main comparison."""
    jobs = [info for info in tables.provenance if info["kind"] == "finetune"]
    methods = {
        info["method"]
        for info in jobs
        if MAIN.draws(info["task"], info["dataset"], info["method"], figures_of_stranger(info))
    }
    return select(tables.curves, method=[*methods]), final_scores(select(tables.runs, method=[*methods]))


@lru_cache(maxsize=1)
def table(tables: Tables) -> pd.DataFrame:
    """The drawn numbers: panel, method, x, value, low, high; computed once for a picture and its words."""
    return portrait(*_main(tables))


def draw(tables: Tables) -> Figure:
    """Interquartile means, probabilities of improvement, performance profiles, and means over steps."""
    found = table(tables)
    if found.empty:
        return no_runs(f"Figure X0 needs {_needs()}: {_has(tables)}")
    names = labels(tables.runs)
    methods = in_order(found["method"], METHODS)
    drawn = Figure(figsize=(9.7, 6.6), layout="constrained")
    grid = drawn.subplots(2, 2)
    lines = {}
    _bars(grid[0, 0], select(found, panel="iqm"), methods, names)
    _bars(grid[0, 1], select(found, panel="improvement"), methods, names)
    for method in methods:
        lines[names[method]] = _line(grid[1, 0], select(found, panel="profile", method=method), method)
        _line(grid[1, 1], select(found, panel="steps", method=method), method)
    grid[0, 1].axvline(0.5, color="#5f6368", linewidth=0.8)
    grid[0, 1].set_xlim(-0.02, 1.02)
    step_axis(grid[1, 1])
    # no axis of scores is cut: a random policy has 0
    grid[0, 0].set_xlim(left=min(0.0, grid[0, 0].get_xlim()[0]))
    grid[1, 1].set_ylim(bottom=min(0.0, grid[1, 1].get_ylim()[0]))
    grid[0, 0].set(title="interquartile mean", xlabel="final normalised score")
    grid[0, 1].set(title="probability that Ours is better", xlabel="share of pairs of runs")
    grid[1, 0].set(title="performance profile", xlabel="final normalised score", ylabel="share of runs above it")
    grid[1, 1].set(title="interquartile mean over steps", xlabel="environment steps", ylabel="normalised score")
    headline(
        drawn,
        "bars and bands: 95 % stratified bootstrap intervals",
        warnings_of(tables.reading, {name: names[name] for name in methods}),
    )
    legend_below(drawn, lines)
    return drawn


def _bars(axes: Axes, found: pd.DataFrame, methods: list[str], names: dict[str, str]) -> None:
    """A row per method: the interval as a bar, the value as a line in it."""
    shown = [method for method in reversed(methods) if method in set(found["method"])]
    for height, method in enumerate(shown):
        (row,) = records(select(found, method=method))
        colour = method_style(method).colour
        axes.barh(height, row["high"] - row["low"], left=row["low"], height=0.6, color=colour, alpha=0.45)
        axes.plot([row["value"]] * 2, [height - 0.3, height + 0.3], color=colour, linewidth=2.2)
    axes.set_yticks(range(len(shown)), [names[method] for method in shown])


def _line(axes: Axes, found: pd.DataFrame, method: str) -> Line2D:
    style = method_style(method)
    x, value = found["x"].to_numpy(float), found["value"].to_numpy(float)
    axes.fill_between(
        x, found["low"].to_numpy(float), found["high"].to_numpy(float), color=style.colour, alpha=0.16, linewidth=0
    )
    (line,) = axes.plot(x, value, color=style.colour, linestyle=style.dash, marker=style.marker, markevery=10)
    return line


def finding(tables: Tables) -> str:
    """The interquartile means and probabilities of improvement, in numbers."""
    found = table(tables)
    if found.empty:
        return f"Nothing: it needs {_needs()}."
    names = labels(tables.runs)
    means = [f"{names[r['method']]}: {_interval(r, 1)}" for r in records(select(found, panel="iqm"))]
    better = [f"{names[r['method']]}: {_interval(r, 2)}" for r in records(select(found, panel="improvement"))]
    return "\n".join(
        [
            "Interquartile mean of the final normalised score, and how often Ours beats a method on a dataset.",
            f"Interquartile mean. {', '.join(means)}",
            f"Probability that Ours is better. {', '.join(better) or 'no other method'}",
        ]
    )


def _interval(row: dict[str, float], digits: int) -> str:
    return f"{row['value']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def notes(tables: Tables) -> list[str]:
    """What is missing for it, and which methods are left out."""
    found = table(tables)
    if found.empty:
        return [f"no figure: {_has(tables)}"]
    drawn, names = set(found["method"]), labels(_main(tables)[0])
    absent = [names[name] for name in in_order(names, METHODS) if name not in drawn]
    left_out = f"not drawn, since they have not the datasets and seeds of Ours: {listing(absent)}"
    return [left_out] if absent else []


def _needs() -> str:
    return f"{MIN_TASKS} tasks and {MIN_SEEDS} seeds of Ours"


def _has(tables: Tables) -> str:
    """'Ours has 1 task with normalised scores, and 2 seeds'."""
    own = select(_main(tables)[1], method=REFERENCE)
    own = own[own["dataset"] != SCRATCH]
    seeds = own.groupby(["task", "dataset"])["seed"].nunique()
    counts = int(own["task"].nunique()), int(max(seeds, default=0))
    tasks, most = (f"{n} {word}{'' if n == 1 else 's'}" for n, word in zip(counts, ("task", "seed"), strict=True))
    return f"this scale has {tasks} with normalised scores, and {most}"
