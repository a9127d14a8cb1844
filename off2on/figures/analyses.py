"""The four analyses of Figure 4, which Figures 9 to 12 show for all tasks."""

from collections.abc import Callable

from off2on.analysis.tables import Tables
from off2on.figures.curve_figure import AUROC, DATASETS, SHARE, TASKS, Arm, CurveFigure, by_method
from off2on.figures.panels import select
from off2on.figures.style import DATASET_STYLES, METHOD_STYLES, method_style

#: of two methods with the same N the last is drawn: the ensemble of the scale's size
SIZES = ("ours-n1", "ours-n2", "ours-n3", "ours-n5", "ours")
#: which dataset the main text's panel is drawn for, where several have all curves
PREFERRED = ("medium", "medium-replay", "medium-expert", "random")


def shares(*datasets: str) -> Callable[[Tables], list[Arm]]:
    """The offline share in the minibatches of Ours, a curve per dataset."""
    arms = [Arm(data, "ours", DATASET_STYLES[data], "offline_fraction", data) for data in datasets]
    return lambda _: arms


def aurocs(_: Tables) -> list[Arm]:
    """The ensemble and its members one by one, in runs of Ours."""
    return [
        Arm("Q-ensemble", "ours", METHOD_STYLES["ours"], "q_auroc"),
        Arm("single Q", "ours", METHOD_STYLES["ours-n1"], "q_auroc_single"),
    ]


def sizes(tables: Tables) -> list[Arm]:
    """Ours with ensembles of several sizes, the largest first; N as the runs have it."""
    members = _members(tables)
    found = {
        members[name]: Arm(f"N = {members[name]}", name, method_style(name)) for name in SIZES if name in members
    }
    return [found[size] for size in sorted(found, reverse=True)]


def _members(tables: Tables) -> dict[str, int]:
    runs = select(tables.runs, task=TASKS, method=SIZES)
    return dict(zip(runs["method"], runs["members"], strict=True))


def auroc_notes(tables: Tables) -> list[str]:
    """What the two Q-functions are."""
    size = _members(tables).get("ours")
    return [
        f"ensemble: mean over N = {size} members of the smaller of two Q-functions; single: the AUROC "
        "of one member of the same run, averaged over its members"
    ] * (size is not None)


BUFFER = CurveFigure(
    "Figure 9",
    "runs of Ours",
    shares(*DATASETS),
    SHARE,
    panel=("task",),
    least=1,
    statistics=("last", "first"),
    main="medium-expert",
    against=("random",),
    extends="Figure 4a",
)
ENSEMBLE = CurveFigure(
    "Figure 10", "runs of Ours with AUROC", aurocs, AUROC, statistics=("mean", "last"), extends="Figure 4b"
)
SAMPLING = CurveFigure(
    "Figure 11",
    "dataset with two ways of sampling",
    by_method(ours="Balanced", uniform="Uniform", online_only="Online only"),
    statistics=("final", "mean", "lowest", "first"),
    extends="Figure 4c",
)
SIZE = CurveFigure("Figure 12", "dataset with two ensemble sizes", sizes, extends="Figure 4d")
