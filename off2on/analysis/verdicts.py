"""What the runs say about the paper's claims: effect, interval and verdict of each (docs/claims.md)."""

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from typing import Any

import pandas as pd

from off2on.analysis.paper_claims import Arm, Claim
from off2on.analysis.run_values import MEASURES
from off2on.analysis.statistics import Estimate, t_interval
from off2on.analysis.tables import Tables, records

COLUMNS = [
    *("claim", "figures", "statement", "measure", "unit", "wanted_low", "wanted_high"),
    *("effect", "low", "high", "n", "agree", "env_steps", "verdict"),
]
#: fewer pairs than this are told as a direction, never as a verdict
ENOUGH = 4
NO_RUNS = "no runs at this scale"
NO_VALUE = "runs without such a value"
_UNIT = ["task", "dataset", "seed"]


def judge(claims: Iterable[Claim], tables: Tables) -> pd.DataFrame:
    """One row per claim, in their order.

    Returns:
        columns claim, figures, statement, measure (what is computed from which runs), unit, wanted_low and
        wanted_high (between them the claim holds), effect, low and high (95 % Student-t interval; empty for one
        pair), n (pairs), agree (how many of them lie within the wanted bounds), env_steps (of the longest run),
        verdict.
    """
    table = pd.DataFrame([_row(claim, tables) for claim in claims], columns=COLUMNS)
    return table.astype({"env_steps": "Int64"})


def effect_text(row: Mapping[str, Any]) -> str:
    """'12.3 [1.2, 23.4] points' of a row of the verdicts; empty without pairs."""
    if not row["n"]:
        return ""
    interval = f" [{row['low']:.3g}, {row['high']:.3g}]" if row["n"] > 1 else ""
    return f"{row['effect']:.3g}{interval}{' ' if row['unit'] else ''}{row['unit']}"


def table_lines(verdicts: pd.DataFrame) -> list[str]:
    """Figure, verdict, effect and statement of each claim, as lines of equal columns for a terminal."""
    cells = [("figure", "verdict", "effect", "claim")]
    for row in records(verdicts):
        cells.append((figures_text(row), row["verdict"], effect_text(row), row["statement"]))
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return [
        "  ".join([*(text.ljust(w) for text, w in zip(line, widths, strict=False)), line[-1]]) for line in cells
    ]


def figures_text(row: Mapping[str, Any]) -> str:
    """'4a, 9' of a row."""
    return ", ".join(name.removeprefix("fig_") for name in row["figures"].split())


def wanted_text(row: Mapping[str, Any]) -> str:
    """'> 0', '< 0.5', 'within ± 3.1': where the effect of a row must lie for the claim to hold."""
    low, high = row["wanted_low"], row["wanted_high"]
    if math.isinf(high):
        return f"> {low:.3g}"
    return f"< {high:.3g}" if math.isinf(low) else f"within ± {high:.3g}"


def _row(claim: Claim, tables: Tables) -> dict[str, Any]:
    measure = MEASURES[claim.statistic]
    rows = _rows(claim, tables)
    reached = rows.groupby("task")["env_steps"].transform("max")
    used = rows[reached >= claim.min_steps] if claim.min_steps else rows
    pairs = _pairs(claim, used)
    effects = pairs["first"] - pairs["second"] if claim.against else pairs["first"]
    region, estimate = _wanted(claim, pairs), t_interval(effects)
    told = verdict(estimate, region)
    if not estimate.n and len(_pairs(claim, rows)):
        told = f"runs too short: needs {claim.min_steps:,} steps"
    elif not estimate.n and all(_has_runs(arm, rows) for arm in claim.arms):
        told = NO_VALUE
    return {
        "claim": claim.id,
        "figures": " ".join(claim.figures),
        "statement": claim.statement,
        "measure": f"{measure.words}, {_contrast(claim.arms)}",
        "unit": measure.unit,
        "wanted_low": region[0],
        "wanted_high": region[1],
        "effect": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "agree": int(effects.between(*region, inclusive="neither").sum()),
        "env_steps": used["env_steps"].max() if estimate.n else None,
        "verdict": told,
    }


