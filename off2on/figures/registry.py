"""Every figure of the report: what it shows, what the paper found, which module draws it.

Modules load when a figure is drawn, so that listing figures costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from off2on.errors import Off2OnError
from off2on.paths import Layout

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from off2on.analysis.tables import Tables


@dataclass(frozen=True)
class FigureSpec:
    """A figure; `off2on.figures.<name>` has `table`, `draw`, `finding` and `notes`, functions of the tables."""

    name: str
    title: str
    caption: str
    #: what the paper found
    paper: str
    #: a table: the module's `tex` gives it as LaTeX
    latex: bool = False

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings of its files."""
        return ("svg", "pdf", "png", "csv", *(["tex"] if self.latex else []))

    def table(self, tables: "Tables") -> "pd.DataFrame":
        """The numbers that are drawn."""
        return cast("pd.DataFrame", self._function("table")(tables))

    def draw(self, tables: "Tables") -> "Figure":
        """The figure."""
        return cast("Figure", self._function("draw")(tables))

    def tex(self, tables: "Tables") -> str:
        """The table as LaTeX."""
        return cast(str, self._function("tex")(tables))

    def finding(self, tables: "Tables") -> str:
        """What these runs found, in numbers: a first line, then details line by line."""
        return cast(str, self._function("finding")(tables))

    def notes(self, tables: "Tables") -> list[str]:
        """What is left out, and choices a reader should know."""
        return cast(list[str], self._function("notes")(tables))

    def _function(self, name: str) -> Callable[["Tables"], Any]:
        return cast(Callable[["Tables"], Any], getattr(import_module(f"off2on.figures.{self.name}"), name))


