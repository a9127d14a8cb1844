"""Figures of curves as data: which runs and which column, one panel per task and dataset, what to compare.

A figure's module makes one `CurveFigure` and hands out its `table`, `draw`, `finding` and `notes`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from off2on.analysis.curves import BUDGET, mean_std
from off2on.analysis.tables import Tables
from off2on.figures.contrasts import STATISTICS, Panel, Quantity, detail, difference, per_seed, verdict
from off2on.figures.panels import (
    draw_curve,
    headline,
    legend_below,
    no_runs,
    score_axis,
    seeds_note,
    select,
    step_axis,
)
from off2on.figures.style import DATASET_ORDER, in_order, method_style
from off2on.figures.words import listing
from off2on.methods import Style

TASKS = ("halfcheetah", "hopper", "walker2d")
DATASETS = ("random", "medium", "medium-replay", "medium-expert")
#: the dataset of runs without offline data, which are drawn in every panel of their task
SCRATCH = "none"
#: the task of Fig. 4, which the paper does not name (facts 10.2)
FIG_4_TASK = "walker2d"

RETURN = Quantity("average return", "return")
SHARE = Quantity("offline share of samples", "offline share", digits=1, percent=True)
AUROC = Quantity("AUROC of online pairs", "AUROC", digits=3)

Key = tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """One curve of every panel: a column of the runs of a method, on all datasets or on one."""

    label: str
    method: str
    style: Style
    column: str = "return_mean"
    dataset: str | None = None


def by_method(**labels: str) -> Callable[[Tables], list[Arm]]:
    """The returns of some methods; a name is written with _ for -."""
    names = {name.replace("_", "-"): label for name, label in labels.items()}
    arms = [Arm(label, name, method_style(name)) for name, label in names.items()]
    return lambda _: arms


@dataclass(frozen=True)
class CurveFigure:
    """A figure of curves over environment steps."""

    name: str
    #: what it draws, as in "no ... at this scale"
    what: str
    #: its curves, the main one first
    arms: Callable[[Tables], Sequence[Arm]]
    quantity: Quantity = RETURN
    tasks: tuple[str, ...] = TASKS
    #: in the order of preference, where one panel is picked
    datasets: tuple[str, ...] = DATASETS
    #: what tells panels apart
    panel: tuple[str, ...] = ("task", "dataset")
    #: one panel: that with the most curves, on FIG_4_TASK where it can be
    single: bool = False
    #: a panel with fewer curves shows nothing
    least: int = 2
    #: environment steps after which curves are cut; None: all are drawn
    budget: int | None = BUDGET
    #: statistics that the finding gives for every arm; the first is compared
    statistics: tuple[str, ...] = ("final",)
    #: the arm that is compared and those it is compared with; empty: the first, with all others
    main: str = ""
    against: tuple[str, ...] = ()
    #: datasets on which the paper finds a difference, first arm above; on the others the arms are alike
    differs: tuple[str, ...] = DATASETS
    #: the figure of the main text that shows one panel of this one
    extends: str = ""

    def rows(self, tables: Tables) -> pd.DataFrame:
        """Every evaluation that is drawn: arm, task, dataset, method, seed, env_steps, value."""
        rows = self._candidates(tables)
        return pd.concat([rows.head(0), *(of_panel(rows, key) for key in self._keys(rows))]).drop_duplicates()

    def table(self, tables: Tables) -> pd.DataFrame:
        """The drawn numbers: arm, task, dataset, method, env_steps, mean, std, n."""
        rows = self.rows(tables)
        parts = {str(arm): mean_std(part, "value") for arm, part in rows.groupby("arm", sort=False)}
        return pd.concat(parts or {"": mean_std(rows, "value")}, names=["arm"]).reset_index(0)

    def draw(self, tables: Tables) -> Figure:
        """Tasks down, datasets across; one panel where there is one, a row of tasks where panels are tasks."""
        curves, arms = self.table(tables), self.arms(tables)
        if curves.empty:
            return no_runs(f"{self.name}: no {self.what} at this scale")
        cells = _layout(self._keys(curves))
        size = (
            (3.1 * len(cells[0]) + 0.3, 2.45 * len(cells) + 0.75) if len(cells[0]) > 1 else (5.4, 3.5 * len(cells))
        )
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(cells), len(cells[0]), squeeze=False)
        lines: dict[str, Line2D] = {}
        for (i, row), j in product(enumerate(cells), range(len(cells[0]))):
            if (key := row[j]) is None:
                grid[i, j].set_axis_off()
                continue
            lines |= self._draw_panel(grid[i, j], of_panel(curves, key), arms)
            grid[i, j].set_title("-".join(key))
            below, before, after = [line[j] for line in cells[i + 1 :]], row[:j], row[j + 1 :]
            grid[i, j].set_xlabel("" if any(below) else "environment steps")
            grid[i, j].set_ylabel("" if any(before) else self.quantity.axis)
            if self.quantity is RETURN:
                score_axis(grid[i, j], key[0], named=not any(after))
        headline(figure, seeds_note(curves["n"]))
        legend_below(figure, {arm.label: lines[arm.label] for arm in arms if arm.label in lines})
        return figure

    def panels(self, tables: Tables) -> list[Panel]:
        """The statistics of what is drawn, panel by panel, arms in their order."""
        rows, arms = self.rows(tables), [arm.label for arm in self.arms(tables)]
        found = []
        for key in self._keys(rows):
            parts = {str(arm): per_seed(part) for arm, part in of_panel(rows, key).groupby("arm")}
            differs = self.panel == ("task",) or key[-1] in self.differs
            found.append(Panel("-".join(key), {arm: parts[arm] for arm in arms if arm in parts}, differs))
        return found

    def finding(self, tables: Tables) -> str:
        """How the main arm compares with the others and with the paper; then the numbers of every panel."""
        shown = self.panels(tables)
        if not shown:
            return f"Nothing: this scale has no {self.what}."
        present = [arm.label for arm in self.arms(tables) if any(arm.label in panel.arms for panel in shown)]
        main = self.main or present[0]
        others = self.against or [arm for arm in present if arm != main]
        head = STATISTICS[self.statistics[0]].long.format(self.quantity.noun)
        gaps = [verdict(shown, main, other, self.statistics[0], self.quantity) for other in others]
        lines = [detail(panel, self.statistics, self.quantity) for panel in shown]
        if len(others) == 1 and len(shown) > 1:
            lines = [line + self._gap(panel, main, others[0]) for line, panel in zip(lines, shown, strict=True)]
        return "\n".join([f"{head[0].upper()}{head[1:]}, {'; '.join(gaps)}.", *lines])

    def _gap(self, panel: Panel, first: str, second: str) -> str:
        gap = difference(panel, first, second, self.statistics[0])
        return f"; difference {self.quantity.tell(gap, difference=True)}" if len(gap) else ""

    def notes(self, tables: Tables) -> list[str]:
        """Panels and curves without runs, how a panel was picked, missing seeds, cut curves."""
        rows, candidates = self.rows(tables), self._candidates(tables)
        keys = self._keys(rows)
        found = self._absent_panels(candidates, keys) + self._absent_curves(candidates, rows, keys, tables)
        if self.extends and not self.single and len(keys) == 1:
            found.append(f"one panel at this scale, which {self.extends} shows too")
        seeds = rows.groupby(["arm", "task", "dataset"], sort=False)["seed"].nunique().reset_index(name="n")
        most = seeds["n"].max()
        if fewer := [f"{r.arm} on {r.task}-{r.dataset} ({r.n})" for r in seeds[seeds["n"] < most].itertuples()]:
            found.append(f"fewer than {most} seeds: {', '.join(fewer)}")
        methods, tasks = [arm.method for arm in self.arms(tables)], [key[0] for key in keys]
        longest = select(tables.curves, method=methods, task=tasks)["env_steps"].max()
        if self.budget is not None and longest > self.budget:
            found.append(
                f"drawn and told up to {self.budget:,} environment steps; Figure 13 shows longer runs in full"
            )
        return found

    def _candidates(self, tables: Tables) -> pd.DataFrame:
        """`rows`, and those of panels that are not drawn."""
        columns = ["arm", "task", "dataset", "method", "seed", "env_steps", "value"]
        parts = []
        for arm in self.arms(tables):
            datasets = [arm.dataset] if arm.dataset else [*self.datasets, SCRATCH]
            part = select(tables.curves, method=arm.method, task=self.tasks, dataset=datasets)
            part = part.dropna(subset=[arm.column])
            parts.append(part.assign(arm=arm.label, value=part[arm.column])[columns])
        rows = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
        return rows if self.budget is None else rows[rows["env_steps"] <= self.budget]

    def _keys(self, rows: pd.DataFrame) -> list[Key]:
        """The panels with enough curves, in the order of the figures; or the one to show."""
        counts = rows[rows["dataset"] != SCRATCH].groupby(list(self.panel))["arm"].nunique()
        counted = dict(zip(counts.index.to_frame().itertuples(index=False, name=None), counts, strict=True))
        keys = [key for key in self._all_keys() if counted.get(key, 0) >= self.least]
        if self.single and keys:
            return [max(keys, key=lambda key: (counted[key], key[0] == FIG_4_TASK))]
        return keys

    def _all_keys(self) -> list[Key]:
        """The panels of the paper."""
        names = {"task": self.tasks, "dataset": self.datasets}
        return list(product(*(names[column] for column in self.panel)))

    def _absent_panels(self, candidates: pd.DataFrame, keys: list[Key]) -> list[str]:
        if self.single:
            return [
                "the paper does not name the task; drawn: the panel with the most curves, walker2d before others"
            ]
        absent = [key for key in self._all_keys() if key not in keys]
        alone = [key for key in absent if not of_panel(candidates, key).empty]
        kinds = {"no runs": [key for key in absent if key not in alone], "one curve only": alone}
        return [f"{why}, so no panel: {self._named(keys)}" for why, keys in kinds.items() if keys]

    def _named(self, keys: Sequence[Key]) -> str:
        """'hopper-random, all of walker2d': panels by their names, the four of a task together."""
        several = len(self.panel) > 1 and len(self.datasets) > 1
        whole = {t for t in self.tasks if several and all(key in keys for key in self._all_keys() if key[0] == t)}
        names = (f"all of {key[0]}" if key[0] in whole else "-".join(key) for key in keys)
        return ", ".join(dict.fromkeys(names))

    def _absent_curves(
        self, candidates: pd.DataFrame, rows: pd.DataFrame, keys: list[Key], tables: Tables
    ) -> list[str]:
        arms = [arm.label for arm in self.arms(tables)]
        places = {arm: [key for key in keys if arm not in set(of_panel(rows, key)["arm"])] for arm in arms}
        nowhere = [arm for arm in arms if arm not in set(candidates["arm"])]
        found = [f"no runs, so no curve: {', '.join(nowhere)}"] if nowhere else []
        return found + [
            f"no runs of {arm} on {listing(['-'.join(key) for key in absent])}"
            for arm, absent in places.items()
            if absent and arm not in nowhere
        ]

    def _draw_panel(self, axes: Axes, rows: pd.DataFrame, arms: Sequence[Arm]) -> dict[str, Line2D]:
        """The curves of a panel, the main one on top."""
        present = [arm for arm in reversed(arms) if arm.label in set(rows["arm"])]
        lines = {arm.label: draw_curve(axes, select(rows, arm=arm.label), arm.style, arm.label) for arm in present}
        step_axis(axes)
        if rows["env_steps"].min() > 0:
            axes.set_xlim(left=0)
        if self.quantity.percent:
            axes.set_ylim(-0.02, 1.04)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        return lines


def of_panel(rows: pd.DataFrame, key: Key) -> pd.DataFrame:
    """The rows of a panel, runs from scratch on its task among them."""
    rows = select(rows, task=key[0])
    return select(rows, dataset=[key[1], SCRATCH]) if len(key) > 1 else rows


def _layout(keys: Sequence[Key]) -> list[list[Key | None]]:
    """Panels as a grid: tasks down and datasets across, or tasks across."""
    if len(keys[0]) == 1:
        return [list(keys)]
    tasks, datasets = dict.fromkeys(key[0] for key in keys), in_order((key[1] for key in keys), DATASET_ORDER)
    return [[(task, data) if (task, data) in keys else None for data in datasets] for task in tasks]
