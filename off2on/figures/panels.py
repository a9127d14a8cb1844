"""The parts that figures share: which runs, one panel of curves, axes, legend, footnote."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor
from textwrap import wrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from off2on.analysis.tables import ENOUGH
from off2on.envs.tasks import TASKS
from off2on.figures.style import INK, MUTED
from off2on.figures.words import seeds_of
from off2on.methods import Style
from off2on.reading import Reading

#: a curve of more evaluations than this is drawn thin and solid: noise breaks dashes
DENSE = 60
#: axes of returns end at multiples of this many points of score
SCORE_STEP = 10


def select(table: pd.DataFrame, **values: str | Sequence[str]) -> pd.DataFrame:
    """The rows whose columns have these values (one of them, if several are given)."""
    for column, wanted in values.items():
        table = table[table[column].isin([wanted] if isinstance(wanted, str) else list(wanted))]
    return table


def labels(table: pd.DataFrame) -> dict[str, str]:
    """Method -> what a legend calls it."""
    return dict(zip(table["method"], table["label"], strict=True))


def draw_curve(axes: Axes, curve: pd.DataFrame, seeds: pd.DataFrame, style: Style, label: str) -> Line2D:
    """A mean with its band of one standard deviation; of fewer than `ENOUGH` seeds each is a thin line instead.

    Args:
        axes: where to draw.
        curve: columns env_steps, mean, std (NaN: no band), n.
        seeds: columns env_steps, seed, value.
        style: colour, dash, marker.
        label: what the legend says.
    """
    curve = curve.sort_values("env_steps")
    x = curve["env_steps"].to_numpy(float)
    mean, std = curve["mean"].to_numpy(float), curve["std"].fillna(0).to_numpy(float)
    if curve["n"].max() >= ENOUGH:
        axes.fill_between(x, mean - std, mean + std, color=style.colour, alpha=0.16, linewidth=0)
    elif curve["n"].max() > 1:
        for _, part in seeds.sort_values("env_steps").groupby("seed"):
            axes.plot(
                part["env_steps"], part["value"], color=style.colour, linewidth=0.7, alpha=0.55, label="_seed"
            )
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


def reference_returns(task: str) -> tuple[float, float] | None:
    """The returns of the random and of the expert policy, scores 0 and 100; None: the task has none."""
    found = TASKS.get(task)
    if found is None or found.random_return is None or found.expert_return is None:
        return None
    return found.random_return, found.expert_return


def return_limits(task: str, values: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis of returns: all values and the random policy lie inside, so that no axis is cut.

    They are multiples of `SCORE_STEP` points of score, so that panels and figures of a task compare.
    """
    low, high = min(values), max(values)
    bounds = reference_returns(task)
    if bounds is None:
        low, high = min(low, 0), max(high, 0)
        return low - 0.04 * (high - low or 1), high + 0.04 * (high - low or 1)
    unit = (bounds[1] - bounds[0]) * SCORE_STEP / 100
    first, last = floor((min(low, bounds[0]) - bounds[0]) / unit), ceil((max(high, bounds[0]) - bounds[0]) / unit)
    margin = 0.04 * (last - first or 1)
    return bounds[0] + unit * (first - margin), bounds[0] + unit * (last + margin)


def score_axis(axes: Axes, task: str, named: bool) -> None:
    """D4RL's normalised score on the right, at the ticks of the left, for tasks that have one."""
    bounds = reference_returns(task)
    if bounds is None:
        return
    low, high = bounds

    def score(episode_return: Any) -> Any:
        return 100 * (episode_return - low) / (high - low)

    def back(score: Any) -> Any:
        return low + score * (high - low) / 100

    bottom, top = axes.get_ylim()
    right = axes.secondary_yaxis("right", functions=(score, back))
    right.yaxis.set_major_locator(
        FixedLocator([score(tick) for tick in axes.get_yticks() if bottom <= tick <= top])
    )
    # with the minus sign of the other axes
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}".replace("-", "\N{MINUS SIGN}")))
    right.tick_params(labelcolor=MUTED, length=2)
    right.spines["right"].set_visible(False)
    if named:
        right.set_ylabel("normalised score", color=MUTED)


def episode_axis(axes: Axes, task: str) -> None:
    """Episodes on top, for tasks whose episodes all have the same length."""
    steps = TASKS[task].horizon

    def episodes(steps_done: Any) -> Any:
        return steps_done / steps

    def back(episodes_done: Any) -> Any:
        return episodes_done * steps

    top = axes.secondary_xaxis("top", functions=(episodes, back))
    top.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    top.tick_params(labelsize=7, labelcolor=MUTED, length=2)
    top.spines["top"].set_visible(False)
    top.set_xlabel("episodes", color=MUTED, fontsize=8)


def legend_below(figure: Figure, lines: Mapping[str, Line2D]) -> None:
    """One legend for all panels, below them, in as many columns as the figure is wide."""
    width = 0.75 + 0.07 * sum(map(len, lines)) / len(lines)  # inches of an entry: line, gaps and text
    rows = ceil(len(lines) / max(1, int(figure.get_figwidth() / width)))
    figure.legend(
        lines.values(), lines.keys(), loc="outside lower center", ncols=ceil(len(lines) / rows), handlelength=3.2
    )


def seeds_note(counts: Iterable[int]) -> str:
    """'mean, band: ± 1 std over n = 4 seeds', or what holds instead."""
    most = max(counts := list(counts))
    if most == 1:
        return "one seed"
    if most < ENOUGH:
        return f"mean; thin lines: single seeds, {seeds_of(counts)}"
    return f"mean, band: ± 1 std over {seeds_of(counts)} seeds"


def headline(figure: Figure, text: str, warnings: Iterable[str] = ()) -> None:
    """A small line above the panels: what is drawn, over how many seeds; below it what must not be compared."""
    width = int(12.5 * figure.get_figwidth())
    lines = [text, *(line for warning in warnings for line in wrap(warning, width))]
    figure.set_figheight(figure.get_figheight() + 0.16 * (len(lines) - 1))
    figure.suptitle("\n".join(lines), fontsize=9, color=INK if len(lines) > 1 else MUTED)


def warnings_of(reading: Reading, labels: Mapping[str, str]) -> list[str]:
    """What a picture says of its scale: that the numbers mean nothing, or which curves cannot be ranked.

    Args:
        reading: of the scale.
        labels: method -> what the legend calls it.
    """
    if not reading.verdicts:
        return [reading.shows]
    return [
        f"Not comparable at this scale: {', '.join(labels[name] for name in names)} ({why})."
        for why, names in (reading.warnings(labels) if len(labels) > 1 else {}).items()
    ]


def no_runs(text: str) -> Figure:
    """What a figure without any runs looks like: it says so."""
    figure = Figure(figsize=(6.4, 1.2))
    figure.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, wrap=True)
    return figure
