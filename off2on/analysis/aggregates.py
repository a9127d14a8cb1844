"""Aggregates over tasks after Agarwal et al. (arXiv:2108.13264): interquartile mean, performance profile and
probability of improvement, each with a 95 % stratified bootstrap interval. Tests compare them with rliable's.

A method's scores are an array `[seeds, datasets]`; a bootstrap sample draws seeds anew within every dataset.
"""  # noqa: D205

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from off2on.analysis.comparisons import LEVEL, RUN, SCRATCH, Floats

#: aggregates need at least these
MIN_TASKS, MIN_SEEDS = 3, 4
AGGREGATE_COLUMNS = ["statistic", "method", "value", "low", "high", "seeds", "datasets"]
#: of `portrait`
PORTRAIT_COLUMNS = ["panel", "method", "x", "value", "low", "high"]
_RESAMPLES = 2000
#: bootstrap samples whose pairs of runs are compared at once
_CHUNK = 100
#: points of a curve over steps, and of a profile
_POINTS = 51


class Band(NamedTuple):
    """A value with its interval, or curves of them."""

    value: Floats
    low: Floats
    high: Floats


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
    """Interquartile mean of each method, and the probability that `reference` beats it on a dataset.

    Args:
        finals: what `comparisons.final_scores` gives.
        reference: the method to compare with all others that have the same datasets.

    Returns:
        columns statistic ('iqm' or 'probability of improvement'), method, value, low, high, seeds, datasets;
        without rows where `score_matrices` finds too few of them.
    """
    tables = score_matrices(finals)
    rows = [
        ("iqm", method, *_numbers(banded(iqm, table.to_numpy(float))), *table.shape)
        for method, table in tables.items()
    ]
    for method, table in tables.items():
        if method != reference and reference in tables and table.columns.equals(tables[reference].columns):
            better = improvement(tables[reference].to_numpy(float), table.to_numpy(float))
            rows.append(("probability of improvement", method, *_numbers(better), *table.shape))
    return pd.DataFrame(rows, columns=AGGREGATE_COLUMNS)


def portrait(curves: pd.DataFrame, finals: pd.DataFrame, reference: str = "ours") -> pd.DataFrame:
    """What Figure X0 draws, of the methods that have the datasets of `reference`.

    Args:
        curves: curves.csv, of which the steps that all runs reach count.
        finals: what `comparisons.final_scores` gives.
        reference: the method that is compared with all others.

    Returns:
        columns panel ('iqm', 'improvement', 'profile': x is a score, 'steps': x is a number of steps), method, x,
        value, low, high; without rows where `score_matrices` finds too few seeds or tasks.
    """
    tables = score_matrices(finals)
    if reference not in tables:
        return pd.DataFrame(columns=PORTRAIT_COLUMNS)
    own = {name: table for name, table in tables.items() if table.columns.equals(tables[reference].columns)}
    scores = {name: table.to_numpy(float) for name, table in own.items()}
    grid = np.linspace(min(0.0, *map(np.min, scores.values())), max(map(np.max, scores.values())), _POINTS)
    steps, over_steps = _over_steps(curves, own)
    parts = []
    for name, found in scores.items():
        parts.append(_rows("iqm", name, [np.nan], banded(iqm, found)))
        if name != reference:
            parts.append(_rows("improvement", name, [np.nan], improvement(scores[reference], found)))
        parts.append(_rows("profile", name, grid, banded(lambda runs: profile(runs, grid), found)))
        means = [banded(iqm, over_steps[name][k]) for k in range(len(steps))]
        parts.append(_rows("steps", name, steps, Band(*map(np.array, zip(*means, strict=True)))))
    return pd.concat(parts, ignore_index=True)


def _rows(panel: str, method: str, x: object, band: Band) -> pd.DataFrame:
    values = {name: np.atleast_1d(value) for name, value in band._asdict().items()}
    return pd.DataFrame({"panel": panel, "method": method, "x": x} | values)[PORTRAIT_COLUMNS]


def _numbers(band: Band) -> tuple[float, float, float]:
    return float(band.value), float(band.low), float(band.high)


def _over_steps(curves: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> tuple[Floats, dict[str, Floats]]:
    """Steps, and the scores of each method there `[steps, seeds, datasets]`, linearly interpolated."""
    known = curves[curves["method"].isin(tables)].dropna(subset=["normalized_score"])
    runs = {
        key: (part["env_steps"].to_numpy(float), part["normalized_score"].to_numpy(float))
        for key, part in known.groupby(RUN)
    }
    steps = np.linspace(0, min(x[-1] for x, _ in runs.values()), _POINTS)
    found = {}
    for name, table in tables.items():
        at = [[np.interp(steps, *runs[*place, name, seed]) for place in table.columns] for seed in table.index]
        found[name] = np.moveaxis(np.array(at), -1, 0)
    return steps, found


# ------------------------------------------------------------------------------------- statistics, intervals


def iqm(runs: Floats) -> Floats:
    """The mean of the middle half of the runs `[..., runs]`: a quarter at each end, rounded down, is left out."""
    out = runs.shape[-1] // 4
    middle = np.sort(runs, axis=-1)[..., out : runs.shape[-1] - out]
    return np.asarray(middle.mean(axis=-1))


def profile(runs: Floats, scores: Floats) -> Floats:
    """The share of the runs `[..., runs]` above each score, `[..., scores]`."""
    return np.stack([(runs > score).mean(axis=-1) for score in scores], axis=-1)


def probability_of_improvement(first: Floats, second: Floats) -> Floats:
    """How often a run of `first [..., seeds, datasets]` is above one of `second` on a dataset; a tie is half."""
    signs = np.sign(first[..., :, None, :] - second[..., None, :, :])
    return np.asarray(signs.mean(axis=(-3, -2, -1)) + 1) / 2


def _resampled(scores: Floats, generator: np.random.Generator) -> Floats:
    """Bootstrap samples `[samples, seeds, datasets]`: seeds are drawn anew within every dataset."""
    drawn = generator.integers(0, len(scores), (_RESAMPLES, *scores.shape))
    return np.take_along_axis(scores[None], drawn, axis=1)


def banded(statistic: Callable[[Floats], Floats], scores: Floats) -> Band:
    """A statistic of pooled runs, with its interval, for scores `[seeds, datasets]`."""
    samples = _resampled(scores, np.random.default_rng(0))
    return _band(statistic(scores.reshape(-1)), statistic(samples.reshape(len(samples), -1)))


def improvement(first: Floats, second: Floats) -> Band:
    """The probability of improvement with its interval; the two methods are drawn independently."""
    generator = np.random.default_rng(0)
    one, two = _resampled(first, generator), _resampled(second, generator)
    chunks = [slice(k, k + _CHUNK) for k in range(0, _RESAMPLES, _CHUNK)]
    drawn = np.concatenate([probability_of_improvement(one[part], two[part]) for part in chunks])
    return _band(probability_of_improvement(first, second), drawn)


def _band(value: Floats, drawn: Floats) -> Band:
    low, high = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0)
    return Band(value, low, high)
