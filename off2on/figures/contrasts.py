"""What curves found, in numbers: a few values of every run, and differences of two curves paired by seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from off2on.analysis.run_values import early
from off2on.analysis.verdicts import ENOUGH
from off2on.figures.words import against_paper, compare, mean_std, panels, seeds_of, signed


@dataclass(frozen=True)
class Quantity:
    """What is on the y axis, and how it is told."""

    axis: str
    noun: str
    digits: int = 0
    #: a fraction: drawn and told in per cent
    percent: bool = False

    def tell(self, values: pd.Series, *, difference: bool = False) -> str:
        """Mean and standard deviation over seeds, with the unit; a difference has its sign."""
        text = (signed if difference else mean_std)(values * (100 if self.percent else 1), self.digits)
        return text + ((" points" if difference else " %") if self.percent else "")


@dataclass(frozen=True)
class Statistic:
    """One number of a run."""

    short: str
    #: with the quantity's noun in the place of {}
    long: str
    of: Callable[[pd.Series], float]


#: functions of the values of a run, indexed by environment step
STATISTICS = {
    "first": Statistic("first", "{} at the first evaluation", lambda v: v.iloc[0]),
    "last": Statistic("last", "{} at the last evaluation", lambda v: v.iloc[-1]),
    "final": Statistic("final", "final {} (mean of the last two evaluations)", lambda v: v.tail(2).mean()),
    "lowest": Statistic("lowest", "lowest {} of a run", lambda v: v.min()),
    "mean": Statistic("mean over the run", "{} averaged over the run", lambda v: v.mean()),
    "drop": Statistic(
        "early drop",
        "drop of the {} from the first evaluation to the lowest of the first epochs",
        lambda v: float(np.maximum(0.0, v.iloc[0] - early(v).min())),
    ),
}


@dataclass(frozen=True)
class Panel:
    """The curves of a panel: arm -> one row per seed and a column per statistic."""

    title: str
    arms: Mapping[str, pd.DataFrame]
    #: the paper finds a difference here, rather than that the arms are alike
    differs: bool = True


def per_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """The statistics of one curve.

    Args:
        rows: columns seed, env_steps, value.

    Returns:
        a row per seed (index), a column per entry of `STATISTICS`.
    """
    values = rows.sort_values("env_steps").set_index("env_steps").groupby("seed")["value"]
    return pd.DataFrame({name: values.agg(statistic.of) for name, statistic in STATISTICS.items()})


def difference(panel: Panel, first: str, second: str, statistic: str) -> pd.Series:
    """`first` minus `second`, seed by seed; empty where they share no seed."""
    if not {first, second} <= panel.arms.keys():
        return pd.Series(dtype=float)
    return (panel.arms[first][statistic] - panel.arms[second][statistic]).dropna()


def verdict(shown: Sequence[Panel], first: str, second: str, statistic: str, quantity: Quantity) -> str:
    """Words: `first` minus `second`, and whether it is as in the paper, over all panels that have both."""
    told = []
    for differs in (True, False):
        found = [
            (p, gap) for p in shown if p.differs is differs and len(gap := difference(p, first, second, statistic))
        ]
        if not found:
            continue
        signs, counts = [compare(gap, [0.0]) for _, gap in found], [len(gap) for _, gap in found]
        place = panels(len(found))
        if len(found) == 1:
            place = f"{found[0][0].title} {quantity.tell(found[0][1], difference=True)}"
        paper = against_paper(signs, counts) if differs else _alike(signs, counts)
        told.append(f"{place} ({seeds_of(counts)}), {paper}")
    return f"{first} minus {second}: {'; '.join(told) or 'no panel has both'}"


def _alike(signs: Sequence[int], counts: Sequence[int]) -> str:
    """How it agrees with a paper that finds no difference."""
    if max(counts) == 1:
        return "alike in the paper (one seed: no spread to judge by)"
    if signs.count(0) == len(signs) and sum(counts) >= ENOUGH:
        return "alike, as in the paper"
    return f"alike in the paper, here in {signs.count(0)} of {len(signs)}"


def detail(panel: Panel, statistics: Sequence[str], quantity: Quantity) -> str:
    """A line: the statistics of every arm of a panel, mean and standard deviation over seeds."""
    counts = seeds_of([len(of) for of in panel.arms.values()])
    several = len(statistics) > 1
    words = {name: f"{STATISTICS[name].short} " if several else "" for name in statistics}
    arms = [
        f"{arm}: " + ", ".join(words[name] + quantity.tell(of[name]) for name in statistics)
        for arm, of in panel.arms.items()
    ]
    return f"{panel.title} ({counts}). " + ("; " if several else ", ").join(arms)
