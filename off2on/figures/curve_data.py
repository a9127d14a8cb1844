"""The curves of a figure: which methods, which runs, which panels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import pandas as pd

from off2on.analysis.over_seeds import mean_std
from off2on.analysis.tables import ENOUGH, Tables
from off2on.figures.panels import labels, select
from off2on.figures.spec import FIGURES_OF_STRANGER, SCRATCH, Curves, FigureSpec, figures_of_stranger
from off2on.figures.style import DATASET_STYLES, lighter, method_style
from off2on.methods import DASHED, METHODS, MIXED, Style

#: the task of Fig. 4, which the paper does not name [S118]
FIG_4_TASK = "walker2d"

#: stands for the share of samples that are not offline
ONLINE = "online_fraction"
#: where samples come from: column -> what the legend says, line
ORIGINS = {
    "offline_fraction_scripted": ("offline, scripted", Style("#0072B2", "-", "o")),
    "offline_fraction_random": ("offline, random actions", Style("#D55E00", DASHED, "s")),
    ONLINE: ("online", Style("#555555", MIXED, "^")),
}

#: task and, where panels are datasets, dataset
Key = tuple[str, ...]


@dataclass(frozen=True)
class Curve:
    """One curve of every panel: a column of the runs of a method, on all datasets or on one."""

    label: str
    method: str
    style: Style
    column: str
    dataset: str | None = None

    @property
    def key(self) -> str:
        """What the table of figures calls it."""
        return self.dataset or self.method


def of_panel(rows: pd.DataFrame, key: Key) -> pd.DataFrame:
    """The rows of a panel, runs from scratch on its task among them."""
    rows = select(rows, task=key[0])
    return select(rows, dataset=[key[1], SCRATCH]) if len(key) > 1 else rows


class CurveData:
    """What a figure of curves draws, from the tables."""

    def __init__(self, figure: FigureSpec, tables: Tables) -> None:
        """`figure` has curves."""
        if figure.curves is None:
            raise ValueError(f"{figure.name} is not a figure of curves")
        self.figure, self.spec, self.tables = figure, figure.curves, tables

    @cached_property
    def curves(self) -> list[Curve]:
        """In the order of the methods; ensembles from the largest to the smallest."""
        methods = _methods(self.figure, self.tables)
        if self.spec.each == "size":
            methods = _sizes(methods, self.members)
        several = len(methods) > 1
        return [c for name, label in methods.items() for c in _of_method(name, label, self.spec, several)]

    @cached_property
    def members(self) -> dict[str, int]:
        """Method -> ensemble size, of the runs on the figure's tasks."""
        runs = select(self.tables.runs, task=tuple(self.spec.tasks))
        return dict(zip(runs["method"], runs["members"], strict=True))

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """`rows`, and those of panels that are not drawn."""
        columns = ["arm", "task", "dataset", "method", "seed", "env_steps", "value"]
        parts = []
        for curve in self.curves:
            datasets = [curve.dataset] if curve.dataset else self.spec.sources
            part = select(self.tables.curves, method=curve.method, task=tuple(self.spec.tasks), dataset=datasets)
            part = part.assign(arm=curve.label, value=_column(part, curve.column))
            parts.append(part.dropna(subset=["value"])[columns])
        rows = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
        return rows if self.spec.budget is None else rows[rows["env_steps"] <= self.spec.budget]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Every evaluation that is drawn: arm (the curve), task, dataset, method, seed, env_steps, value."""
        parts = (of_panel(self.candidates, key) for key in self.keys)
        return pd.concat([self.candidates.head(0), *parts]).drop_duplicates()

    @cached_property
    def table(self) -> pd.DataFrame:
        """The drawn numbers: arm, task, dataset, method, env_steps, mean, std, n."""
        parts = {str(arm): mean_std(part, "value") for arm, part in self.rows.groupby("arm", sort=False)}
        return pd.concat(parts or {"": mean_std(self.rows, "value")}, names=["arm"]).reset_index(0)

    def extent(self, task: str) -> list[float]:
        """Values that an axis of a task must hold: those of all seeds, and the ends of bands."""
        means, seeds = select(self.table, task=task), select(self.rows, task=task)
        bands = means[means["n"] >= ENOUGH]
        ends = pd.concat([seeds["value"], bands["mean"] - bands["std"], bands["mean"] + bands["std"]])
        return [float(ends.min()), float(ends.max())]

    @property
    def longest(self) -> int:
        """Environment steps of the longest run that is drawn, cut or not."""
        methods, tasks = [curve.method for curve in self.curves], [key[0] for key in self.keys]
        runs = select(self.tables.curves, method=methods, task=tasks)
        return int(runs["env_steps"].max()) if len(runs) else 0

    @cached_property
    def keys(self) -> list[Key]:
        """The panels with enough curves, in the order of the figures; of the main text's figures one."""
        rows = self.candidates[self.candidates["dataset"] != SCRATCH]
        counts = rows.groupby(list(self.spec.panel))["arm"].nunique()
        counted = dict(zip(counts.index.to_frame().itertuples(index=False, name=None), counts, strict=True))
        keys = [key for key in self.all_keys if counted.get(key, 0) >= self.spec.least]
        if self.spec.panel_of and keys:
            return [max(keys, key=lambda key: (counted[key], key[0] == FIG_4_TASK))]
        return keys

    @property
    def all_keys(self) -> list[Key]:
        """The panels of the paper, and those of further tasks."""
        names = {"task": self.spec.tasks, "dataset": self.spec.datasets}
        return list(product(*(names[column] for column in self.spec.panel)))


