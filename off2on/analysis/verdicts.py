"""What the results say about the claims: effect, interval and verdict of each (docs/claims.md)."""

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from typing import Any

import pandas as pd

from off2on.analysis.claims_file import Arm, Claim
from off2on.analysis.comparisons import Estimate, t_interval
from off2on.analysis.run_statistics import NAMED_BY
from off2on.analysis.tables import ENOUGH, Tables, records

COLUMNS = [
    *("claim", "figures", "statement", "required", "statistic", "measure", "unit", "wanted_low", "wanted_high"),
    *("effect", "low", "high", "n", "agree", "env_steps", "verdict"),
]
_JOB = ["task", "dataset", "seed"]
UNIT_COLUMNS = ["claim", *_JOB, "effect", "holds"]
NO_RUNS = "no runs at this scale"
NO_VALUE = "runs without such a value"


def judge(claims: Iterable[Claim], tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The verdict on each claim, in their order, and the pairs behind it.

    Returns:
        a row per claim: claim, figures, statement, required, statistic, measure (what is computed from which
        runs), unit, wanted_low and wanted_high (between them the claim holds), effect, low and high (95 %
        Student-t interval; empty for one pair), n (pairs), agree (how many of them lie within the wanted bounds),
        env_steps (of the longest run), verdict;
        a row per claim and pair: claim, task, dataset, seed (empty where a pair has several), effect, holds.
    """
    judged = [_judge(claim, tables) for claim in claims]
    table = pd.DataFrame([row for row, _ in judged], columns=COLUMNS)
    units = [unit for _, found in judged for unit in found]
    return table.astype({"env_steps": "Int64"}), pd.DataFrame(units, columns=UNIT_COLUMNS).astype(
        {"seed": "Int64"}
    )


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


def directions(claims: pd.DataFrame) -> list[str]:
    """The first figure of each claim that has too few pairs for a verdict."""
    few = claims[(claims["n"] > 0) & (claims["n"] < ENOUGH)]
    return list(dict.fromkeys(names.split()[0] for names in few["figures"] if names))


def figures_text(row: Mapping[str, Any]) -> str:
    """'4a, 9' of a row."""
    return ", ".join(name.removeprefix("fig_") for name in row["figures"].split())


def wanted_text(row: Mapping[str, Any]) -> str:
    """'> 0', '< 0.5', 'within ± 3.1': where the effect of a row must lie for the claim to hold."""
    low, high = row["wanted_low"], row["wanted_high"]
    if math.isinf(high):
        return f"> {low:.3g}"
    return f"< {high:.3g}" if math.isinf(low) else f"within ± {high:.3g}"


def _judge(claim: Claim, tables: Tables) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row of a claim, and one for each of its pairs."""
    rows = _rows(claim, tables)
    reached = rows.groupby("task")["env_steps"].transform("max")
    used = rows[reached >= claim.min_steps] if claim.min_steps else rows
    pairs = _pairs(claim, used)
    region, estimate = _wanted(claim, pairs), t_interval(pairs["effect"])
    holds = pairs["effect"].between(*region, inclusive="neither")
    verdict = _verdict(estimate, region) if estimate.n else _why_none(claim, rows)
    row = {
        "claim": claim.id,
        "figures": " ".join(claim.figures),
        "statement": claim.statement,
        "required": claim.required,
        "statistic": claim.statistic,
        "measure": f"{claim.measure.words}, {_contrast(claim.arms)}",
        "unit": claim.measure.unit,
        "wanted_low": region[0],
        "wanted_high": region[1],
        "effect": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "agree": int(holds.sum()),
        "env_steps": used["env_steps"].max() if estimate.n else None,
        "verdict": verdict,
    }
    return row, records(pairs.assign(claim=claim.id, holds=holds)[UNIT_COLUMNS])


def _verdict(effect: Estimate, wanted: tuple[float, float]) -> str:
    """The verdict on an effect of at least one pair: its interval against the bounds of the claim."""
    low, high = wanted
    if effect.n < ENOUGH:
        inside, outside = low < effect.value < high, effect.value < low or effect.value > high
        words = {(True, False): "same direction", (False, True): "opposite direction"}
        return f"{words.get((inside, outside), 'undecided')}, n = {effect.n}"
    if low < effect.low and effect.high < high:
        return "supported"
    return "contradicted" if effect.high < low or effect.low > high else "undecided"


def _why_none(claim: Claim, rows: pd.DataFrame) -> str:
    """Why there is no pair."""
    if len(_pairs(claim, rows)):
        return f"runs too short: needs {claim.min_steps:,} steps"
    return NO_VALUE if all(_has_runs(arm, rows) for arm in claim.arms) else NO_RUNS


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
    """A row for every pair: first and, with two arms, second; effect; task, dataset and seed of the first arm.

    Of these three, one over which the pair averages is empty.
    """
    keys = list(claim.pair)
    values = [_arm_values(arm, claim, rows) for arm in claim.arms]
    means = [part.groupby(level=keys).mean() for part in values]
    pairs = pd.concat(means, axis=1, join="inner", keys=["first", "second"][: len(values)])
    jobs = values[0].index.to_frame(index=False).groupby(keys)
    for key in {*_JOB} - {*keys}:
        pairs[key] = jobs[key].first().where(jobs[key].nunique() == 1)
    return pairs.assign(effect=pairs["first"] - pairs.get("second", 0.0)).reset_index()


def _arm_values(arm: Arm, claim: Claim, rows: pd.DataFrame) -> "pd.Series[float]":
    """The number of every job of the arm, indexed by task, dataset and seed."""
    rows = rows[rows["place"].isin(_places(arm, rows))]
    values = _job_values(claim, rows[rows["name"] == _name(arm)])
    if arm.minus:
        values = (values - _job_values(claim, rows[rows["name"] == arm.minus])).dropna()
    return values


def _has_runs(arm: Arm, rows: pd.DataFrame) -> bool:
    rows = rows[rows["place"].isin(_places(arm, rows))]
    return {_name(arm), arm.minus or _name(arm)} <= set(rows["name"])


def _job_values(claim: Claim, rows: pd.DataFrame) -> "pd.Series[float]":
    found = {key: claim.measure.value(part) for key, part in rows.groupby(_JOB)}
    index = pd.MultiIndex.from_tuples(found, names=_JOB)
    return pd.Series(list(found.values()), index, dtype=float).dropna()


def _rows(claim: Claim, tables: Tables) -> pd.DataFrame:
    """The rows that the claim reads, with the name and place of their job.

    Runs of a task count up to the step that all of them reach.
    """
    table = claim.measure.table
    rows: pd.DataFrame = getattr(tables, table)
    named_by = NAMED_BY[table]
    rows = rows.assign(place=rows["task"] + "/" + rows["dataset"], name=rows[named_by] if named_by else "")
    names = {name for arm in claim.arms for name in (_name(arm), arm.minus)}
    rows = rows[
        rows["name"].isin(names) & rows["place"].isin(set().union(*(_places(a, rows) for a in claim.arms)))
    ]
    rows = rows.dropna(subset=list(claim.measure.columns))
    if table != "curves":
        return rows.assign(env_steps=float("nan"))
    rows = rows[rows["env_steps"] <= claim.until]
    last = rows.groupby([*_JOB, "method"])["env_steps"].transform("max")
    return rows[rows["env_steps"] <= last.groupby(rows["task"]).transform("min")]


def _name(arm: Arm) -> str:
    return arm.method or arm.algorithm or ""


def _places(arm: Arm, rows: pd.DataFrame) -> set[str]:
    return {place for place in rows["place"].unique() if any(fnmatch(place, p) for p in arm.datasets)}


def _contrast(arms: tuple[Arm, ...]) -> str:
    """'ours − sac-ft on all datasets', 'ours on random − ours on medium-expert'."""
    names = [f"({arm.method} − {arm.minus})" if arm.minus else _name(arm) for arm in arms]
    places = [_places_text(arm) for arm in arms]
    if len(set(places)) == 1:
        return f"{' − '.join(names)}{places[0]}".strip()
    return " − ".join(map("".join, zip(names, places, strict=True)))


def _places_text(arm: Arm) -> str:
    """' on random'; nothing for runs from scratch."""
    places = ["all datasets" if pattern == "*/*" else pattern.removeprefix("*/") for pattern in arm.datasets]
    return "" if places == ["none"] else f" on {', '.join(places)}"
