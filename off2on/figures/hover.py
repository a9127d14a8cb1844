"""The values behind the curves of a picture, for the page's script, which shows them under the pointer."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from off2on.figures.curve_data import of_panel
from off2on.figures.spec import FigureSpec

#: points of a curve that are kept
POINTS = 120


def hover_data(spec: FigureSpec, table: pd.DataFrame, panels: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Panels with their curves; None: the figure has no curves.

    Args:
        spec: the figure.
        table: its drawn numbers.
        panels: where its panels are, as `svg.panels_of` gives them.
    """
    if spec.curves is None or table.empty:
        return None
    quantity, columns = spec.curves.quantity, list(spec.curves.panel)
    keys = {"-".join(key): key for key in table[columns].drop_duplicates().itertuples(index=False, name=None)}
    factor = 100 if quantity.percent else 1
    shown = [panel for panel in panels if panel.get("title") in keys]
    return {
        "unit": " %" if quantity.percent else "",
        "digits": quantity.digits,
        "panels": [panel | {"curves": _curves(of_panel(table, keys[panel["title"]]), factor)} for panel in shown],
    }


def _curves(panel: pd.DataFrame, factor: float) -> list[list[Any]]:
    """Of each: label, steps, means, stds (null: none), seeds."""
    found = []
    for arm, part in panel.groupby("arm", sort=False):
        shown = part.sort_values("env_steps").iloc[:: -(-len(part) // POINTS)]
        std = [None if pd.isna(value) else round(factor * value, 4) for value in shown["std"].tolist()]
        mean = [round(factor * value, 4) for value in shown["mean"].tolist()]
        found.append([str(arm), shown["env_steps"].astype(int).tolist(), mean, std, int(part["n"].max())])
    return found
