"""The report: one HTML file with everything in it, readable without a network (`file://`)."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from off2on.analysis.claims_file import read_claims
from off2on.analysis.csv_tables import write_csv
from off2on.analysis.evidence import CLAIMS, Evidence, evidence_of, read_evidence
from off2on.analysis.evidence import FILES as EVIDENCE
from off2on.analysis.tables import FILES as TABLES
from off2on.analysis.tables import Tables, read_tables
from off2on.analysis.together import mixed_code
from off2on.config import REPOSITORY
from off2on.envs.tasks import names_of
from off2on.errors import Off2OnError
from off2on.figures.acceptance import acceptance_sheet, acceptance_summary, number_sheets
from off2on.figures.claim_sheets import badges, claim_links, main_comparison, verdict_counts, verdict_sheets
from off2on.figures.coverage import coverage_sheet
from off2on.figures.drawing import draw_tables
from off2on.figures.final_sheets import final_sheets, success_sheet
from off2on.figures.hover import hover_data
from off2on.figures.origins import (
    datasets_sheet,
    methods_sheet,
    period,
    provenance_sheet,
    settings_sheets,
    versions_sheet,
)
from off2on.figures.page import render
from off2on.figures.panels import labels
from off2on.figures.physics import physics_sheet
from off2on.figures.pictures import outcome_of
from off2on.figures.registry import FIGURES, get_figure
from off2on.figures.run_data import commit, panel_link, run_data
from off2on.figures.sheets import final_table, latex
from off2on.figures.spec import FigureSpec, figures_of_stranger
from off2on.figures.statistics_sheets import statistics_sheets
from off2on.figures.svg import inline_svg, panels_of
from off2on.files import write_text
from off2on.paths import FILMS, Layout
from off2on.reading import Reading
from off2on.scale import reading_of

FORMATS = {"svg": "SVG", "pdf": "PDF", "png": "PNG", "csv": "numbers (CSV)", "tex": "LaTeX"}
NAME = "report.html"


@dataclass(frozen=True)
class Place:
    """Of what a page is, and where things lie."""

    scale: str
    source: str
    #: directory of the tables
    analysis: Path
    #: below it lie runs and datasets, if they are here
    results: Path
    #: below it lie logs, if they are here
    logs: Path
    #: directory of the page and the figures
    out: Path
    #: the command that draws {figure} again
    redraw: str

    def link(self, path: Path) -> str:
        """The way from the page to a file; empty: it is not there, or would lead out of a checkout."""
        inside = self.out.resolve().is_relative_to(REPOSITORY) or not path.resolve().is_relative_to(REPOSITORY)
        return Path(os.path.relpath(path, self.out)).as_posix() if path.exists() and inside else ""


def build_report(layout: Layout, figures: Sequence[str], reading: Reading | None = None) -> Path:
    """Write `report.html`, `table_final.csv`, `table_final.tex` and `table_claims.csv` beside the figures.

    Without the tables of `off2on claims` the page says so, and there is no `table_claims.csv`.

    Args:
        layout: whose tables and figures.
        figures: names, in the order of the page; each must be drawn already.
        reading: how the numbers of the scale may be read.

    Returns:
        the path of report.html.

    Raises:
        Off2OnError: tables or a figure are missing, a figure is unknown, or a file cannot be written.
    """
    redraw = f"off2on figure {{figure}} --scale {layout.scale} --source {layout.source}"
    place = Place(
        layout.scale, layout.source, layout.analysis, layout.results, layout.logs, layout.figures, redraw
    )
    tables = read_tables(layout.analysis, reading)
    return _write(place, tables, read_evidence(layout.analysis), figures)


def report_of_tables(
    directory: Path, out: Path, figures: Sequence[str] = tuple(FIGURES), scale: str | None = None
) -> Path:
    """The same from anybody's tables: the claims are tested and the figures drawn here.

    Args:
        directory: holds the files of `off2on aggregate`, itself or in `analysis/`.
        out: the directory to write into.
        figures: names, in the order of the page.
        scale: whose file says how the numbers may be read; None: the one that the tables name.

    Raises:
        Off2OnError: a table is missing or damaged, there is no job in them, or a file cannot be written.
    """
    analysis = directory / "analysis" if (directory / "analysis").is_dir() else directory
    tables = read_tables(analysis)
    if not tables.provenance:
        raise Off2OnError(f"{analysis / 'provenance.json'} names no job: nothing to report")
    job = tables.provenance[0]
    tables = replace(tables, reading=reading_of(scale or job["scale"]))
    for name in figures:
        draw_tables(get_figure(name), tables, out)
    logs = Layout(job["scale"], job["source"]).logs
    redraw = f"off2on report --from {directory} --figures {{figure}} --out DIR"
    place = Place(job["scale"], job["source"], analysis, tables.results or directory, logs, out, redraw)
    return _write(place, tables, evidence_of(tables), figures)


def _write(place: Place, tables: Tables, evidence: Evidence | None, figures: Sequence[str]) -> Path:
    final = final_table(tables)
    finals = final_sheets(final, tables)
    if success := success_sheet(tables):
        finals.append(success)
    write_csv(final, place.out / "table_final.csv")
    origin = f"% Scale {place.scale}, source {place.source}; the datasets' checksums are in table_final.csv.\n"
    write_text(place.out / "table_final.tex", origin + latex(finals[0]))
    if evidence:
        write_csv(evidence.claims, place.out / "table_claims.csv")
    # of a file of claims of the user's own, the ones that this project has, too
    links = claim_links(read_claims(CLAIMS), tables) if evidence else {}
    drawn = [_figure(place, tables, evidence, get_figure(name), links) for name in figures]
    page = render(
        "report.html.j2",
        place=place,
        reading=tables.reading,
        figures=drawn,
        finals=finals,
        coverage=coverage_sheet(tables, {figure["spec"].name: figure["panels"] for figure in drawn}),
        hover={figure["spec"].name: figure["hover"] for figure in drawn if figure["hover"]},
        runs=run_data(tables, place.results, place.logs, place.out),
        docs={name: place.link(REPOSITORY / path) for name, path in _DOCS.items()},
        **_claims(tables, evidence, final, figures, links),
        **_origins(place, tables),
    )
    write_text(place.out / NAME, page)
    return place.out / NAME


_DOCS = {
    "claims": "docs/claims.md",
    "decision": "docs/decisions/0006-quick-scale-budgets.md",
    "fidelity": "docs/fidelity.md",
    "format": "docs/results-format.md",
    "reliability": "docs/reliability.md",
    "scale files": "config/README.md",
}


def _claims(
    tables: Tables,
    evidence: Evidence | None,
    final: pd.DataFrame,
    figures: Sequence[str],
    links: Mapping[str, str],
) -> dict[str, Any]:
    """What the page says about claims; without evidence the numbers behind the acceptance checks alone."""
    judged = evidence if tables.reading.verdicts else None
    return {
        "tested": evidence is not None,
        "counts": verdict_counts(judged.claims) if judged else [],
        "main": main_comparison(judged.claims, final[_compared(final, tables)]) if judged else "",
        "verdicts": verdict_sheets(judged.claims, figures, links) if judged else [],
        "acceptance": acceptance_sheet(judged) if judged else None,
        "accepted": acceptance_summary(judged) if judged else "",
        "numbers": number_sheets(tables, judged),
        "statistics": statistics_sheets(evidence, labels(tables.runs)) if evidence else [],
    }


def _compared(final: pd.DataFrame, tables: Tables) -> "pd.Series[bool]":
    """Which rows are of the methods that the paper compares: those of Figures 3 and 5a."""
    drawn = {
        (info["task"], info["dataset"], info["method"])
        for info in tables.provenance
        if info["kind"] == "finetune"
        for figure in ("fig_3", "fig_5a")
        if FIGURES[figure].draws(info["task"], info["dataset"], info["method"], figures_of_stranger(info))
    }
    jobs = zip(final["task"], final["dataset"], final["method"], strict=True)
    return pd.Series([job in drawn for job in jobs], index=final.index, dtype=bool)


def _origins(place: Place, tables: Tables) -> dict[str, Any]:
    """What the page says about the jobs behind it."""
    jobs = tables.provenance
    return {
        "seeds": sorted({info["seed"] for info in jobs if info["kind"] == "finetune"}),
        "count": len(jobs),
        "period": period(jobs),
        "commits": sorted({commit(info) for info in jobs}),
        "mixed": mixed_code(jobs),
        "methods": methods_sheet(jobs),
        "settings": settings_sheets(jobs),
        "datasets": datasets_sheet(tables.datasets, place.source, jobs),
        "physics": physics_sheet(place.results),
        "versions": versions_sheet(jobs),
        "jobs": provenance_sheet(jobs),
        "tables": {name: link for name in (*TABLES, *EVIDENCE) if (link := place.link(place.analysis / name))},
    }


def _figure(
    place: Place, tables: Tables, evidence: Evidence | None, spec: FigureSpec, links: Mapping[str, str]
) -> dict[str, Any]:
    for ending in spec.endings:
        if not (path := place.out / f"{spec.name}.{ending}").is_file():
            raise Off2OnError(
                f"{path} is missing: draw it first with 'off2on figure {spec.name}' (or snakemake {spec.name})"
            )
    text = (place.out / f"{spec.name}.svg").read_text(encoding="utf-8")
    table, panels = spec.table(tables), panels_of(text)
    head, *details = spec.finding(tables).splitlines()
    module = Path(f"{spec.module.replace('.', '/')}.py")
    judged = evidence if tables.reading.verdicts else None
    return {
        "spec": spec,
        # drawn by this project, text is escaped in it; a figure without any numbers only says that it has none
        "svg": "" if table.empty else Markup(inline_svg(text, spec.name, spec.title)),  # noqa: S704
        "panels": 0 if table.empty else max(1, len(panels)),
        "hover": hover_data(spec, table, panels),
        "finding": head,
        "details": [(title, panel_link(title, table), rest) for title, rest in map(_title, details)],
        "notes": spec.notes(tables),
        "badges": badges(judged.claims, spec.name, links) if judged else [],
        "command": place.redraw.format(figure=spec.name),
        "script": (module.as_posix(), place.link(REPOSITORY / module)),
        "claims_file": place.link(CLAIMS),
        "files": {FORMATS[ending]: f"{spec.name}.{ending}" for ending in spec.endings},
        "films": _films(place) if "films" in spec.needs else {},
    }


def _title(detail: str) -> tuple[str, str]:
    """The panel's name that a line of a finding begins with, and the rest of the line."""
    title = re.split(r"[ :]", detail, maxsplit=1)[0]
    return title, detail.removeprefix(title)


def _films(place: Place) -> dict[str, str]:
    """'pick-place before fine-tuning (no success)' and so on, of the films that are here."""
    found = {}
    for task in names_of("manipulation"):
        for when in ("before", "after"):
            path = place.results / FILMS / f"{task}-{when}.gif"
            if link := place.link(path):
                ending = outcome_of(path)
                found[f"{task} {when} fine-tuning{f' ({ending})' if ending else ''}"] = link
    return found
