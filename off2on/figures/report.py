"""The report: one HTML file with everything in it, readable without a network (`file://`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from off2on.analysis.csv_tables import write_csv
from off2on.analysis.evidence import Evidence, read_evidence
from off2on.analysis.tables import Tables, read_tables
from off2on.analysis.together import mixed_code
from off2on.errors import Off2OnError
from off2on.figures.claim_sheets import number_sheets, required_sheet, verdict_counts, verdict_sheets
from off2on.figures.origins import (
    commit,
    datasets_sheet,
    methods_sheet,
    period,
    provenance_sheet,
    settings_sheets,
    versions_sheet,
)
from off2on.figures.panels import labels
from off2on.figures.physics import physics_sheet
from off2on.figures.registry import get_figure
from off2on.figures.sheets import final_sheet, final_table, latex
from off2on.figures.statistics_sheets import statistics_sheets
from off2on.figures.svg import inline_svg
from off2on.files import write_text
from off2on.paths import Layout

SCALES = {
    "smoke": "Smoke only proves that every job runs: budgets are tiny and the numbers mean nothing.",
    "quick": "Quick shows directions (does fine-tuning improve, which data is replayed), not the paper's values: "
    "small networks and data, a fiftieth of the online steps, few seeds.",
    "laptop": "Laptop shows trends with full-width networks on local data; a tenth of the paper's online steps "
    "and fewer seeds, so asymptotes and small differences stay open.",
    "published": "Published fine-tunes the authors' own five agents on halfcheetah-medium with the paper's "
    "networks and minibatches, for 12,000 of its 250,000 online steps; the data are roll-outs of these agents, "
    "not D4RL's file.",
    "paper": "Paper uses the paper's own settings; docs/fidelity.md lists what differs from the original.",
}
OTHER_SCALE = "A scale of your own: what it can show depends on its budgets, given under Settings."
FORMATS = {"svg": "SVG", "pdf": "PDF", "png": "PNG", "csv": "numbers (CSV)", "tex": "LaTeX"}


def build_report(layout: Layout, figures: Sequence[str]) -> Path:
    """Write `report.html`, `table_final.csv`, `table_final.tex` and `table_claims.csv` beside the figures.

    Without the tables of `off2on claims` the page says so, and there is no `table_claims.csv`.

    Args:
        layout: whose tables and figures.
        figures: names, in the order of the page; each must be drawn already.

    Returns:
        the path of report.html.

    Raises:
        Off2OnError: tables or a figure are missing, a figure is unknown, or a file cannot be written.
    """
    tables, evidence = read_tables(layout.analysis), read_evidence(layout.analysis)
    final = final_table(tables)
    finals = [
        final_sheet(final, "return", "Final average return", 0),
        final_sheet(final, "normalized", "Final normalised score", 1),
    ]
    write_csv(final, layout.figures / "table_final.csv")
    write_text(layout.figures / "table_final.tex", latex(finals[0]))
    if evidence:
        write_csv(evidence.claims, layout.figures / "table_claims.csv")
    drawn = [_figure(layout, tables, name) for name in figures]
    page = _template().render(
        layout=layout,
        figures=drawn,
        finals=finals,
        **_claims(tables, evidence),
        **_origins(layout, tables.provenance),
    )
    path = layout.figures / "report.html"
    write_text(path, page)
    return path


def _claims(tables: Tables, evidence: Evidence | None) -> dict[str, Any]:
    """What the page says about claims; without evidence the numbers behind the required ones alone."""
    return {
        "required": required_sheet(evidence) if evidence else None,
        "numbers": number_sheets(tables, evidence),
        "counts": verdict_counts(evidence.claims) if evidence else "",
        "verdicts": verdict_sheets(evidence.claims) if evidence else [],
        "statistics": statistics_sheets(evidence, labels(tables.runs)) if evidence else [],
    }


def _origins(layout: Layout, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page says about the jobs behind it."""
    return {
        "meaning": SCALES.get(layout.scale, OTHER_SCALE),
        "seeds": sorted({info["seed"] for info in jobs if info["kind"] == "finetune"}),
        "period": period(jobs),
        "commits": sorted({commit(info) for info in jobs}),
        "mixed": mixed_code(jobs),
        "methods": methods_sheet(jobs),
        "settings": settings_sheets(jobs),
        "datasets": datasets_sheet(layout, jobs),
        "physics": physics_sheet(layout),
        "versions": versions_sheet(jobs),
        "jobs": provenance_sheet(jobs),
    }


def _template() -> Any:
    loader = PackageLoader("off2on.figures", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.j2")


def _figure(layout: Layout, tables: Tables, name: str) -> dict[str, Any]:
    spec = get_figure(name)
    for ending in spec.endings:
        if not (path := layout.figures / f"{name}.{ending}").is_file():
            raise Off2OnError(
                f"{path} is missing: draw it first with 'off2on figure {name}' (or snakemake {name})"
            )
    svg = inline_svg((layout.figures / f"{name}.svg").read_text(encoding="utf-8"), name, spec.title)
    head, *details = spec.finding(tables).splitlines()
    return {
        "spec": spec,
        # drawn by this project, text is escaped in it; a figure without any numbers only says that it has none
        "svg": "" if spec.table(tables).empty else Markup(svg),  # noqa: S704
        "finding": head,
        "details": details,
        "notes": spec.notes(tables),
        "files": {FORMATS[ending]: f"{name}.{ending}" for ending in spec.endings},
    }
