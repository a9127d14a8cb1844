"""One number from one run: the statistics that claims, tables and findings of figures share (docs/claims.md)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

#: "the first epochs": this many environment steps, in a short run this share of them
EARLY_STEPS, EARLY_SHARE = 25_000, 0.4
NAN = float("nan")

Table = Literal["curves", "pretrain", "likelihood"]
#: the column that says whose numbers a table holds; None: it holds those of the data alone
NAMED_BY: dict[Table, str | None] = {"curves": "method", "pretrain": "algorithm", "likelihood": None}


@dataclass(frozen=True)
class Statistic:
    """One number of the values of a run."""

    #: the values, at least one, indexed by environment step, in order -> the number, or NaN where there is none
    of: Callable[["pd.Series[float]"], float]
    #: with the name of the quantity in place of {}
    words: str
    #: among several of the same quantity
    short: str


def early(values: "pd.Series[float]") -> "pd.Series[float]":
    """The values of the first epochs, without the evaluation before any update."""
    steps = values.index.to_numpy(float)
    first: pd.Series[float] = values[(steps > 0) & (steps <= min(EARLY_STEPS, EARLY_SHARE * steps[-1]))]
    return first


def final(values: "pd.Series[float]") -> float:
    """The mean of the last two evaluations."""
    return float(values.tail(2).mean())


def area(values: "pd.Series[float]") -> float:
    """The area under the curve, divided by the steps that it spans."""
    steps = values.index.to_numpy(float)
    return float(np.trapezoid(values, steps) / (steps[-1] - steps[0])) if len(steps) > 1 else NAN


def early_loss(values: "pd.Series[float]") -> float:
    """The share of the first value that is lost at the lowest of the first epochs; NaN if that is not positive."""
    return float(1 - early(values).min() / values.iloc[0]) if values.iloc[0] > 0 else NAN


STATISTICS = {
    "first": Statistic(lambda v: v.iloc[0], "{} at the first evaluation", "first"),
    "last": Statistic(lambda v: v.iloc[-1], "{} at the last evaluation", "last"),
    "final": Statistic(final, "final {} (mean of the last two evaluations)", "final"),
    "gain": Statistic(lambda v: final(v) - v.iloc[0], "final minus first {}", "gain"),
    "ratio": Statistic(
        lambda v: v.iloc[-1] / v.iloc[0] if v.iloc[0] > 0 else NAN, "{}, last evaluation over first", "ratio"
    ),
    "best": Statistic(lambda v: v.max(), "highest {} of a run", "highest"),
    "lowest": Statistic(lambda v: v.min(), "lowest {} of a run", "lowest"),
    "mean": Statistic(lambda v: v.mean(), "{} averaged over the run", "mean"),
    "area": Statistic(area, "mean {} over the run (area under the curve)", "mean over the run"),
    "early_mean": Statistic(lambda v: early(v).mean(), "mean {} in the first epochs", "early mean"),
    "early_minimum": Statistic(lambda v: early(v).min(), "lowest {} in the first epochs", "early lowest"),
    "early_loss": Statistic(early_loss, "share of the first {} lost in the first epochs", "early loss"),
}


# ------------------------------------------------------------------------------------- what a claim measures


@dataclass(frozen=True)
class Measure:
    """What a claim calls its statistic: one number of the rows of one job in a table."""

    #: the rows of one job, in order, at least one -> its number, or NaN where it has none
    value: Callable[[pd.DataFrame], float]
    words: str
    #: columns that it reads; rows that lack one are left out
    columns: tuple[str, ...]
    unit: str = ""
    table: Table = "curves"
    #: of two numbers of the same job, so that 0 means no effect
    difference: bool = False


def _of(column: str, statistic: str, noun: str, unit: str = "", table: Table = "curves") -> Measure:
    """A statistic of one column."""
    chosen = STATISTICS[statistic]

    def value(rows: pd.DataFrame) -> float:
        return chosen.of(pd.Series(rows[column].to_numpy(float), rows["env_steps"].to_numpy(float)))

    return Measure(value, chosen.words.format(noun), (column,), unit, table, difference=statistic == "gain")


def _score(statistic: str, unit: str = "points") -> Measure:
    """D4RL's normalised score, in points, so that numbers compare across tasks and scales."""
    return _of("normalized_score", statistic, "score", unit)