def verdict(effect: Estimate, wanted: tuple[float, float]) -> str:
    """How an effect with its interval stands to the bounds within which the claim holds."""
    low, high = wanted
    if not effect.n:
        return NO_RUNS
    if effect.n < ENOUGH:
        inside, outside = low < effect.value < high, effect.value < low or effect.value > high
        words = {(True, False): "same direction", (False, True): "opposite direction"}
        return f"{words.get((inside, outside), 'undecided')}, n = {effect.n}"
    if low < effect.low and effect.high < high:
        return "supported"
    return "contradicted" if effect.high < low or effect.low > high else "undecided"


def _wanted(claim: Claim, pairs: pd.DataFrame) -> tuple[float, float]:
    """The bounds of the effect; a margin is a share of the mean of the second arm."""
    margin = claim.margin * abs(pairs["second"].mean()) if claim.margin is not None else 0.0
    infinity = float("inf")
    return {
        "above": (claim.threshold, infinity),
        "below": (-infinity, claim.threshold),
        "similar": (-margin, margin),
        "not-below": (-margin, infinity),
    }[claim.direction]


# ------------------------------------------------------------------------------------------------ the pairs


def _pairs(claim: Claim, rows: pd.DataFrame) -> pd.DataFrame:
    """A row for every pair, indexed by what it shares: columns first and, with two arms, second."""
    values = [_arm_values(arm, claim, rows).groupby(level=list(claim.pair)).mean() for arm in claim.arms]
    return pd.concat(values, axis=1, join="inner", keys=["first", "second"][: len(values)])


def _arm_values(arm: Arm, claim: Claim, rows: pd.DataFrame) -> "pd.Series[float]":
    """The number of every run of the arm, indexed by task, dataset and seed."""
    rows = rows[rows["place"].isin(_places(arm, rows))]
    values = _run_values(claim, rows[rows["method"] == arm.method] if arm.method else rows)
    if arm.minus:
        values = (values - _run_values(claim, rows[rows["method"] == arm.minus])).dropna()
    return values


def _has_runs(arm: Arm, rows: pd.DataFrame) -> bool:
    rows = rows[rows["place"].isin(_places(arm, rows))]
    methods = {name for name in (arm.method, arm.minus) if name}
    return len(rows) > 0 and (not methods or methods <= set(rows["method"]))


def _run_values(claim: Claim, rows: pd.DataFrame) -> "pd.Series[float]":
    found = {key: MEASURES[claim.statistic].value(part) for key, part in rows.groupby(_UNIT)}
    index = pd.MultiIndex.from_tuples(found, names=_UNIT)
    return pd.Series(list(found.values()), index, dtype=float).dropna()


def _rows(claim: Claim, tables: Tables) -> pd.DataFrame:
    """The rows that the claim reads, with their place; runs of a task up to the step that all of them reach."""
    by_run = claim.runs.method is not None
    rows = tables.curves if by_run else tables.likelihood
    rows = rows.assign(place=rows["task"] + "/" + rows["dataset"])
    if by_run:
        rows = rows[rows["method"].isin([name for arm in claim.arms for name in (arm.method, arm.minus)])]
    rows = rows[rows["place"].isin(set().union(*(_places(arm, rows) for arm in claim.arms)))]
    rows = rows.dropna(subset=list(MEASURES[claim.statistic].columns))
    if by_run:
        rows = rows[rows["env_steps"] <= claim.until]
        last = rows.groupby([*_UNIT, "method"])["env_steps"].transform("max")
        return rows[rows["env_steps"] <= last.groupby(rows["task"]).transform("min")]
    return rows.assign(env_steps=float("nan"))


def _places(arm: Arm, rows: pd.DataFrame) -> set[str]:
    return {place for place in rows["place"].unique() if any(fnmatch(place, p) for p in arm.datasets)}


def _contrast(arms: tuple[Arm, ...]) -> str:
    """'ours − sac-ft on all datasets', 'ours on random − ours on medium-expert'."""
    names = [f"({arm.method} − {arm.minus})" if arm.minus else arm.method or "" for arm in arms]
    places = [_places_text(arm) for arm in arms]
    if len(set(places)) == 1:
        return f"{' − '.join(names)}{places[0]}".strip()
    return " − ".join(map("".join, zip(names, places, strict=True)))


def _places_text(arm: Arm) -> str:
    """' on random'; nothing for runs from scratch."""
    places = ["all datasets" if pattern == "*/*" else pattern.removeprefix("*/") for pattern in arm.datasets]
    return "" if places == ["none"] else f" on {', '.join(places)}"
