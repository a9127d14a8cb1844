"""Figure 4c: balanced replay against uniform and online-only sampling, with the ensemble in all three."""

import pandas as pd
from matplotlib.figure import Figure

from off2on.analysis.curves import mean_std as over_seeds
from off2on.analysis.tables import Tables
from off2on.figures.panels import (
    FIG_4_TASK,
    draw_curve,
    headline,
    legend_below,
    no_runs,
    score_axis,
    seeds_note,
    select,
    step_axis,
)
from off2on.figures.style import TASK_ORDER, in_order, method_style
from off2on.figures.words import against_paper, compare, mean_std

ARMS = {"ours": "Balanced", "uniform": "Uniform", "online-only": "Online only"}
#: which dataset to draw where several have all arms
DATASETS = ("medium", "medium-replay", "medium-expert", "random")


def _runs(table: pd.DataFrame) -> pd.DataFrame:
    """The runs of the (task, dataset) that has the most arms."""
    table = select(table, method=list(ARMS))
    arms = table.groupby(["task", "dataset"])["method"].nunique()
    if arms.empty:
        return table
    tasks = in_order(table["task"], (FIG_4_TASK, *TASK_ORDER))
    datasets = in_order(table["dataset"], DATASETS)
    task, data = min(arms.index, key=lambda key: (-arms[key], tasks.index(key[0]), datasets.index(key[1])))
    return select(table, task=task, dataset=data)


def table(tables: Tables) -> pd.DataFrame:
    """The drawn numbers: task, dataset, method, env_steps, mean, std, n."""
    return over_seeds(_runs(tables.curves), "return_mean")


def draw(tables: Tables) -> Figure:
    """One curve per way of sampling."""
    curves = table(tables)
    if curves["method"].nunique() < 2:
        return no_runs("Figure 4c: no dataset with two ways of sampling at this scale")
    task, data = curves["task"].iloc[0], curves["dataset"].iloc[0]
    figure = Figure(figsize=(5.4, 3.5), layout="constrained")
    axes = figure.subplots()
    lines = {}
    for method, label in reversed(ARMS.items()):
        if not (curve := select(curves, method=method)).empty:
            lines[label] = draw_curve(axes, curve, method_style(method), label)
    axes.set(xlabel="environment steps", ylabel="average return", title=f"{task}-{data}")
    step_axis(axes)
    score_axis(axes, task, named=True)
    headline(figure, seeds_note(curves["n"]))
    legend_below(figure, dict(reversed(lines.items())))
    return figure


def finding(tables: Tables) -> str:
    """Final return, mean over the run and lowest evaluation of each arm."""
    runs, curves = _runs(tables.runs), _runs(tables.curves)
    if runs["method"].nunique() < 2:
        return "Nothing: this scale has no dataset with two ways of sampling."
    returns = {m: part.groupby("seed")["return_mean"] for m, part in curves.groupby("method")}
    finals = {method: part["return_final"] for method, part in runs.groupby("method")}
    arms = [method for method in ARMS if method in finals]
    signs = [compare(finals["ours"], finals[m]) for m in arms[1:]] if "ours" in finals else []
    words = {1: "above", 0: "within the spread of", -1: "below"}
    told = [f"{words[sign]} {ARMS[m]}" for m, sign in zip(arms[1:], signs, strict=False)]
    head = f"{runs['task'].iloc[0]}-{runs['dataset'].iloc[0]}: "
    head += (
        f"Balanced ends {', '.join(told)}: {against_paper(signs, len(finals['ours']))}."
        if told
        else "no runs of Balanced."
    )
    lines = [
        f"{ARMS[method]}: final {mean_std(finals[method])}, mean over the run {mean_std(returns[method].mean())}, "
        f"lowest evaluation {mean_std(returns[method].min())}, first {mean_std(returns[method].first())}"
        for method in arms
    ]
    return "\n".join([head, *lines])


def notes(tables: Tables) -> list[str]:
    """Which dataset is drawn and why; arms without runs."""
    runs = _runs(tables.runs)
    absent = [label for method, label in ARMS.items() if method not in set(runs["method"])]
    found = ["the paper's environment is not stated; drawn is the dataset with the most of the three arms"]
    return found + ([f"no runs, so no curve: {', '.join(absent)}"] if absent else [])