def _column(rows: pd.DataFrame, name: str) -> "pd.Series[float]":
    """A column of the evaluations; what is not offline is online."""
    return 1 - rows["offline_fraction"] if name == ONLINE else rows[name]


def _methods(figure: FigureSpec, tables: Tables) -> dict[str, str]:
    """The methods that a figure draws, each with its label there.

    Of several methods with one label all but the first say their name.
    """
    entered = figure.methods_as
    found = {name: method.figures[entered] for name, method in METHODS.items() if entered in method.figures}
    where = {i["method"]: figures_of_stranger(i) for i in tables.provenance if i["kind"] == "finetune"}
    for name, label in sorted(labels(tables.curves).items()):
        if name not in METHODS and entered in where.get(name, FIGURES_OF_STRANGER):
            found[name] = f"{label} ({name})" if label in found.values() else label
    return found


def _of_method(name: str, label: str, spec: Curves, several: bool) -> Sequence[Curve]:
    """The curves of one method; where there are several methods, each curve says whose it is."""
    style, column, prefix = method_style(name), spec.quantity.column, f"{label}: " if several else ""
    if spec.each == "dataset":
        lines = {data: DATASET_STYLES[data] for data in spec.datasets}
        if several:
            lines = {data: replace(style, colour=line.colour) for data, line in lines.items()}
        return [Curve(prefix + data, name, line, column, data) for data, line in lines.items()]
    if spec.each == "origin":
        return [Curve(prefix + label, name, line, column) for column, (label, line) in ORIGINS.items()]
    if spec.each == "q-function":
        ensemble = Curve(f"{prefix}Q-ensemble", name, style, column)
        return ensemble, Curve(f"{prefix}single Q", name, lighter(style), f"{column}_single")
    return (Curve(label, name, style, column),)


def _sizes(methods: Mapping[str, str], members: Mapping[str, int]) -> dict[str, str]:
    """The project's own methods that have runs, largest ensembles first and named by size, then those of others.

    Of two methods of one size the first is drawn.
    """
    own = {members[name]: name for name in reversed(list(methods)) if name in METHODS and name in members}
    others = {name: label for name, label in methods.items() if name not in METHODS}
    return {own[size]: f"N = {size}" for size in sorted(own, reverse=True)} | others
