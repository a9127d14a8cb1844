"""Numbers in sentences: means with their spread, counts. Whether a claim holds is said by its verdict alone."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd


def mean_std(values: Sequence[float] | pd.Series, digits: int = 0) -> str:
    """'4512 ± 120' over seeds; one seed has no spread: '4512'."""
    series = pd.Series(values, dtype=float).dropna()
    if series.empty:
        return "no value"
    return plus_minus(series.mean(), series.std(), digits)


def plus_minus(mean: float, std: float, digits: int) -> str:
    """'4512 ± 120'; without a spread (nan) '4512'."""
    # a mean just below zero is not "-0"
    text = f"{round(mean, digits) + 0.0:.{digits}f}"
    return text if math.isnan(std) else f"{text} ± {std:.{digits}f}"


def signed(values: Sequence[float] | pd.Series, digits: int = 0) -> str:
    """The same of differences, with a sign: '+512 ± 30'."""
    text = mean_std(values, digits)
    return text if text.startswith(("-", "no")) else f"+{text}"


def percent(share: float) -> str:
    """'60%', '2.5%'."""
    return f"{100 * share:.3g}%"


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


def listing(words: Sequence[str]) -> str:
    """'a, b and c'."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"
