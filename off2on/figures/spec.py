"""What an entry of the table of figures may say. Read while the DAG is planned: light data, drawn elsewhere."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

from off2on.analysis.tables import BUDGET
from off2on.envs.tasks import names_of
from off2on.methods import METHODS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from off2on.analysis.tables import Tables

DATASETS = ("random", "medium", "medium-replay", "medium-expert")
#: the dataset of runs without offline data, which are drawn in every panel of their task
SCRATCH = "none"
#: where a method that is not the project's own is drawn, unless its run.json says otherwise
FIGURES_OF_STRANGER = ("fig_3",)

#: what a figure reads: directories of runs, CSV files of likelihoods, pictures of the tasks, films of
#: episodes, the measured cost
Need = Literal["runs", "likelihoods", "renders", "films", "cost"]


def figures_of_stranger(info: Mapping[str, Any]) -> Collection[str]:
    """Where a method that is not one of the project's own is drawn, from a run.json."""
    figures: Collection[str] = info["method_settings"].get("figures", FIGURES_OF_STRANGER)
    return figures


@dataclass(frozen=True)
class Quantity:
    """What is on the y axis."""

    axis: str
    #: in a sentence
    noun: str
    #: of progress.csv
    column: str
    digits: int = 0
    #: a fraction, shown in per cent
    percent: bool = False
    #: of the axis; None: those of the values
    limits: tuple[float, float] | None = None


RETURN = Quantity("average return", "return", "return_mean")
OFFLINE_SHARE = Quantity(
    "offline share of samples", "offline share", "offline_fraction", digits=1, percent=True, limits=(0, 1)
)
SUCCESS = Quantity("success at the last step", "success", "success_last", digits=1, percent=True, limits=(0, 1))
SHARES = Quantity("share of samples", "share", "offline_fraction_scripted", digits=1, percent=True, limits=(0, 1))
AUROC = Quantity("AUROC of online pairs (0.5: chance)", "AUROC", "q_auroc", digits=3, limits=(0.5, 1))


@dataclass(frozen=True)
class Curves:
    """Curves over environment steps, a panel per task and dataset: which runs, and what to compare."""

    #: what it draws, as in "no ... at this scale"
    what: str
    #: what a curve stands for: a method; a method, named by its ensemble size; a method's runs on one dataset,
    #: with a panel per task; the Q-function of the ensemble or of one member; where samples come from
    each: Literal["method", "size", "dataset", "q-function", "origin"] = "method"
    #: the figure of all tasks of which it shows one panel, with the methods of that figure; empty: none
    panel_of: str = ""
    quantity: Quantity = RETURN
    #: the tasks that it is about: all of a family, or some
    family: str = "locomotion"
    some_tasks: tuple[str, ...] = ()
    #: in the order of preference, where one panel is picked
    datasets: tuple[str, ...] = DATASETS
    #: a panel with fewer curves shows nothing
    least: int = 2
    #: environment steps after which curves are cut; None: all are drawn
    budget: int | None = BUDGET
    #: names in `run_statistics.STATISTICS` that the finding gives for every curve; the first is compared
    statistics: tuple[str, ...] = ("final",)
    #: method or dataset of the curve that is compared and of its counterparts; empty: the first, with all others
    main: str = ""
    against: tuple[str, ...] = ()
    #: whether the finding counts the panels in which the main curve ends highest
    ranks: bool = False

    @property
    def tasks(self) -> Collection[str]:
        """The tasks that it is about, in the order of panels."""
        return self.some_tasks or names_of(self.family)

    @property
    def panel(self) -> tuple[str, ...]:
        """The columns that a panel has one value of."""
        return ("task",) if self.each == "dataset" else ("task", "dataset")

    @property
    def sources(self) -> tuple[str, ...]:
        """The datasets whose runs are drawn."""
        return self.datasets if self.each == "dataset" else (*self.datasets, SCRATCH)


@dataclass(frozen=True)
class FigureSpec:
    """A figure: what it shows, what the paper found, what it reads."""

    name: str
    title: str
    caption: str
    #: what the paper found
    paper: str
    #: None: `off2on.figures.<name>` has `table`, `draw`, `finding` and `notes`, functions of the tables
    curves: Curves | None = None
    needs: frozenset[Need] = frozenset({"runs"})
    #: a table: the module's `tex` gives it as LaTeX
    latex: bool = False
    #: the figure whose runs it reads, where it has no curves of its own
    runs_of: "FigureSpec | None" = None

    @property
    def number(self) -> str:
        """'Figure 4a'."""
        return self.title.split(":")[0]

    @property
    def chapter(self) -> str:
        """'Figure 04', 'Appendix B': where Snakemake's report has it, which sorts by the alphabet."""
        return re.sub(r"(?<= )\d+", lambda digits: digits[0].zfill(2), re.sub(r"(\d)[a-d]$", r"\1", self.number))

    @property
    def module(self) -> str:
        """The module that draws it."""
        return "off2on.figures.curve_figure" if self.curves else f"off2on.figures.{self.name}"

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings of its files."""
        return ("svg", "pdf", "png", "csv", *(["tex"] if self.latex else []))

    @property
    def methods_as(self) -> str:
        """The figure in whose name methods are entered."""
        return (self.curves and self.curves.panel_of) or self.name

    def draws(
        self, task: str, dataset: str, method: str, figures_of_stranger: Collection[str] = FIGURES_OF_STRANGER
    ) -> bool:
        """Whether it draws a run.

        Args:
            task: of the run.
            dataset: of the run; 'none' from scratch.
            method: of the run.
            figures_of_stranger: where the method is drawn, if it is not one of the project's own.
        """
        if self.runs_of is not None:
            return self.runs_of.draws(task, dataset, method, figures_of_stranger)
        if self.curves is None or task not in self.curves.tasks:
            return False
        named = METHODS[method].figures if method in METHODS else figures_of_stranger
        return self.methods_as in named and dataset in self.curves.sources

    def table(self, tables: "Tables") -> "pd.DataFrame":
        """The numbers that are drawn."""
        return cast("pd.DataFrame", self._ask("table", tables))

    def draw(self, tables: "Tables") -> "Figure":
        """The figure."""
        return cast("Figure", self._ask("draw", tables))

    def tex(self, tables: "Tables") -> str:
        """The table as LaTeX."""
        return cast(str, self._ask("tex", tables))

    def finding(self, tables: "Tables") -> str:
        """What these runs found, in numbers: a first line, then details line by line."""
        return cast(str, self._ask("finding", tables))

    def notes(self, tables: "Tables") -> list[str]:
        """What is left out, and choices a reader should know."""
        return cast(list[str], self._ask("notes", tables))

    def _ask(self, what: str, tables: "Tables") -> Any:
        """The module loads when a figure is drawn, so that listing figures costs nothing."""
        function = getattr(import_module(self.module), what)
        return function(self, tables) if self.curves else function(tables)
