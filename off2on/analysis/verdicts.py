"""The one rule of verdict: what the results say about each claim, with effect and interval (docs/claims.md)."""

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from typing import Any

import pandas as pd

from off2on.analysis.claims_file import Arm, Claim
from off2on.analysis.comparisons import SCRATCH, Estimate, t_interval
from off2on.analysis.run_statistics import NAMED_BY
from off2on.analysis.tables import ENOUGH, Tables, records
from off2on.reading import Reading

COLUMNS = [
    *("claim", "figures", "statement", "required", "statistic", "measure", "unit", "wanted_low", "wanted_high"),
    *("effect", "low", "high", "n", "agree", "env_steps", "verdict", "why"),
]
_JOB = ["task", "dataset", "seed"]
UNIT_COLUMNS = ["claim", *_JOB, "effect", "holds"]

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
TOO_SMALL, NOT_COMPARABLE, NOT_TESTED = "too small to tell", "not comparable at this scale", "not tested"
#: what a verdict may be, in the order in which they are counted
VERDICTS = (SUPPORTED, CONTRADICTED, UNDECIDED, TOO_SMALL, NOT_COMPARABLE, NOT_TESTED)
#: of differences of shares and scores
_ROUNDING = 1e-9
NO_RUNS, NO_VALUE = "no runs at this scale", "no run has such a value"
NO_PAIR = "no seed has runs of both"


