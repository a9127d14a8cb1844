"""The parts that figures share: which runs, one panel of curves, axes, legend, footnote."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from off2on.envs.tasks import TASKS
from off2on.figures.style import MUTED
from off2on.figures.words import seeds_of
from off2on.methods import Style

#: a curve of more evaluations than this is drawn thin and solid: noise breaks dashes
DENSE = 60


def select(table: pd.DataFrame, **values: str | Sequence[str]) -> pd.DataFrame:
    """The rows whose columns have these values (one of them, if several are given)."""
    for column, wanted in values.items():
        table = table[table[column].isin([wanted] if isinstance(wanted, str) else list(wanted))]
    return table


def labels(table: pd.DataFrame) -> dict[str, str]:
    """Method -> what a legend calls it."""
    return dict(zip(table["method"], table["label"], strict=True))


def draw_curve(axes: Axes, curve: pd.DataFrame, style: Style, label: str) -> Line2D:
    """A mean with its band of one standard deviation.

    Args:
        axes: where to draw.
        curve: columns env_steps, mean, std (NaN: no band), n.
        style: colour, dash, marker.
        label: what the legend says.
    """
    curve = curve.sort_values("env_steps")
    x = curve["env_steps"].to_numpy(float)
    mean, std = curve["mean"].to_numpy(float), curve["std"].fillna(0).to_numpy(float)
    if std.any():
        axes.fill_between(x, mean - std, mean + std, color=style.colour, alpha=0.16, linewidth=0)
    (line,) = axes.plot(
        x,
        mean,
        color=style.colour,
        linestyle="-" if len(x) > DENSE else style.dash,
        linewidth=1.2 if len(x) > DENSE else 1.8,
        marker=style.marker,
        markevery=max(1, len(x) // 12),
        markeredgecolor="white",
        markeredgewidth=0.5,
        label=label,
    )
    return line


def step_axis(axes: Axes) -> None:
    """Environment steps on x: 0, 50k, 1M; a few round numbers on y."""
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _steps(x)))


def _steps(x: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(x) >= size:
            return f"{x / size:g}{letter}"
    return f"{x:g}"


def score_axis(axes: Axes, task: str, named: bool) -> None:
    """D4RL's normalised score on the right, for tasks that have one."""
    if task not in TASKS:
        return
    low, high = TASKS[task].random_return, TASKS[task].expert_return

    def score(episode_return: Any) -> Any:
        return 100 * (episode_return - low) / (high - low)

    def back(score: Any) -> Any:
        return low + score * (high - low) / 100

    right = axes.secondary_yaxis("right", functions=(score, back))
    right.yaxis.set_major_locator(MaxNLocator(5))
    right.tick_params(labelsize=7, labelcolor=MUTED, length=2)
    right.spines["right"].set_visible(False)
    if named:
        right.set_ylabel("normalised score", color=MUTED, fontsize=8)


def legend_below(figure: Figure, lines: Mapping[str, Line2D]) -> None:
    """One legend for all panels, below them, in as many columns as the figure is wide."""
    width = 0.75 + 0.07 * sum(map(len, lines)) / len(lines)  # inches of an entry: line, gaps and text
    rows = ceil(len(lines) / max(1, int(figure.get_figwidth() / width)))
    figure.legend(
        lines.values(), lines.keys(), loc="outside lower center", ncols=ceil(len(lines) / rows), handlelength=3.2
    )


def seeds_note(counts: Iterable[int]) -> str:
    """'mean, band: ± 1 std over n = 2 seeds', or what holds instead."""
    if max(counts := list(counts)) == 1:
        return "one seed, no band"
    return f"mean, band: ± 1 std over {seeds_of(counts)} seeds"


def headline(figure: Figure, text: str) -> None:
    """A small line above the panels: what is drawn, over how many seeds."""
    figure.suptitle(text, fontsize=9, color=MUTED)


def no_runs(text: str) -> Figure:
    """What a figure without any runs looks like: it says so."""
    figure = Figure(figsize=(6.4, 1.2))
    figure.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, wrap=True)
    return figure
