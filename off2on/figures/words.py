"""Numbers in sentences: means with their spread, and which of two is higher."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from off2on.analysis.tables import ENOUGH


def mean_std(values: Sequence[float] | pd.Series, digits: int = 0) -> str:
    """'4512 ± 120' over seeds; one seed has no spread: '4512'."""
    series = pd.Series(values, dtype=float).dropna()
    if series.empty:
        return "no value"
    return plus_minus(series.mean(), series.std(), digits)


def plus_minus(mean: float, std: float, digits: int) -> str:
    """'4512 ± 120'; without a spread (nan) '4512'."""
    return f"{mean:.{digits}f}" if math.isnan(std) else f"{mean:.{digits}f} ± {std:.{digits}f}"


def signed(values: Sequence[float] | pd.Series, digits: int = 0) -> str:
    """The same of differences, with a sign: '+512 ± 30'."""
    text = mean_std(values, digits)
    return text if text.startswith(("-", "no")) else f"+{text}"


def compare(first: Sequence[float] | pd.Series, second: Sequence[float] | pd.Series) -> int:
    """Whether the mean of `first` is above (1) or below (-1) that of `second`, or within the spread (0).

    The spread is the root of the summed variances over seeds; with one seed each it is zero.
    """
    a, b = pd.Series(first, dtype=float).dropna(), pd.Series(second, dtype=float).dropna()
    spread = math.sqrt(sum(x.var() for x in (a, b) if len(x) > 1))
    difference = a.mean() - b.mean()
    return 0 if not abs(difference) > spread else int(math.copysign(1, difference))


def seeds(count: int) -> str:
    """'1 seed', '4 seeds'."""
    return f"{count} seed{'' if count == 1 else 's'}"


def seeds_of(counts: Iterable[int]) -> str:
    """'n = 4', 'n = 2 to 4'."""
    low, high = min(counts := list(counts)), max(counts)
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def panels(count: int) -> str:
    """'1 panel', '12 panels'."""
    return f"{count} panel{'' if count == 1 else 's'}"


def against_paper(signs: Sequence[int], counts: Sequence[int]) -> str:
    """How comparisons agree with the paper as a whole: a verdict needs `ENOUGH` units, fewer have a direction.

    Args:
        signs: +1 of a panel where the paper's direction holds, -1 where the opposite does, 0 within the spread.
        counts: seeds of each panel.
    """
    words = _against_paper(signs, "" if sum(counts) >= ENOUGH else "direction ")
    return f"{words} (one seed: no spread)" if signs and max(counts) == 1 else words


def _against_paper(signs: Sequence[int], what: str) -> str:
    agree, against = signs.count(1), signs.count(-1)
    if not signs:
        return "nothing to compare with the paper"
    if agree == len(signs):
        return f"{what}as in the paper"
    if against == len(signs):
        return f"{what}opposite to the paper"
    if not agree and not against:
        return "undecided: within the spread over seeds"
    return f"mixed: {agree} with the paper, {against} against it, {signs.count(0)} within the spread over seeds"


def listing(words: Sequence[str]) -> str:
    """'a, b and c'."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"