FIGURES = {
    spec.name: spec
    for spec in (
        FigureSpec(
            "fig_1a",
            "Figure 1a: online data is not like offline data",
            "Log-likelihood of state-action pairs under a variational autoencoder of the offline data: held-out "
            "offline pairs against pairs that the CQL agent meets online.",
            "On halfcheetah-random there is a clear gap between the two.",
        ),
        FigureSpec(
            "fig_1b",
            "Figure 1b: which samples to fine-tune on",
            "Average return of one CQL agent, fine-tuned with SAC's losses on halfcheetah-medium: from online "
            "samples only, or from offline and online samples uniformly.",
            "Online only drops at once, from about 4500 to below 3000. Uniform is stable at first, then slow, and "
            "ends lower.",
        ),
        FigureSpec(
            "fig_1c",
            "Figure 1c: a pessimistic or a neutral Q to start from",
            "Average return of one agent with balanced replay on halfcheetah. Its policy comes from CQL; its "
            "Q-function from CQL (pessimistic) or from fitted Q evaluation of that policy (neutral).",
            "The two are alike on random data. On medium-expert data the neutral one loses the initial policy and "
            "falls to a return of zero at one point.",
        ),
        FigureSpec(
            "fig_2",
            "Figure 2: the method",
            "N agents are pre-trained offline by CQL and become one ensemble. Online, a density ratio network "
            "gives priority to offline transitions that look like online ones, and SAC updates the whole ensemble "
            "on minibatches drawn by priority.",
            "The paper's Figure 2 illustrates its method; nothing is measured in it.",
        ),
        FigureSpec(
            "fig_3",
            "Figure 3: main comparison",
            "Average return of deterministic evaluation episodes during online fine-tuning, one panel per task "
            "and dataset. SAC learns from scratch and is the same in every panel of a task.",
            "Ours is best on most tasks, in speed and in final return, and well above SAC-ft. AWAC and BCQ-ft are "
            "competitive on medium-expert data, and below SAC on random data. Ours can be unstable at first on "
            "narrow data (medium-expert). 250k steps, 4 seeds, N = 5.",
        ),
        FigureSpec(
            "fig_4a",
            "Figure 4a: which data balanced replay uses",
            "Share of offline transitions in the minibatches of Ours, averaged over all minibatches between two "
            "evaluations.",
            "On random data the offline share falls quickly towards zero; on medium-expert data offline samples "
            "are replayed throughout.",
        ),
        FigureSpec(
            "fig_4b",
            "Figure 4b: what the ensemble knows about unseen actions",
            "AUROC of Q-values that tell the state-action pairs seen online from the same states with random "
            "actions: the ensemble against a single member, the mean over all of them.",
            "The ensemble separates the two better than a single Q-function.",
        ),
        FigureSpec(
            "fig_4c",
            "Figure 4c: how samples are drawn",
            "Average return with balanced replay, with uniform samples of offline and online data, and with "
            "online samples only. All three use the same ensemble.",
            "Balanced replay is best; uniform and online-only sampling are slow and unstable.",
        ),
        FigureSpec(
            "fig_4d",
            "Figure 4d: how many agents",
            "Average return of Ours with N agents in the ensemble. The N agents are the first N of the same "
            "pre-training.",
            "More agents are better.",
        ),
        FigureSpec(
            "fig_6",
            "Figure 6: the locomotion tasks",
            "Each task as MuJoCo draws it.",
            "The paper's text does not mention its Figure 6; we read it as pictures of the locomotion tasks.",
        ),
        FigureSpec(
            "fig_8",
            "Figure 8: CQL's regularisation online",
            "Average return of Ours, which drops CQL's penalty when fine-tuning starts (No reg), and of the same "
            "with the penalty kept (CQL reg). Balanced replay in both.",
            "The penalty blocks improvement.",
        ),
        FigureSpec(
            "fig_9",
            "Figure 9: which data balanced replay uses, all tasks",
            "Figure 4a for all tasks: share of offline transitions in the minibatches of Ours, a curve a dataset.",
            "How much offline data is used depends on how relevant it is, with the same trends on all tasks.",
        ),
        FigureSpec(
            "fig_10",
            "Figure 10: what the ensemble knows about unseen actions, all tasks",
            "Figure 4b for all tasks and datasets: AUROC of Q-values that tell online pairs from random actions.",
            "The ensemble is above a single Q-function.",
        ),
        FigureSpec(
            "fig_11",
            "Figure 11: how samples are drawn, all tasks",
            "Figure 4c for all tasks and datasets: average return with three ways of sampling, and the ensemble "
            "in all of them.",
            "Balanced replay gains most on hopper and walker2d.",
        ),
        FigureSpec(
            "fig_12",
            "Figure 12: how many agents, all tasks",
            "Figure 4d for all tasks and datasets: average return of Ours with N agents.",
            "Returns grow with N; N = 5 was chosen for its cost.",
        ),
        FigureSpec(
            "fig_13",
            "Figure 13: which data to start from, in the long run",
            "Average return on halfcheetah of Ours, and of the same ensemble with Q-functions from fitted Q "
            "evaluation. One million environment steps at scale paper; other scales show their normal runs.",
            "Ours reaches about 15k from random data and about 12k from medium and medium-replay, where "
            "medium-replay ends lowest. FQE init ends alike, but clearly lower on random, and drops at first on "
            "medium and medium-expert.",
        ),
        FigureSpec(
            "fig_14",
            "Figure 14: two density ratios",
            "Average return of Ours with priorities from the ratio of online to offline density, and from that of "
            "online density to an equal mixture of both. The paper's formula of the second is not known to us.",
            "The two are alike in most cases.",
        ),
        FigureSpec(
            "table_b",
            "Appendix B: what an ensemble costs",
            "Time of a gradient step and of an action, and memory, with N agents: all of them in one batched "
            "product a layer, as this project has it, and as a loop over separate networks.",
            "Its Appendix B gives the cost; its numbers are not known to us.",
            latex=True,
        ),
    )
}


def get_figure(name: str) -> FigureSpec:
    """The figure of that name.

    Raises:
        Off2OnError: there is none.
    """
    if name not in FIGURES:
        raise Off2OnError(f"unknown figure '{name}'; known figures: {', '.join(FIGURES)}")
    return FIGURES[name]


def draw(name: str, layout: Layout) -> Path:
    """Draw one figure from the tables: `figures/<scale>/<source>/<name>` with each of its endings.

    Returns:
        the path of the SVG.

    Raises:
        Off2OnError: unknown figure, tables missing, or a file cannot be written.
    """
    spec = get_figure(name)
    from off2on.analysis.tables import read_tables
    from off2on.figures.style import save, style_context
    from off2on.files import write_text

    tables = read_tables(layout.analysis)
    with style_context():
        save(spec.draw(tables), spec.table(tables), layout.figures / name)
    if spec.latex:
        write_text(layout.figures / f"{name}.tex", spec.tex(tables))
    return layout.figures / f"{name}.svg"