def judge(claims: Iterable[Claim], tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The verdict on each claim, in their order, and the pairs behind it.

    Returns:
        a row per claim: claim, figures, statement, required, statistic, measure (what is computed from which
        runs), unit, wanted_low and wanted_high (between them the claim holds), effect, low and high (mean over
        seeds with its 95 % Student-t interval; empty for one seed), n (seeds), agree (how many of them lie within
        the wanted bounds), env_steps (of the longest run), verdict (one of `VERDICTS`), why (empty where the
        numbers say it);
        a row per claim and pair: claim, task, dataset, seed, effect, holds.
    """
    judged = [_judge(claim, tables) for claim in claims]
    table = pd.DataFrame([row for row, _ in judged], columns=COLUMNS)
    units = [unit for _, found in judged for unit in found]
    return table.astype({"env_steps": "Int64"}), pd.DataFrame(units, columns=UNIT_COLUMNS).astype(
        {"seed": "Int64"}
    )


def jobs_of(claim: Claim, tables: Tables) -> list[dict[str, str]]:
    """The jobs that a claim reads, the seeds of a method once: task, dataset, and method or algorithm.

    Likelihoods are those of what agents of CQL meet: they stand for its pre-trainings.
    """
    rows = _rows(claim, tables)
    named_by = NAMED_BY[claim.measure.table]
    if named_by is None:
        return records(rows[["task", "dataset"]].drop_duplicates().assign(algorithm="cql"))
    parts = [
        rows[rows["place"].isin(_places(arm, rows)) & rows["name"].isin([_name(arm), arm.minus])]
        for arm in claim.arms
    ]
    return records(pd.concat(parts)[["task", "dataset", named_by]].drop_duplicates())


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


def counts_text(verdicts: pd.DataFrame) -> str:
    """'3 supported, 12 undecided, 5 not tested', in the order of `VERDICTS`."""
    counts = verdicts["verdict"].value_counts()
    return ", ".join(f"{counts[kind]} {kind}" for kind in VERDICTS if kind in counts)


def papers(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The rows of the paper's claims, which are about figures; the others are acceptance checks alone."""
    return verdicts[verdicts["figures"] != ""]


def short_of_seeds(claims: pd.DataFrame) -> list[str]:
    """The first figure of each claim that has too few seeds for a verdict."""
    few = claims[(claims["verdict"] == UNDECIDED) & (claims["n"] < ENOUGH)]
    return list(dict.fromkeys(names.split()[0] for names in few["figures"] if names))


def figures_text(row: Mapping[str, Any]) -> str:
    """'4a, 9' of a row."""
    return ", ".join(name.removeprefix("fig_") for name in row["figures"].split())


def wanted_text(row: Mapping[str, Any]) -> str:
    """'> 2', '< 0.5', '-5 to 5': where the effect of a row must lie for the claim to hold."""
    low, high = row["wanted_low"], row["wanted_high"]
    if math.isinf(high):
        return f"> {low:.3g}"
    return f"< {high:.3g}" if math.isinf(low) else f"{low:.3g} to {high:.3g}"


def _judge(claim: Claim, tables: Tables) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row of a claim, and one for each of its pairs."""
    rows = _rows(claim, tables)
    reached = rows.groupby("task")["env_steps"].transform("max")
    used = rows[reached >= claim.min_steps] if claim.min_steps else rows
    pairs = _pairs(claim, used)
    low, high = claim.wanted
    effects = _seed_effects(pairs)
    estimate = t_interval(effects)
    verdict, why = _verdict(estimate, claim) if estimate.n else _why_none(claim, rows)
    if verdict != NOT_TESTED and (reason := _not_comparable(claim, tables.reading)):
        verdict, why = NOT_COMPARABLE, reason
    row = {
        "claim": claim.id,
        "figures": " ".join(claim.figures),
        "statement": claim.statement,
        "required": claim.required,
        "statistic": claim.statistic,
        "measure": f"{claim.measure.words}, {_contrast(claim.arms)}{_here(claim, used) if estimate.n else ''}",
        "unit": claim.measure.unit,
        "wanted_low": low,
        "wanted_high": high,
        "effect": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "agree": int(_within(effects, claim).sum()),
        "env_steps": used["env_steps"].max() if estimate.n else None,
        "verdict": verdict,
        "why": why,
    }
    holds = _within(pairs["effect"], claim)
    return row, records(pairs.assign(claim=claim.id, holds=holds)[UNIT_COLUMNS])


def _within(effects: "pd.Series[float]", claim: Claim) -> "pd.Series[bool]":
    """Which of them lie between the wanted bounds; the last digits of a difference are rounding."""
    low, high = claim.wanted
    return effects.between(low + _ROUNDING, high - _ROUNDING, inclusive="neither")


def _seed_effects(pairs: pd.DataFrame) -> "pd.Series[float]":
    """The effect of every seed, which are the independent units: its mean over tasks and datasets.

    Only seeds with the same tasks and datasets as the fullest one count: others would average something else.
    """
    places = {
        seed: set(zip(part["task"].astype(str), part["dataset"].astype(str), strict=True))
        for seed, part in pairs.groupby("seed")
    }
    fullest = max(places.values(), key=len, default=set())
    whole = [seed for seed, own in places.items() if own == fullest]
    effects: pd.Series[float] = pairs[pairs["seed"].isin(whole)].groupby("seed")["effect"].mean()
    return effects


def _verdict(effect: Estimate, claim: Claim) -> tuple[str, str]:
    """The verdict on an effect of at least one seed, its interval against the bounds; and why, if it is none."""
    low, high = claim.wanted
    if effect.n < ENOUGH:
        return UNDECIDED, f"{effect.n} seed{'' if effect.n == 1 else 's'}, a verdict needs {ENOUGH}"
    if low < effect.low and effect.high < high:
        return SUPPORTED, ""
    if claim.smallest is not None and max(-effect.low, effect.high) < claim.smallest:
        return TOO_SMALL, f"the interval lies within ± {claim.smallest:.3g}, the smallest effect of interest"
    if effect.high <= low or effect.low >= high:
        return CONTRADICTED, ""
    return UNDECIDED, "the interval crosses a wanted bound"


def _why_none(claim: Claim, rows: pd.DataFrame) -> tuple[str, str]:
    """The verdict without any pair."""
    if len(_pairs(claim, rows)):
        steps = f"{int(rows['env_steps'].max()):,}"
        return NOT_COMPARABLE, f"runs of {steps} steps; the claim is about {claim.min_steps:,} and more"
    if not all(_has_runs(arm, rows) for arm in claim.arms):
        return NOT_TESTED, NO_RUNS
    valued = all(len(_arm_values(arm, claim, rows)) for arm in claim.arms)
    return NOT_TESTED, NO_PAIR if valued else NO_VALUE


def _not_comparable(claim: Claim, reading: Reading) -> str:
    """Why the scale cannot judge a claim; empty: it can."""
    if not reading.verdicts:
        return reading.shows
    methods = dict.fromkeys(name for arm in claim.arms for name in (arm.method, arm.minus) if name)
    warnings = reading.warnings(methods) if len(methods) > 1 else {}
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in warnings.items())


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
        # of these pairs alone: a series would give rows to a table that has none
        pairs[key] = jobs[key].first().where(jobs[key].nunique() == 1).reindex(pairs.index)
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


def _here(claim: Claim, rows: pd.DataFrame) -> str:
    """'; here hopper/medium', where the claim is about more datasets than it names: those of this scale."""
    if not any("*" in pattern for arm in claim.arms for pattern in arm.datasets):
        return ""
    places = [place for place in rows["place"].unique() if not place.endswith(f"/{SCRATCH}")]
    tasks = ", ".join(dict.fromkeys(place.split("/")[0] for place in places))
    return f"; here {places[0]}" if len(places) == 1 else f"; here {len(places)} datasets of {tasks}"


def _places_text(arm: Arm) -> str:
    """' on random'; nothing for runs from scratch."""
    places = ["all datasets" if pattern == "*/*" else pattern.removeprefix("*/") for pattern in arm.datasets]
    return "" if places == [SCRATCH] else f" on {', '.join(places)}"
