"""Figure 1a: log-likelihood of held-out offline and of online pairs under a VAE of the offline data."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from off2on.analysis.auroc import auroc
from off2on.analysis.tables import Tables, records
from off2on.envs.tasks import TASKS
from off2on.figures.panels import headline, no_runs, select
from off2on.figures.style import DATASET_ORDER, in_order
from off2on.figures.words import mean_std, seeds

#: the panel of the paper
PAPER = ("halfcheetah", "random")
#: split -> legend, colour; a light and a dark one, of no method
SPLITS = {"offline": ("offline, held out", "#9aa0a6"), "online": ("online, CQL agent", "#5e3c99")}
BINS = 40
#: the axis spans these quantiles of both kinds; values beyond are counted in the first or last bin
SPAN = (0.005, 0.995)
VALUE = "log_likelihood"


def table(tables: Tables) -> pd.DataFrame:
    """The drawn numbers: task, dataset, split, low, high, density (a nat), median, n; all seeds together."""
    parts = [_histograms(place) for _, place in tables.likelihood.groupby(["task", "dataset"])]
    columns = ["task", "dataset", "split", "low", "high", "density", "median", "n"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _histograms(pairs: pd.DataFrame) -> pd.DataFrame:
    """Both splits of one dataset in the same bins."""
    values = {split: select(pairs, split=split)[VALUE].to_numpy(float) for split in SPLITS}
    ends = [np.quantile(found, share) for found in values.values() for share in SPAN]
    edges = np.linspace(min(ends), max(ends), BINS + 1)
    place = {"task": pairs["task"].iloc[0], "dataset": pairs["dataset"].iloc[0]}
    bins = {"low": edges[:-1], "high": edges[1:]}
    parts = []
    for split, found in values.items():
        density = np.histogram(found.clip(edges[0], edges[-1]), edges, density=True)[0]
        facts = {"split": split, "density": density, "median": np.median(found), "n": len(found)}
        parts.append(pd.DataFrame(bins).assign(**place, **facts))
    return pd.concat(parts)


def _places(pairs: pd.DataFrame) -> list[tuple[str, str]]:
    """The datasets that have values, in the order of the figures."""
    found = set(zip(pairs["task"], pairs["dataset"], strict=True))
    tasks = in_order({task for task, _ in found}, TASKS)
    datasets = in_order({data for _, data in found}, DATASET_ORDER)
    return [(task, data) for task in tasks for data in datasets if (task, data) in found]


def draw(tables: Tables) -> Figure:
    """A panel per dataset: two histograms, their medians as dashed lines."""
    histograms = table(tables)
    places = _places(histograms)
    if not places:
        return no_runs("Figure 1a: no likelihoods at this scale")
    columns = min(4, len(places))
    rows = -(-len(places) // columns)
    figure = Figure(figsize=(max(5.2, 3.1 * columns + 0.3), 2.5 * rows + 1.0), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (task, data) in zip(grid, places, strict=False):
        _draw_panel(axes, select(histograms, task=task, dataset=data))
        axes.set(title=f"{task}-{data}", xlabel="log-likelihood (nats)", ylabel="density (1/nat)")
    for axes in list(grid)[len(places) :]:
        axes.set_axis_off()
    count = tables.likelihood.groupby(["task", "dataset"])["seed"].nunique()
    headline(figure, f"pairs of {seeds(count.max())} pooled; dashed: medians")
    patches = [Patch(color=colour, alpha=0.65, label=label) for label, colour in SPLITS.values()]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches))
    return figure


def _draw_panel(axes: Axes, histograms: pd.DataFrame) -> None:
    """The histograms of one dataset, and their medians."""
    # here, since it takes a second and the other figures do without
    from seaborn import histplot

    histplot(
        histograms.assign(middle=(histograms["low"] + histograms["high"]) / 2),
        x="middle",
        weights="density",
        bins=[*histograms["low"].drop_duplicates(), histograms["high"].max()],
        hue="split",
        palette={split: colour for split, (_, colour) in SPLITS.items()},
        element="step",
        alpha=0.65,
        linewidth=1.2,
        legend=False,
        ax=axes,
    )
    for split, (_, colour) in SPLITS.items():
        median = select(histograms, split=split)["median"].iloc[0]
        axes.axvline(median, color=colour, linestyle="--", linewidth=1.4)


def finding(tables: Tables) -> str:
    """How far apart the medians are, seed by seed, and how well the likelihood separates the two kinds."""
    pairs = tables.likelihood
    places = _places(pairs)
    if not places:
        return "Nothing: this scale has no likelihoods."
    lines = []
    for task, data in places:
        units = pd.DataFrame([_unit(unit) for _, unit in select(pairs, task=task, dataset=data).groupby("seed")])
        lines.append(
            f"{task}-{data}: median of offline pairs {mean_std(units['offline'], 1)}, of online pairs "
            f"{mean_std(units['online'], 1)}, gap {mean_std(units['gap'], 1)} nats; an offline pair is likelier "
            f"than an online one with probability {mean_std(units['auroc'], 3)} (AUROC), {seeds(len(units))}"
        )
    return "\n".join(["Medians of held-out offline and of online pairs; mean ± std over seeds.", *lines])


def _unit(pairs: pd.DataFrame) -> dict[str, float]:
    """One seed: both medians, their gap and the AUROC."""
    offline, online = (select(pairs, split=split)[VALUE] for split in SPLITS)
    return {
        "offline": offline.median(),
        "online": online.median(),
        "gap": offline.median() - online.median(),
        "auroc": auroc(offline.to_numpy(float), online.to_numpy(float)),
    }


def notes(tables: Tables) -> list[str]:
    """How the likelihood is estimated, and where the axis ends."""
    pairs = tables.likelihood
    absent = PAPER not in _places(pairs)
    found = [f"no likelihoods, so no panel: {'-'.join(PAPER)}"] if absent else []
    if pairs.empty:
        return found
    sizes = ", ".join(
        str(row["importance_samples"]) for row in records(pairs[["importance_samples"]].drop_duplicates())
    )
    return [
        *found,
        "density of (s, a) standardised by the VAE's training part, estimated with K = "
        f"{sizes} importance samples: a lower bound in expectation; whole episodes are held out",
        f"the axis spans {100 * SPAN[0]:g} % to {100 * SPAN[1]:g} % quantile of both kinds; values beyond are "
        "counted in the first or last bin",
    ]
