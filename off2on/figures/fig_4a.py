"""Figure 4a: the share of offline samples in the updates of Ours, for random and for medium-expert data."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from off2on.analysis.curves import mean_std as over_seeds
from off2on.analysis.tables import Tables
from off2on.figures.panels import (
    draw_curve,
    headline,
    legend_below,
    no_runs,
    preferred_task,
    seeds_note,
    select,
    step_axis,
)
from off2on.figures.style import DATASET_STYLES
from off2on.figures.words import against_paper, compare, mean_std, seeds

DATASETS = ("random", "medium-expert")


def _runs(table: pd.DataFrame) -> pd.DataFrame:
    """Runs of Ours on the two datasets, on the task that has both where there is one."""
    ours = select(table, method="ours", dataset=DATASETS)
    complete = [str(task) for task, part in ours.groupby("task") if part["dataset"].nunique() == len(DATASETS)]
    task = preferred_task(complete or ours["task"])
    return select(ours, task=[task] if task else [])


def table(tables: Tables) -> pd.DataFrame:
    """The drawn numbers: task, dataset, method, env_steps, mean, std, n."""
    return over_seeds(_runs(tables.curves), "offline_fraction")


def draw(tables: Tables) -> Figure:
    """One curve per dataset."""
    curves = table(tables)
    if curves.empty:
        return no_runs("Figure 4a: no runs of Ours on random or medium-expert data at this scale")
    figure = Figure(figsize=(5.2, 3.5), layout="constrained")
    axes = figure.subplots()
    lines = {}
    for data in DATASETS:
        if not (curve := select(curves, dataset=data)).empty:
            lines[data] = draw_curve(axes, curve, DATASET_STYLES[data], data)
    axes.set(
        xlabel="environment steps",
        ylabel="offline share of the minibatches",
        ylim=(-0.02, 1.04),
        title=f"{curves['task'].iloc[0]}: Ours",
    )
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    step_axis(axes)
    headline(figure, seeds_note(curves["n"]))
    legend_below(figure, lines)
    return figure


def finding(tables: Tables) -> str:
    """First and last epoch of each dataset, and whether random data goes while medium-expert data stays."""
    runs = _runs(tables.runs)
    if runs.empty:
        return "Nothing: this scale has no runs of Ours on random or medium-expert data."
    parts = {data: part for data in DATASETS if not (part := select(runs, dataset=data)).empty}
    lines = [
        f"{data}: {mean_std(100 * part['offline_fraction_first'], 1)} % of the samples are offline in the first "
        f"epoch, {mean_std(100 * part['offline_fraction_last'], 1)} % in the last ({seeds(len(part))})"
        for data, part in parts.items()
    ]
    head = f"{runs['task'].iloc[0]}, {runs['env_steps'].max()} environment steps."
    if len(parts) == len(DATASETS):
        left = [100 * parts[data]["offline_fraction_last"] for data in DATASETS]
        gap = left[1].mean() - left[0].mean()
        direction = against_paper([compare(left[1], left[0])], len(left[1]))
        head += f" At its end, offline share on medium-expert minus that on random: {gap:.1f} points, {direction}."
    return "\n".join([head, *lines])


def notes(tables: Tables) -> list[str]:
    """The task that is drawn and why; a dataset without runs."""
    runs = _runs(tables.runs)
    found = ["the paper does not name the environment; walker2d is drawn where it has runs, else the first task"]
    absent = [data for data in DATASETS if data not in set(runs["dataset"])]
    return found + ([f"no runs, so no curve: {', '.join(absent)}"] if absent else [])
