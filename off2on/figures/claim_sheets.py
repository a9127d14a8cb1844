"""What the report says about the paper's claims: verdicts, their badges under a figure, the main comparison."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from off2on.analysis.claims_file import Claim
from off2on.analysis.tables import ENOUGH, Tables, records
from off2on.analysis.verdicts import (
    CONTRADICTED,
    NOT_COMPARABLE,
    NOT_TESTED,
    SUPPORTED,
    VERDICTS,
    effect_text,
    figures_text,
    jobs_of,
    papers,
    wanted_text,
)
from off2on.figures.run_data import run_link
from off2on.figures.sheets import NOTHING, Cell, Sheet, Tone, place
from off2on.figures.spec import SCRATCH
from off2on.figures.words import listing, percent, seeds

_TONES: dict[str, Tone] = {SUPPORTED: "yes", CONTRADICTED: "no", NOT_COMPARABLE: "bar", NOT_TESTED: "quiet"}


#: the claim of the main comparison, and the share of its start below which Ours has lost something
MAIN, LOSS = "ours-ends-above-sac-ft", 0.9


class Badge(NamedTuple):
    """A verdict where a figure shows its claims."""

    claim: str
    statement: str
    verdict: str
    tone: Tone
    #: why it is none; empty where the numbers say it
    why: str
    numbers: str
    #: to the runs behind the numbers
    link: str


def tone_of(verdict: str) -> Tone:
    """How a verdict looks."""
    return _TONES.get(verdict, "open")


def claim_links(claims: Iterable[Claim], tables: Tables) -> dict[str, str]:
    """Claim -> where its numbers lead: to the runs of all of its arms."""
    kinds = {"curves": "finetune", "pretrain": "pretrain", "likelihood": "pretrain"}
    behind = ((claim, jobs_of(claim, tables)) for claim in claims)
    return {claim.id: run_link(kinds[claim.measure.table], *jobs) for claim, jobs in behind if jobs}


def badges(verdicts: pd.DataFrame, figure: str, links: Mapping[str, str]) -> list[Badge]:
    """The verdicts on the claims of a figure; `links` is what `claim_links` gives."""
    return [_badge(row, links) for row in records(verdicts) if figure in row["figures"].split()]


def _badge(row: dict[str, Any], links: Mapping[str, str]) -> Badge:
    agree = f"{row['agree']} of {seeds(row['n'])} agree"
    numbers = f"{effect_text(row)}, wanted {wanted_text(row)}, {agree}" if row["n"] else ""
    said = (row["claim"], row["statement"], row["verdict"], tone_of(row["verdict"]), row["why"])
    return Badge(*said, numbers, links.get(row["claim"], "") if numbers else "")


def verdict_counts(verdicts: pd.DataFrame) -> list[tuple[str, int, Tone]]:
    """How often each verdict was found among the paper's claims: verdict, count, tone."""
    counts = papers(verdicts)["verdict"].value_counts()
    return [(kind, int(counts.get(kind, 0)), tone_of(kind)) for kind in VERDICTS]


def main_comparison(verdicts: pd.DataFrame, final: pd.DataFrame) -> str:
    """Figure 3 in a few sentences: the verdict on Ours against SAC-ft, where Ours ends highest, where it loses.

    Args:
        verdicts: claims.csv.
        final: the rows of the methods to compare of what `sheets.final_table` gives.
    """
    said = [
        f"{row['statement']}: {row['verdict']}{f' ({why})' if (why := row['why']) else ''}."
        for row in records(verdicts)
        if row["claim"] == MAIN
    ]
    offline = final[final["dataset"] != SCRATCH]
    shown = [records(part) for _, part in offline.groupby(["task", "dataset"], sort=False)]
    several = [rows for rows in shown if len(rows) > 1]
    pairs = [(own, max(rows, key=_end)) for rows in several for own in rows if own["method"] == "ours"]
    if pairs:
        first = sum(best is own for own, best in pairs)
        others = list(dict.fromkeys(r["label"] for rows in several for r in rows if r["method"] != "ours"))
        where = f"on {first} of {len(pairs)} dataset{'s'[: len(pairs) > 1]}"
        if len(others) == 1:
            said.append(f"Ours ends above {others[0]} {where}.")
        else:
            said.append(f"Ours ends highest {where}, compared with {listing(others)}.")
    lost = [_loss(own, best) for own, best in pairs if _end(own) < LOSS * _start(own) > 0]
    return " ".join([*said, *lost])


def _what(row: Mapping[str, Any]) -> str:
    """What a run is measured by: success where a task has it."""
    return "return" if pd.isna(row["success_mean"]) else "success"


def _start(row: Mapping[str, Any]) -> float:
    return float(row[f"{_what(row)}_start"])


def _end(row: Mapping[str, Any]) -> float:
    return float(row[f"{_what(row)}_mean"])


def _loss(own: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    what = _what(own)
    start, end, highest = (
        percent(value) if what == "success" else f"{value:.0f}" for value in (_start(own), _end(own), _end(best))
    )
    times = f", {_end(best) / _end(own):.1f} times that" if _end(own) > 0 else ""
    other = "" if best is own else f"; {best['label']} ends at {highest}{times}"
    return f"On {place(own['task'], own['dataset'])} its {what} falls from {start} to {end}{other}."


def verdict_sheets(verdicts: pd.DataFrame, figures: Collection[str], links: Mapping[str, str]) -> list[Sheet]:
    """The paper's claims that runs of this scale test, then those that none does.

    Args:
        verdicts: claims.csv.
        figures: those on the page.
        links: what `claim_links` gives.
    """
    tested, silent = [], []
    for row in records(papers(verdicts)):
        verdict = Cell(row["verdict"], tone=tone_of(row["verdict"]), below=row["why"])
        cells: list[Cell | str] = [row["statement"], _figure_link(row, figures), verdict]
        if row["verdict"] == NOT_TESTED:
            silent.append(cells)
        else:
            agree = f"{row['agree']} of {row['n']}" if row["n"] else NOTHING
            effect = Cell(effect_text(row), link=links.get(row["claim"], "") if row["n"] else "")
            tested.append([*cells, effect, wanted_text(row), agree, row["measure"]])
    note = (
        "Effect: mean over seeds with its 95 % Student-t interval; it leads to the runs behind it. Seeds are the "
        "independent units: the effect of a seed is the mean over its pairs, which share task and, where both "
        "arms have it, dataset. Wanted: where the effect must lie, which leaves out differences too small to "
        f"matter. Agree: seeds within it. Supported or contradicted: at least {ENOUGH} seeds, and the interval "
        "wholly inside or outside. There is no correction for multiple tests. Scores are normalised, in points."
    )
    header = ["claim", "figure", "verdict", "effect", "wanted", "agree", "measured"]
    return [
        Sheet("Verdicts on the paper's claims", header, tested, note),
        Sheet("Claims that the runs of this scale do not test", header[:3], silent),
    ]


def _figure_link(row: dict[str, Any], figures: Collection[str]) -> Cell:
    first = next((name for name in row["figures"].split() if name in figures), None)
    return Cell(figures_text(row), link=f"#{first}-section" if first else "")
