"""How everything looks: one colour, line and marker per method in all figures, fonts, files that do not change."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import matplotlib as mpl
import pandas as pd
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from off2on.analysis.csv_tables import csv_text
from off2on.figures.spec import DATASETS, SCRATCH
from off2on.files import atomic, write_text
from off2on.methods import DASHED, DOTTED, METHODS, MIXED, Style

DATASET_ORDER = (*DATASETS, "mixed", SCRATCH)
INK, MUTED, GRID = "#1a1a1a", "#5f6368", "#e3e5e8"


#: for baselines that the project does not know: picked by the name, the same in every figure
_OTHER_COLOURS = ("#EE3377", "#222255", "#225522", "#666633", "#AA3377", "#66CCEE")
_OTHER_MARKERS = ("<", ">", "p", "*", "d")
#: of no method; the darker, the better the data
DATASET_STYLES = {
    "random": Style("#7ad151", "-", "o"),
    "medium": Style("#2d708e", DASHED, "s"),
    "medium-replay": Style("#20a486", MIXED, "^"),
    "medium-expert": Style("#463480", DASHED, "D"),
}

_RC: Any = {
    "xtick.bottom": False,
    "ytick.left": False,
    "lines.solid_capstyle": "round",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "figure.constrained_layout.w_pad": 0.06,
    "figure.constrained_layout.h_pad": 0.06,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.markersize": 5.5,
    "figure.facecolor": "white",
    "savefig.dpi": 160,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


def method_style(name: str) -> Style:
    """The one style of a method; a baseline from outside gets one by its name."""
    if name in METHODS:
        return METHODS[name].style
    number = crc32(name.encode())
    colour = _OTHER_COLOURS[number % len(_OTHER_COLOURS)]
    return Style(colour, (DASHED, DOTTED, MIXED)[number // 7 % 3], _OTHER_MARKERS[number // 31 % 5])


def lighter(style: Style) -> Style:
    """For the second curve of a method: its colour at half strength."""
    red, green, blue = to_rgb(style.colour)
    return Style(to_hex(((1 + red) / 2, (1 + green) / 2, (1 + blue) / 2)), MIXED, "v")


def in_order(names: Iterable[str], order: Iterable[str]) -> list[str]:
    """Distinct names: those of `order` first, in its order, then others by the alphabet."""
    ranks = {name: rank for rank, name in enumerate(dict.fromkeys(order))}
    return sorted(set(names), key=lambda name: (ranks.get(name, len(ranks)), name))


def style_context() -> Any:
    """A context in which figures have the project's fonts and lines."""
    return mpl.rc_context({**mpl.rcParamsDefault, **_RC, "backend": "agg"})


def _panels(figure: Figure) -> list[dict[str, Any]]:
    """Where the titled panels are, for readers of values: title, box in shares of the picture from its top left
    corner (left, top, right, bottom), limits of both axes.
    """  # noqa: D205
    boxes = [(axes, axes.get_position()) for axes in figure.axes if axes.get_title()]
    return [
        {
            "title": axes.get_title(),
            "box": [round(float(side), 5) for side in (box.x0, 1 - box.y1, box.x1, 1 - box.y0)],
            "x": [float(end) for end in axes.get_xlim()],
            "y": [float(end) for end in axes.get_ylim()],
        }
        for axes, box in boxes
    ]


def save(figure: Figure, table: pd.DataFrame, stem: Path) -> None:
    """Write `stem.{svg,pdf,png,csv}`: the same numbers give the same bytes.

    Args:
        figure: drawn inside `style_context`.
        table: the numbers that are drawn.
        stem: path without an ending; its name salts the ids of the SVG.

    Raises:
        Off2OnError: a file cannot be written.
    """
    metadata: Any = {"pdf": {"CreationDate": None}, "png": {"Software": None}}
    with mpl.rc_context({**_RC, "svg.hashsalt": stem.name}):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, not once per file
        metadata["svg"] = {"Date": None, "Description": json.dumps(_panels(figure))}
        for ending, facts in metadata.items():
            with atomic(stem.with_name(f"{stem.name}.{ending}")) as temporary:
                figure.savefig(temporary, format=ending, metadata=facts)
    write_text(stem.with_name(f"{stem.name}.csv"), csv_text(table))
