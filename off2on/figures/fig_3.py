"""Figure 3: return during fine-tuning, all main methods, a panel per task and dataset."""

from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from off2on.analysis.curves import mean_std as over_seeds
from off2on.analysis.tables import Tables, records
from off2on.figures.panels import (
    draw_curve,
    headline,
    labels,
    legend_below,
    no_runs,
    score_axis,
    seeds_note,
    select,
    step_axis,
)
from off2on.figures.style import METHOD_STYLES, in_order, method_style
from off2on.figures.words import against_paper, compare, listing, mean_std
from off2on.methods import METHODS

TASKS = ("halfcheetah", "hopper", "walker2d")
DATASETS = ("random", "medium", "medium-replay", "medium-expert")
PAPER_METHODS = {"ours": "Ours", "awac": "AWAC", "bcq-ft": "BCQ-ft", "sac-ft": "SAC-ft", "sac": "SAC"}
#: the dataset of runs without offline data, which are drawn in every panel of their task
SCRATCH = "none"


def _main(table: pd.DataFrame) -> pd.DataFrame:
    """Runs of the paper's methods, and of baselines that are not the project's own ablations."""
    wanted = [name for name in set(table["method"]) if name in PAPER_METHODS or name not in METHODS]
    return select(table, method=wanted, task=TASKS, dataset=(*DATASETS, SCRATCH))


def table(tables: Tables) -> pd.DataFrame:
    """The drawn numbers: task, dataset, method, env_steps, mean, std, n."""
    return over_seeds(_main(tables.curves), "return_mean")


def _panels(curves: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = set(zip(curves["task"], curves["dataset"], strict=True))
    return [(task, data) for task in TASKS for data in DATASETS if (task, data) in pairs]


def _of_panel(curves: pd.DataFrame, task: str, dataset: str) -> pd.DataFrame:
    return select(curves, task=task, dataset=(dataset, SCRATCH))


def draw(tables: Tables) -> Figure:
    """Tasks down, datasets across; SAC from scratch is the reference in every panel of its task."""
    curves = table(tables)
    panels = _panels(curves)
    if not panels:
        return no_runs("Figure 3: no runs of the main methods at this scale")
    rows, columns = (in_order({panel[i] for panel in panels}, order) for i, order in enumerate((TASKS, DATASETS)))
    figure = Figure(figsize=(3.1 * len(columns) + 0.3, 2.45 * len(rows) + 0.75), layout="constrained")
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    names = labels(tables.curves)
    lines: dict[str, Line2D] = {}
    for (i, task), (j, data) in product(enumerate(rows), enumerate(columns)):
        axes = grid[i, j]
        if (task, data) not in panels:
            axes.set_axis_off()
            continue
        lines |= _draw_panel(axes, _of_panel(curves, task, data), names)
        axes.set_title(f"{task}-{data}")
        axes.set_xlabel("environment steps" if i == len(rows) - 1 else "")
        axes.set_ylabel("average return" if j == 0 else "")
        score_axis(axes, task, named=j == len(columns) - 1)
    headline(figure, seeds_note(curves["n"]))
    legend_below(figure, {names[method]: lines[method] for method in in_order(lines, METHOD_STYLES)})
    return figure


def _draw_panel(axes: Axes, curves: pd.DataFrame, names: dict[str, str]) -> dict[str, Line2D]:
    """The curves of a panel, the main one on top."""
    step_axis(axes)
    return {
        method: draw_curve(axes, select(curves, method=method), method_style(method), names[method])
        for method in reversed(in_order(curves["method"], METHOD_STYLES))
    }


def finding(tables: Tables) -> str:
    """Who ends highest where; a first line, then a line for every panel."""
    runs = _main(tables.runs)
    names, panels = labels(tables.runs), _panels(runs)
    if not panels:
        return "Nothing: this scale has no runs of the main methods."
    lines, first, signs = [], [], []
    for task, data in panels:
        finals = {str(m): part["return_final"] for m, part in _of_panel(runs, task, data).groupby("method")}
        if max(finals, key=lambda method: finals[method].mean()) == "ours":
            first.append(f"{task}-{data}")
        if {"ours", "sac-ft"} <= finals.keys():
            signs.append(compare(finals["ours"], finals["sac-ft"]))
        told = in_order(finals, METHOD_STYLES)
        lines.append(f"{task}-{data}: " + ", ".join(f"{names[m]} {mean_std(finals[m])}" for m in told))
    head = (
        f"Ours ends highest in {len(first)} of {len(panels)} panels ({listing(first)}); final return: mean of the "
        "last two evaluations, ± std over seeds. "
        f"Ours against SAC-ft: {against_paper(signs, runs['seed'].nunique())}."
    )
    return "\n".join([head, *lines])


def notes(tables: Tables) -> list[str]:
    """Panels and methods of the paper that have no runs here, and runs with fewer seeds than others."""
    runs = _main(tables.runs)
    panels = _panels(runs)
    absent = [f"{task}-{data}" for task in TASKS for data in DATASETS if (task, data) not in panels]
    found = [f"no runs, so no panel: {', '.join(absent)}"] if absent else []
    methods = [label for name, label in PAPER_METHODS.items() if name not in set(runs["method"])]
    found += [f"no runs, so no curve: {', '.join(methods)}"] if methods else []
    counts = runs.groupby(["task", "dataset", "method"]).size().reset_index(name="seeds")
    return found + [
        f"{row['method']} on {row['task']}-{row['dataset']}: {row['seeds']} of {counts['seeds'].max()} seeds"
        for row in records(counts)
        if row["seeds"] < counts["seeds"].max()
    ]
