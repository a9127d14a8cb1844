"""A figure of curves over environment steps: its table, its drawing, its finding and its notes."""

from collections.abc import Sequence
from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from off2on.analysis.tables import Tables
from off2on.envs.tasks import names_of
from off2on.figures.curve_data import CurveData, Key, of_panel
from off2on.figures.curve_words import finding_of, notes_of
from off2on.figures.panels import (
    draw_curve,
    episode_axis,
    headline,
    legend_below,
    no_runs,
    return_limits,
    score_axis,
    seeds_note,
    select,
    step_axis,
    warnings_of,
)
from off2on.figures.spec import RETURN, FigureSpec
from off2on.figures.style import DATASET_ORDER, in_order


def table(figure: FigureSpec, tables: Tables) -> pd.DataFrame:
    """The drawn numbers: arm, task, dataset, method, env_steps, mean, std, n."""
    return CurveData(figure, tables).table


def finding(figure: FigureSpec, tables: Tables) -> str:
    """How the main curve compares with the others and with the paper; then the numbers of every panel."""
    return finding_of(CurveData(figure, tables))


def notes(figure: FigureSpec, tables: Tables) -> list[str]:
    """Panels and curves without runs, how a panel was picked, missing seeds, cut curves."""
    return notes_of(CurveData(figure, tables))


def draw(figure: FigureSpec, tables: Tables) -> Figure:
    """Tasks down, datasets across; one panel where there is one, a row of tasks where panels are tasks."""
    data = CurveData(figure, tables)
    quantity = data.spec.quantity
    if data.table.empty:
        return no_runs(f"{figure.number}: no {data.spec.what} at this scale")
    cells = _layout(data.keys)
    rows, columns = len(cells), len(cells[0])
    size = (3.1 * columns + 0.3, 2.45 * rows + 0.75) if columns > 1 else (5.4, 3.5 * rows)
    drawn = Figure(figsize=size, layout="constrained")
    grid = drawn.subplots(rows, columns, squeeze=False)
    lines: dict[str, Line2D] = {}
    for i, j in product(range(rows), range(columns)):
        if (key := cells[i][j]) is None:
            grid[i, j].set_axis_off()
            continue
        lines |= _draw_panel(grid[i, j], data, key)
        below, before, after = [line[j] for line in cells[i + 1 :]], cells[i][:j], cells[i][j + 1 :]
        grid[i, j].set_title("-".join(key))
        grid[i, j].set_xlabel("" if any(below) else "environment steps")
        grid[i, j].set_ylabel("" if any(before) else quantity.axis)
        if key[0] in names_of("manipulation"):
            episode_axis(grid[i, j], key[0])
        if quantity == RETURN:
            score_axis(grid[i, j], key[0], named=not any(after))
    shown = [curve for curve in data.curves if curve.label in lines]
    methods = {curve.method: curve.label for curve in shown}
    headline(drawn, seeds_note(data.table["n"]), warnings_of(tables.reading, methods))
    legend_below(drawn, {curve.label: lines[curve.label] for curve in shown})
    return drawn


def _draw_panel(axes: Axes, data: CurveData, key: Key) -> dict[str, Line2D]:
    """The curves of a panel, the main one on top; label -> line."""
    means, seeds = of_panel(data.table, key), of_panel(data.rows, key)
    present = [curve for curve in reversed(data.curves) if curve.label in set(means["arm"])]
    lines = {
        c.label: draw_curve(axes, select(means, arm=c.label), select(seeds, arm=c.label), c.style, c.label)
        for c in present
    }
    step_axis(axes)
    if means["env_steps"].min() > 0:
        axes.set_xlim(left=0)
    quantity = data.spec.quantity
    if quantity == RETURN:
        axes.set_ylim(return_limits(key[0], data.extent(key[0])))
    elif quantity.limits is not None:
        low, high = quantity.limits
        margin = 0.04 * (high - low)
        axes.set_ylim(min(low, seeds["value"].min()) - margin, high + margin)
    if quantity.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    return lines


def _layout(keys: Sequence[Key]) -> list[list[Key | None]]:
    """Panels as a grid: tasks down and datasets across; tasks across where each has one panel."""
    if len(keys[0]) == 1:
        return [list(keys)]
    if len({key[1] for key in keys}) == 1:
        return [list(keys)]
    tasks, datasets = dict.fromkeys(key[0] for key in keys), in_order((key[1] for key in keys), DATASET_ORDER)
    return [[(task, data) if (task, data) in keys else None for data in datasets] for task in tasks]
