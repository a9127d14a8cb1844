"""What a claim measures: one number from one run (docs/claims.md).

Scores are D4RL's normalised score in points, so that numbers compare across tasks and scales.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

Statistic = Literal[
    "final",
    "area",
    "early_mean",
    "early_minimum",
    "early_loss",
    "offline_fall",
    "offline_last",
    "offline_minimum",
    "auroc_gap",
    "density_order",
    "likelihood_gap",
]
#: "the first epochs": so many environment steps, in a short run this share of them
EARLY_STEPS, EARLY_SHARE = 25_000, 0.4
SCORE, SHARE = "normalized_score", "offline_fraction"
NAN = float("nan")


def final(run: pd.DataFrame) -> float:
    """The mean of the last two evaluations."""
    return float(run[SCORE].tail(2).mean())


def area(run: pd.DataFrame) -> float:
    """The mean over the run: the area under the curve, divided by the steps it spans."""
    steps, score = run["env_steps"].to_numpy(float), run[SCORE].to_numpy(float)
    return float(np.trapezoid(score, steps) / (steps[-1] - steps[0])) if len(steps) > 1 else NAN


def early_mean(run: pd.DataFrame) -> float:
    """The mean over the first epochs; what was before any update does not count."""
    return float(early(_scores(run)).mean())


def early_minimum(run: pd.DataFrame) -> float:
    """The lowest evaluation of the first epochs; what was before any update does not count."""
    return float(early(_scores(run)).min())


def early_loss(run: pd.DataFrame) -> float:
    """Share of the first score that is lost at the lowest of the first epochs; NaN where there is none to lose."""
    first = float(run[SCORE].iloc[0])
    return 1 - early_minimum(run) / first if first > 0 else NAN


def early(values: "pd.Series[float]") -> "pd.Series[float]":
    """The first epochs of a run without the evaluation before any update; values indexed by environment step."""
    steps = values.index.to_numpy(float)
    first: pd.Series[float] = values[(steps > 0) & (steps <= min(EARLY_STEPS, EARLY_SHARE * steps[-1]))]
    return first


def _scores(run: pd.DataFrame) -> "pd.Series[float]":
    scores: pd.Series[float] = run.set_index("env_steps")[SCORE]
    return scores


def offline_fall(run: pd.DataFrame) -> float:
    """Offline share of the last epoch over that of the first."""
    share = run[SHARE]
    return float(share.iloc[-1] / share.iloc[0]) if share.iloc[0] > 0 else NAN


def offline_last(run: pd.DataFrame) -> float:
    """Offline share of the last epoch."""
    return float(run[SHARE].iloc[-1])


def offline_minimum(run: pd.DataFrame) -> float:
    """Lowest offline share of an epoch."""
    return float(run[SHARE].min())


def auroc_gap(run: pd.DataFrame) -> float:
    """AUROC of the ensemble minus that of a single member, mean over the run."""
    return float((run["q_auroc"] - run["q_auroc_single"]).mean())


def density_order(run: pd.DataFrame) -> float:
    """Share of the epochs in which the density ratio is higher on online than on offline samples."""
    return float((run["density_ratio_online"] > run["density_ratio_offline"]).mean())


def likelihood_gap(pairs: pd.DataFrame) -> float:
    """Mean log-likelihood of offline minus online pairs, in standard deviations of the offline ones.

    Args:
        pairs: rows of likelihood.csv of one task, dataset and seed; those with most importance samples count.
    """
    best = pairs[pairs["importance_samples"] == pairs["importance_samples"].max()]
    offline, online = (best.loc[best["split"] == split, "log_likelihood"] for split in ("offline", "online"))
    spread = offline.std()
    return float((offline.mean() - online.mean()) / spread) if spread > 0 else NAN


@dataclass(frozen=True)
class Measure:
    """How a statistic is computed and told."""

    #: the rows of one run, sorted by step, at least one -> its number, or NaN where it has none
    value: Callable[[pd.DataFrame], float]
    words: str
    unit: str
    #: columns it reads; rows that lack one are left out
    columns: tuple[str, ...]


def _score(value: Callable[[pd.DataFrame], float], words: str) -> Measure:
    return Measure(value, words, "points", (SCORE,))


def _share(value: Callable[[pd.DataFrame], float], words: str) -> Measure:
    return Measure(value, words, "", (SHARE,))


MEASURES: dict[Statistic, Measure] = {
    "final": _score(final, "final score"),
    "area": _score(area, "mean score over the run"),
    "early_mean": _score(early_mean, "mean score in the first epochs"),
    "early_minimum": _score(early_minimum, "lowest score in the first epochs"),
    "early_loss": Measure(early_loss, "share of the first score lost in the first epochs", "", (SCORE,)),
    "offline_fall": _share(offline_fall, "offline share, last epoch over first"),
    "offline_last": _share(offline_last, "offline share of the last epoch"),
    "offline_minimum": _share(offline_minimum, "lowest offline share"),
    "auroc_gap": Measure(auroc_gap, "AUROC, ensemble minus single", "", ("q_auroc", "q_auroc_single")),
    "density_order": Measure(
        density_order,
        "share of epochs with a higher ratio on online samples",
        "",
        ("density_ratio_online", "density_ratio_offline"),
    ),
    "likelihood_gap": Measure(likelihood_gap, "log-likelihood, offline minus online", "std", ("log_likelihood",)),
}
