"""Figure 2: a drawing of the method. It has no data; its table lists the boxes and arrows."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from off2on.analysis.tables import Tables
from off2on.figures.style import INK, MUTED

WIDTH, HEIGHT = 12.5, 6.1
#: what a box stands for: its edge, its filling
COLOURS = {
    "offline": ("#D55E00", "#FBEADF"),
    "online": ("#0072B2", "#E3F0F8"),
    "learned": ("#009E73", "#E2F4EE"),
    "mixed": ("#8A6D00", "#FBF5DC"),
}
RATIO = r"$w(s, a) \approx d^{\,\mathrm{on}} / d^{\,\mathrm{off}}$"
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box around `centre`; `cards`: how many are drawn behind it."""

    kind: str
    title: str
    text: str
    centre: Point
    size: Point = (2.5, 1.15)
    cards: int = 0

    def anchor(self, side: str) -> Point:
        """A point on the edge: n, e, s, w or two of them for a corner."""
        x, y = self.centre
        dx = {"e": 1, "w": -1}.get(side[-1], 0) * self.size[0] / 2
        dy = {"n": 1, "s": -1}.get(side[0], 0) * self.size[1] / 2
        return x + dx, y + dy


@dataclass(frozen=True)
class Arrow:
    """From the side of one box to that of another; the text stands at `at`, aligned to `align`."""

    source: str
    leaves: str
    target: str
    enters: str
    text: str
    at: Point
    align: str = "center"


BOXES = {
    "data": Box("offline", "Offline data", "transitions $(s, a, r, s$′$)$", (1.55, 0.95)),
    "cql": Box("learned", r"$N$ CQL agents", "policy and pessimistic\ntwin critics each", (1.55, 4.65), cards=2),
    "ensemble": Box(
        "learned",
        "Ensemble",
        "one Gaussian policy $\\pi$: moments of the\nmixture; $Q$: mean of pessimistic critics",
        (5.1, 4.65),
        (3.1, 1.15),
    ),
    "environment": Box("online", "Environment", "explored epoch by epoch", (11.05, 4.65), (2.3, 1.15)),
    "online": Box("online", "Online replay", "everything seen so far", (11.05, 0.95), (2.3, 1.15)),
    "offline": Box("offline", "Offline replay", "the whole dataset", (5.1, 0.95)),
    "density": Box("learned", "Density ratio network", RATIO, (8.2, 0.95)),
    "balanced": Box("mixed", "Balanced replay", "offline and online transitions,\nprioritised", (8.2, 2.8)),
    "sac": Box("learned", "SAC update", "of all members\ntogether", (5.1, 2.8), (1.9, 1.15)),
}
ARROWS = (
    Arrow("data", "n", "cql", "s", "CQL on all of it,\n$N$ seeds", (1.68, 2.8), "left"),
    Arrow("cql", "e", "ensemble", "w", "start", (3.28, 4.8)),
    Arrow("data", "e", "offline", "w", "", (0, 0)),
    Arrow("ensemble", "e", "environment", "w", r"acts: $a \sim \pi(\cdot \mid s)$", (8.25, 4.8)),
    Arrow("environment", "s", "online", "n", "new\ntransitions", (11.18, 2.8), "left"),
    Arrow("offline", "e", "density", "w", "", (0, 0)),
    Arrow("online", "w", "density", "e", "", (0, 0)),
    Arrow("density", "n", "balanced", "s", "priorities $w^{1/T}$", (8.33, 1.83), "left"),
    Arrow("offline", "ne", "balanced", "sw", "", (0, 0)),
    Arrow("online", "nw", "balanced", "se", "", (0, 0)),
    Arrow("balanced", "w", "sac", "e", "minibatch", (6.5, 2.95)),
    Arrow("sac", "n", "ensemble", "s", "gradient step", (5.23, 3.72), "left"),
)
#: left and right edge of the two phases
PHASES = {"1   Offline pre-training": (0.3, 2.98), "2   Online fine-tuning": (3.55, 12.2)}


def table(_: Tables) -> pd.DataFrame:
    """What is drawn: element (box or arrow), name, source, target, kind, text."""
    boxes = [
        {"element": "box", "name": name, "kind": box.kind, "text": f"{box.title}: {box.text}"}
        for name, box in BOXES.items()
    ]
    arrows = [
        {
            "element": "arrow",
            "name": f"{a.source}-{a.target}",
            "source": a.source,
            "target": a.target,
            "text": a.text,
        }
        for a in ARROWS
    ]
    columns = ["element", "name", "source", "target", "kind", "text"]
    return pd.DataFrame([*boxes, *arrows], columns=columns).replace("\n", " ", regex=True)


def draw(_: Tables) -> Figure:
    """The drawing."""
    figure = Figure(figsize=(9.3, 9.3 * HEIGHT / WIDTH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    for words, (left, right) in PHASES.items():
        axes.text(left, 5.75, words, fontsize=10.5, color=INK, fontweight="bold", va="center")
        axes.plot([left, right], [5.5, 5.5], color=MUTED, linewidth=1)
    axes.plot([3.28, 3.28], [1.3, 4.3], color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    for box in BOXES.values():
        _draw_box(axes, box)
    for arrow in ARROWS:
        _draw_arrow(axes, arrow)
    return figure


def _draw_box(axes: Axes, box: Box) -> None:
    edge, face = COLOURS[box.kind]
    (left, bottom), (width, height) = box.anchor("sw"), box.size
    for card in range(box.cards, -1, -1):
        corner = (left + 0.09 * card, bottom + 0.09 * card)
        shape = FancyBboxPatch(
            corner, width, height, boxstyle="round,pad=0,rounding_size=0.12", edgecolor=edge, facecolor=face
        )
        axes.add_patch(shape)
    x, y = box.centre
    lines = box.text.count("\n") + 1
    axes.text(x, y + 0.05 + 0.12 * lines, box.title, fontsize=10, fontweight="bold", ha="center", va="center")
    axes.text(x, y - 0.12 - 0.05 * lines, box.text, fontsize=8, ha="center", va="center", linespacing=1.3)


def _draw_arrow(axes: Axes, arrow: Arrow) -> None:
    ends = (BOXES[arrow.source].anchor(arrow.leaves), BOXES[arrow.target].anchor(arrow.enters))
    axes.add_patch(
        FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, linewidth=1.2, color=INK, shrinkA=2, shrinkB=2)
    )
    if arrow.text:
        middle = "center" if arrow.align == "left" else "bottom"
        axes.text(*arrow.at, arrow.text, fontsize=8, color=MUTED, ha=arrow.align, va=middle, linespacing=1.3)


def finding(_: Tables) -> str:
    """That it is a drawing."""
    return "Nothing: this is a drawing of the method, and no result enters it."


def notes(_: Tables) -> list[str]:
    """Whose drawing it is, and what it leaves out."""
    return [
        "our own drawing of what the text and the published code say; we have not seen the paper's illustration",
        "the density ratio network sees uniform minibatches of both replays; only the minibatch of the update "
        "gets new priorities, divided by the mean over offline samples; new transitions come first, since they "
        "enter with a high priority",
    ]
