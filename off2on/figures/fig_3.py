"""Figure 3: return during fine-tuning, all main methods, a panel per task and dataset."""

from off2on.analysis.tables import Tables
from off2on.figures.curve_figure import Arm, CurveFigure
from off2on.figures.panels import labels
from off2on.figures.style import METHOD_STYLES, in_order, method_style
from off2on.figures.words import listing, panels
from off2on.methods import METHODS

PAPER_METHODS = {"ours": "Ours", "awac": "AWAC", "bcq-ft": "BCQ-ft", "sac-ft": "SAC-ft", "sac": "SAC"}


def _arms(tables: Tables) -> list[Arm]:
    """The paper's methods, and baselines that are not the project's own ablations."""
    others = {name: label for name, label in labels(tables.curves).items() if name not in METHODS}
    taken = [*PAPER_METHODS.values(), *others.values()]
    others = {name: label if taken.count(label) == 1 else f"{label} ({name})" for name, label in others.items()}
    names = PAPER_METHODS | others
    return [Arm(names[name], name, method_style(name)) for name in in_order(names, METHOD_STYLES)]


FIGURE = CurveFigure("Figure 3", "runs of the main methods", _arms, least=1, main="Ours", against=("SAC-ft",))
table, draw = FIGURE.table, FIGURE.draw


def notes(tables: Tables) -> list[str]:
    """The notes of every figure of curves, and at scale quick that the methods were not tuned alike."""
    quick = any(info["scale"] == "quick" for info in tables.provenance)
    tuned = (
        "at scale quick the settings of Ours were tuned for longer than those of the baselines, and AWAC and BCQ "
        "have fewer steps and smaller networks"
    )
    return FIGURE.notes(tables) + [f"{tuned} (docs/decisions/0006)"] * quick


def finding(tables: Tables) -> str:
    """Where Ours ends highest; then what every figure of curves tells."""
    shown = FIGURE.panels(tables)
    finals = {panel.title: {arm: of["final"].mean() for arm, of in panel.arms.items()} for panel in shown}
    first = [title for title, of in finals.items() if max(of, key=of.__getitem__) == "Ours"]
    head = f"Ours ends highest in {len(first)} of {panels(len(shown))} ({listing(first)}). " if shown else ""
    return head + FIGURE.finding(tables)