def _offline_share(statistic: str) -> Measure:
    return _of("offline_fraction", statistic, "offline share")


def random_against_scripted(run: pd.DataFrame) -> float:
    """What is kept of the random share over what is kept of the scripted; NaN where one was never there."""
    first, last = run.iloc[0], run.iloc[-1]
    kept = [
        last[column] / first[column] if first[column] > 0 else NAN
        for column in ("offline_fraction_random", "offline_fraction_scripted")
    ]
    return float(kept[0] / kept[1]) if kept[1] > 0 else NAN


def auroc_gap(run: pd.DataFrame) -> float:
    """AUROC of the ensemble minus that of a single member, mean over the run."""
    return float((run["q_auroc"] - run["q_auroc_single"]).mean())


def density_order(run: pd.DataFrame) -> float:
    """The share of the epochs in which the density ratio is higher on online than on offline samples."""
    return float((run["density_ratio_online"] > run["density_ratio_offline"]).mean())


def dataset_return_share(pretraining: pd.DataFrame) -> float:
    """The last return over the dataset's mean episode return; NaN if that is not positive."""
    last = pretraining.iloc[-1]
    return float(last["return_mean"] / last["dataset_mean_return"]) if last["dataset_mean_return"] > 0 else NAN


def likelihood_gap(pairs: pd.DataFrame) -> float:
    """Mean log-likelihood of offline minus online pairs, in standard deviations of the offline ones.

    Args:
        pairs: rows of likelihood.csv of one task, dataset and seed; those with most importance samples count.
    """
    best = pairs[pairs["importance_samples"] == pairs["importance_samples"].max()]
    offline, online = (best.loc[best["split"] == split, "log_likelihood"] for split in ("offline", "online"))
    spread = offline.std()
    return float((offline.mean() - online.mean()) / spread) if spread > 0 else NAN


#: what `statistic` of a claim may be
MEASURES = {
    "final": _score("final"),
    "gain": _score("gain"),
    "area": _score("area"),
    "early_mean": _score("early_mean"),
    "early_minimum": _score("early_minimum"),
    "early_loss": _score("early_loss", unit=""),
    "offline_fall": _offline_share("ratio"),
    "offline_last": _offline_share("last"),
    "offline_minimum": _offline_share("lowest"),
    "success_final": _of("success_last", "final", "success"),
    "success_gain": _of("success_last", "gain", "success"),
    "random_fall": _of("offline_fraction_random", "ratio", "share of random samples"),
    "random_against_scripted": Measure(
        random_against_scripted,
        "what is kept of the random samples' share over what is kept of the scripted",
        ("offline_fraction_random", "offline_fraction_scripted"),
    ),
    "auroc_gap": Measure(
        auroc_gap, "AUROC, ensemble minus single", ("q_auroc", "q_auroc_single"), difference=True
    ),
    "density_order": Measure(
        density_order,
        "share of epochs with a higher ratio on online samples",
        ("density_ratio_online", "density_ratio_offline"),
    ),
    "likelihood_gap": Measure(
        likelihood_gap,
        "log-likelihood, offline minus online",
        ("log_likelihood",),
        "std",
        "likelihood",
        difference=True,
    ),
    "dataset_return_share": Measure(
        dataset_return_share,
        "return of the offline agents over the dataset's mean episode return",
        ("return_mean", "dataset_mean_return"),
        table="pretrain",
    ),
    "offline_auroc": _of("q_auroc", "last", "AUROC of the offline agents", table="pretrain"),
}
