"""Statistics over seeds: intervals, score and regret at fixed budgets, differences paired by seed.

Scores are D4RL's normalised score in points. As in the figures, the first `BUDGET` steps of a run count.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from off2on.analysis.tables import BUDGET

Floats = NDArray[np.float64]

#: of every interval
LEVEL = 0.95
#: environment steps at which runs are compared, where they get that far
BUDGETS = (10_000, 25_000, 50_000, 100_000, BUDGET)
RUN = ["task", "dataset", "method", "seed"]
SCRATCH = "none"


class Estimate(NamedTuple):
    """A mean with its interval over `n` independent values; without one (fewer than two values) it is NaN."""

    value: float
    low: float
    high: float
    n: int


#: of the tables that the functions below give
BUDGET_COLUMNS = [*RUN, "env_steps", "score", "regret"]
DIFFERENCE_COLUMNS = ["task", "dataset", "method", *Estimate._fields]


def t_interval(values: ArrayLike, level: float = LEVEL) -> Estimate:
    """Mean and two-sided Student-t interval of independent values `[n]`; NaN among them do not count."""
    from scipy.stats import t

    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    n = len(known)
    if n < 2:
        return Estimate(float(known[0]) if n else float("nan"), float("nan"), float("nan"), n)
    mean, half = known.mean(), t.ppf((1 + level) / 2, n - 1) * known.std(ddof=1) / np.sqrt(n)
    return Estimate(float(mean), float(mean - half), float(mean + half), n)


def paired_difference(first: "pd.Series[float]", second: "pd.Series[float]", level: float = LEVEL) -> Estimate:
    """Mean of first - second over what both have, by index (seeds, say), with its Student-t interval."""
    pairs = pd.concat([first, second], axis=1, join="inner")
    return t_interval(pairs.iloc[:, 0] - pairs.iloc[:, 1], level)


# ------------------------------------------------------------------------------------------- fixed budgets


def fixed_budgets(curves: pd.DataFrame) -> pd.DataFrame:
    """Score and regret of every run at the budgets it reaches, and at its last step.

    Args:
        curves: curves.csv; between two evaluations the score is interpolated linearly.

    Returns:
        columns task, dataset, method, seed, env_steps, score (points), regret: 1 - score / 100,
        averaged over the steps so far.
    """
    known = curves[curves["env_steps"] <= BUDGET].dropna(subset=["normalized_score"])
    rows = [
        (*key, budget, *_at(part["env_steps"].to_numpy(float), part["normalized_score"].to_numpy(float), budget))
        for key, part in known.groupby(RUN)
        for last in [int(part["env_steps"].iloc[-1])]
        for budget in sorted({b for b in BUDGETS if b <= last} | {last})
    ]
    return pd.DataFrame(rows, columns=BUDGET_COLUMNS)


def _at(steps: Floats, score: Floats, budget: int) -> tuple[float, float]:
    before = steps < budget
    steps, score = np.append(steps[before], budget), np.append(score[before], np.interp(budget, steps, score))
    mean = np.trapezoid(score, steps) / (steps[-1] - steps[0]) if len(steps) > 1 else score[-1]
    return float(score[-1]), float(1 - mean / 100)


# ------------------------------------------------------------------------------------------- final scores


def final_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Task, dataset, method, seed and final score of every run of runs.csv that has a normalised score."""
    return runs.rename(columns={"normalized_final": "score"})[[*RUN, "score"]].dropna()


def paired_differences(finals: pd.DataFrame, reference: str = "ours") -> pd.DataFrame:
    """`reference` minus each other method, per task and dataset, paired by seed.

    Args:
        finals: what `final_scores` gives; runs from scratch are compared on every dataset of their task.
        reference: the method to compare with all others.

    Returns:
        columns task, dataset, method, value, low, high, n.
    """
    others = finals[finals["method"] != reference]
    rows = []
    for (task, dataset), own in finals[finals["method"] == reference].groupby(["task", "dataset"]):
        here = others[(others["task"] == task) & others["dataset"].isin([dataset, SCRATCH])]
        for method, part in here.groupby("method"):
            difference = paired_difference(own.set_index("seed")["score"], part.set_index("seed")["score"])
            rows.append((task, dataset, method, *difference))
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)
