"""What curves found, in numbers: a few values of every run, and differences of two curves paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pandas as pd

from off2on.analysis.run_statistics import STATISTICS
from off2on.figures.spec import Quantity
from off2on.figures.words import mean_std, seeds_of, signed


@dataclass(frozen=True)
class Panel:
    """The curves of a panel: label -> one row per seed and a column per statistic."""

    title: str
    curves: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, title: str, rows: Mapping[str, pd.DataFrame]) -> Self:
        """A panel from the evaluations of its curves: columns seed, env_steps, value."""
        return cls(title, {label: _per_seed(part) for label, part in rows.items()})


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


def detail(panel: Panel, statistics: Sequence[str], quantity: Quantity, main: str, others: Sequence[str]) -> str:
    """A line: the statistics of every curve of a panel, and by how much the main one is above others."""
    counts = seeds_of([len(of) for of in panel.curves.values()])
    several = len(statistics) > 1
    words = {name: f"{STATISTICS[name].short} " if several else "" for name in statistics}
    curves = [
        f"{label}: " + ", ".join(words[name] + quantity_text(quantity, of[name]) for name in statistics)
        for label, of in panel.curves.items()
    ]
    gaps = [
        f"{main} minus {other} {quantity_text(quantity, gap, difference=True)}"
        for other in others
        if len(gap := difference(panel, main, other, statistics[0]))
    ]
    listed = ("; " if several else ", ").join(curves)
    return f"{panel.title} ({counts}). {'. '.join([listed, *(['; '.join(gaps)] if gaps else [])])}"
