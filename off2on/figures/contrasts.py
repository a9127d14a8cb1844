"""What curves found, in numbers: a few values of every run, and differences of two curves paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pandas as pd

from off2on.analysis.run_statistics import STATISTICS
from off2on.analysis.tables import ENOUGH
from off2on.figures.spec import Quantity
from off2on.figures.words import against_paper, compare, mean_std, panels, seeds_of, signed


@dataclass(frozen=True)
class Panel:
    """The curves of a panel: label -> one row per seed and a column per statistic."""

    title: str
    curves: Mapping[str, pd.DataFrame]
    #: the paper finds a difference here, rather than none
    differs: bool = True

    @classmethod
    def of(cls, title: str, rows: Mapping[str, pd.DataFrame], differs: bool) -> Self:
        """A panel from the evaluations of its curves: columns seed, env_steps, value."""
        return cls(title, {label: _per_seed(part) for label, part in rows.items()}, differs)


def _per_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per seed (index), a column per entry of `STATISTICS`."""
    values = rows.sort_values("env_steps").set_index("env_steps").groupby("seed")["value"]
    return pd.DataFrame({name: values.agg(statistic.of) for name, statistic in STATISTICS.items()})


def quantity_text(quantity: Quantity, values: pd.Series, *, difference: bool = False) -> str:
    """Mean and standard deviation over seeds, with the unit; a difference has its sign."""
    text = (signed if difference else mean_std)(values * (100 if quantity.percent else 1), quantity.digits)
    return text + ((" points" if difference else " %") if quantity.percent else "")


def difference(panel: Panel, first: str, second: str, statistic: str) -> pd.Series:
    """`first` minus `second`, seed by seed; empty where they share no seed."""
    if not {first, second} <= panel.curves.keys():
        return pd.Series(dtype=float)
    return (panel.curves[first][statistic] - panel.curves[second][statistic]).dropna()


def compare_curves(shown: Sequence[Panel], first: str, second: str, statistic: str, quantity: Quantity) -> str:
    """Words: `first` minus `second`, and whether it is as in the paper, over all panels that have both."""
    parts = []
    for differs in (True, False):
        found = [
            (p, gap) for p in shown if p.differs is differs and len(gap := difference(p, first, second, statistic))
        ]
        if not found:
            continue
        signs, counts = [compare(gap, [0.0]) for _, gap in found], [len(gap) for _, gap in found]
        place = panels(len(found))
        if len(found) == 1:
            place = f"{found[0][0].title} {quantity_text(quantity, found[0][1], difference=True)}"
        paper = against_paper(signs, counts) if differs else _no_difference(signs, counts)
        parts.append(f"{place} ({seeds_of(counts)}), {paper}")
    return f"{first} minus {second}: {'; '.join(parts) or 'no panel has both'}"


def _no_difference(signs: Sequence[int], counts: Sequence[int]) -> str:
    """How it agrees with a paper that finds no difference."""
    if max(counts) == 1:
        return "no difference in the paper (one seed: no spread to judge by)"
    if signs.count(0) == len(signs) and sum(counts) >= ENOUGH:
        return "no difference, as in the paper"
    return f"no difference in the paper; within the spread here in {signs.count(0)} of {panels(len(signs))}"


def detail(panel: Panel, statistics: Sequence[str], quantity: Quantity) -> str:
    """A line: the statistics of every curve of a panel, mean and standard deviation over seeds."""
    counts = seeds_of([len(of) for of in panel.curves.values()])
    several = len(statistics) > 1
    words = {name: f"{STATISTICS[name].short} " if several else "" for name in statistics}
    curves = [
        f"{label}: " + ", ".join(words[name] + quantity_text(quantity, of[name]) for name in statistics)
        for label, of in panel.curves.items()
    ]
    return f"{panel.title} ({counts}). " + ("; " if several else ", ").join(curves)
