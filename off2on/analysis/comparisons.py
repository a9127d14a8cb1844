"""Statistics over seeds and tasks: intervals, score and regret at fixed budgets, aggregates over tasks.

Scores are D4RL's normalised score in points. As in the figures, the first `BUDGET` steps of a run count.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from off2on.analysis.tables import BUDGET

Floats = NDArray[np.float64]

#: of every interval
LEVEL = 0.95
#: environment steps at which runs are compared, where they get that far
BUDGETS = (10_000, 25_000, 50_000, 100_000, BUDGET)
#: aggregates over tasks need at least these
MIN_TASKS, MIN_SEEDS = 3, 4
RUN = ["task", "dataset", "method", "seed"]
SCRATCH = "none"
_RESAMPLES = 2000


class Estimate(NamedTuple):
    """A mean with its interval over `n` independent values; without one (fewer than two values) it is NaN."""

    value: float
    low: float
    high: float
    n: int


#: of the tables that the functions below give
BUDGET_COLUMNS = [*RUN, "env_steps", "score", "regret"]
DIFFERENCE_COLUMNS = ["task", "dataset", "method", *Estimate._fields]
AGGREGATE_COLUMNS = ["statistic", "method", "value", "low", "high", "seeds", "datasets"]


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


# ---------------------------------------------------------------------------------- final scores, aggregates


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


def score_matrices(finals: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Method -> final scores, seeds down, the same tasks and datasets across, for aggregates.

    A method is included if it has at least `MIN_SEEDS` seeds on all tasks and datasets where any method has that
    many; of a method from scratch only its tasks count. Empty with fewer than `MIN_TASKS` tasks.
    """
    table = finals.pivot_table(index=["task", "dataset"], columns=["method", "seed"], values="score")
    counts = table.T.groupby(level="method").count().T
    enough = counts[(counts >= MIN_SEEDS).any(axis=1)]
    found = {}
    for scratch in (False, True):
        rows = enough[(enough.index.get_level_values("dataset") == SCRATCH) == scratch]
        if rows.index.get_level_values("task").nunique() < MIN_TASKS:
            continue
        for method in rows.columns[(rows >= MIN_SEEDS).all(axis=0)]:
            found[str(method)] = table.loc[rows.index, method].dropna(axis=1).T
    return {method: scores for method, scores in found.items() if len(scores) >= MIN_SEEDS}


def aggregates(finals: pd.DataFrame, reference: str = "ours") -> pd.DataFrame:
    """Interquartile mean of each method, and the probability that `reference` beats it on a task, by rliable.

    Args:
        finals: what `final_scores` gives.
        reference: the method to compare with all others that have the same tasks.

    Returns:
        columns statistic ('iqm' or 'probability of improvement'), method, value, low, high (stratified bootstrap),
        seeds, datasets; without rows where `score_matrices` finds too few of them.
    """
    from rliable.metrics import aggregate_iqm

    tables = score_matrices(finals)
    scores = {method: table.to_numpy(float) for method, table in tables.items()}
    others = {
        method: (scores[reference], scores[method])
        for method, table in tables.items()
        if reference in tables and method != reference and table.columns.equals(tables[reference].columns)
    }
    found = {
        "iqm": _bootstrap(scores, aggregate_iqm),
        "probability of improvement": _bootstrap(others, probability_of_improvement),
    }
    rows = [(name, m, *values[m], *scores[m].shape) for name, values in found.items() for m in values]
    return pd.DataFrame(rows, columns=AGGREGATE_COLUMNS)


def probability_of_improvement(first: Floats, second: Floats) -> float:
    """How often a run of `first [seeds, datasets]` is above one of `second` on the same dataset; a tie is half.

    Rliable's function gives the same number, tests for significance on the way and takes a hundred times as long.
    """
    return float(np.sign(first[:, None] - second[None]).mean() + 1) / 2


def _bootstrap(scores: Mapping[str, Any], statistic: Callable[..., float]) -> dict[str, Sequence[float]]:
    """Point and interval of a statistic for each method, seeds resampled within tasks."""
    if not scores:
        return {}
    from rliable import library as rliable

    # rliable draws from numpy's global generator, whatever random_state it gets
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        points, intervals = rliable.get_interval_estimates(
            scores, lambda *arrays: np.array([statistic(*arrays)]), reps=_RESAMPLES, confidence_interval_size=LEVEL
        )
    finally:
        np.random.set_state(before)  # noqa: NPY002
    return {name: (float(points[name][0]), *map(float, intervals[name][:, 0])) for name in scores}
