"""Figure 4b: how well one Q-function and the ensemble tell online actions from random ones, on medium-expert."""

import pandas as pd
from matplotlib.figure import Figure

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
from off2on.figures.style import METHOD_STYLES
from off2on.figures.words import against_paper, compare, mean_std, seeds

DATASET = "medium-expert"
#: column -> legend, and the method whose look it takes: an ensemble of one is `ours-n1`
ARMS = {"q_auroc": ("Q-ensemble", "ours"), "q_auroc_single": ("single Q", "ours-n1")}


def _curves(tables: Tables) -> pd.DataFrame:
    ours = select(tables.curves, method="ours", dataset=DATASET).dropna(subset=list(ARMS))
    task = preferred_task(ours["task"])
    return select(ours, task=[task] if task else [])


def table(tables: Tables) -> pd.DataFrame:
    """The drawn numbers: arm, task, dataset, method, env_steps, mean, std, n."""
    curves = _curves(tables)
    return pd.concat({arm: over_seeds(curves, arm) for arm in ARMS}, names=["arm"]).reset_index(0)


def draw(tables: Tables) -> Figure:
    """One curve for the ensemble, one for its first member."""
    curves = table(tables)
    if curves.empty:
        return no_runs("Figure 4b: no runs of Ours on medium-expert data at this scale")
    figure = Figure(figsize=(5.2, 3.5), layout="constrained")
    axes = figure.subplots()
    lines = {}
    for arm, (label, look) in reversed(ARMS.items()):
        lines[label] = draw_curve(axes, select(curves, arm=arm), METHOD_STYLES[look], label)
    axes.set(
        xlabel="environment steps",
        ylabel="AUROC: online against random actions",
        title=f"{curves['task'].iloc[0]}-{DATASET}: Ours",
    )
    axes.set_xlim(left=0)
    step_axis(axes)
    headline(figure, seeds_note(curves["n"]))
    legend_below(figure, dict(reversed(lines.items())))
    return figure


def finding(tables: Tables) -> str:
    """Mean AUROC over the run of both arms, and their difference seed by seed."""
    curves = _curves(tables)
    if curves.empty:
        return "Nothing: this scale has no runs of Ours on medium-expert data."
    means = curves.groupby("seed")[list(ARMS)].mean()
    gap = means["q_auroc"] - means["q_auroc_single"]
    higher = int((gap > 0).sum())
    lines = [
        f"{label}: {mean_std(means[arm], 3)} over the run, {mean_std(_last(curves)[arm], 3)} at its end"
        for arm, (label, _) in ARMS.items()
    ]
    head = (
        f"{curves['task'].iloc[0]}-{DATASET}: ensemble minus single, averaged over the run: {mean_std(gap, 3)}, "
        f"positive in {higher} of {seeds(len(gap))}, {against_paper([compare(gap, [0.0])], len(gap))}."
    )
    return "\n".join([head, *lines])


def _last(curves: pd.DataFrame) -> pd.DataFrame:
    return curves.groupby("seed").tail(1)


def notes(tables: Tables) -> list[str]:
    """What the arms are, and the size of the ensemble."""
    sizes = sorted(set(select(tables.runs, method="ours", dataset=DATASET)["members"]))
    found = ["the paper does not name the environment; walker2d is drawn where it has runs, else the first task"]
    if sizes:
        found.append(
            f"ensemble: mean over N = {', '.join(map(str, sizes))} members of the smaller of two Q-functions; "
            "single: the first member of the same run"
        )
    return found
