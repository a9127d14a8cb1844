"""Figures of curves: panels, cuts, what they say, how they look."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from off2on.analysis.tables import BUDGET, Tables
from off2on.envs.tasks import names_of
from off2on.figures.curve_data import CurveData
from off2on.figures.curve_words import panels_of
from off2on.figures.final_sheets import final_sheets, success_sheet
from off2on.figures.registry import FIGURES
from off2on.figures.run_data import run_data
from off2on.figures.sheets import final_table
from off2on.figures.style import style_context
from off2on.methods import METHODS
from tests.unit.synthetic_results import Tree, aggregated

#: the figures that are curves over environment steps
CURVES = [name for name, spec in FIGURES.items() if spec.curves]
LOCOMOTION = {name for name, spec in FIGURES.items() if spec.curves and spec.curves.family == "locomotion"}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """One task, two seeds, every method."""
    return aggregated(Tree(tmp_path_factory.mktemp("quick"), methods=tuple(METHODS)))


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Three tasks, two seeds, runs of four times the paper's steps, every method."""
    root = tmp_path_factory.mktemp("paper")
    size = {
        "tasks": tuple(names_of("locomotion")),
        "methods": tuple(METHODS),
        "epochs": 4,
        "epoch_steps": BUDGET,
        "members": 5,
    }
    return aggregated(Tree(root, "paper", **size))


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The manipulation tasks, two seeds, the methods of their figures."""
    methods = tuple(name for name, method in METHODS.items() if method.figures.keys() & {"fig_15", "fig_16"})
    tasks = tuple(names_of("manipulation"))
    return aggregated(Tree(tmp_path_factory.mktemp("pixels"), tasks=tasks, methods=methods, epoch_steps=400))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return aggregated(Tree(tmp_path_factory.mktemp("empty"), datasets=("medium-replay",), methods=("awac-n1",)))


def without(tables: Tables, method: str, dataset: str) -> Tables:
    kept = [~((t["method"] == method) & (t["dataset"] == dataset)) for t in (tables.curves, tables.runs)]
    return replace(tables, curves=tables.curves[kept[0]], runs=tables.runs[kept[1]])


# ------------------------------------------------------------------------------------------ manipulation


def test_success_is_drawn_over_steps_and_episodes(pixels: Tables) -> None:
    figure = FIGURES["fig_5a"].draw(pixels)
    assert [axes.get_title() for axes in figure.axes] == [f"{task}-mixed" for task in names_of("manipulation")]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"Ours", "CQL-ft"}
    (top,) = [axes for axes in figure.axes[0].child_axes if axes.get_xlabel() == "episodes"]
    figure.draw_without_rendering()
    # 40 steps an episode
    assert np.allclose(np.array(top.get_xlim()) * 40, figure.axes[0].get_xlim())
    assert FIGURES["fig_5a"].finding(pixels).count("pick-place-mixed") == 1


def test_shares_of_where_samples_come_from_add_up(pixels: Tables) -> None:
    table = FIGURES["fig_17"].table(pixels)
    assert set(table["arm"]) == {"offline, scripted", "offline, random actions", "online"}
    totals = table.groupby(["task", "env_steps"])["mean"].sum()
    assert np.allclose(totals, 1.0)


@pytest.mark.parametrize(("name", "curves"), [("fig_15", 4), ("fig_16", 4), ("fig_5b", 3)])
def test_every_cell_of_an_ablation_is_drawn(pixels: Tables, name: str, curves: int) -> None:
    assert FIGURES[name].table(pixels)["arm"].nunique() == curves


# ------------------------------------------------------------------------------------------------ panels


def test_a_panel_with_one_curve_is_left_out_and_named(quick: Tables) -> None:
    part = without(quick, "cql-reg", "medium")
    assert "halfcheetah-medium" not in [axes.get_title() for axes in FIGURES["fig_8"].draw(part).axes]
    assert "only one curve, so no panel: halfcheetah-medium" in FIGURES["fig_8"].notes(part)


def test_a_curve_that_one_panel_lacks_is_named(quick: Tables) -> None:
    notes = FIGURES["fig_11"].notes(without(quick, "uniform", "random"))
    assert "no runs of Uniform on halfcheetah-random" in notes


def test_a_curve_that_no_panel_has_is_named_only_if_it_has_no_runs(quick: Tables) -> None:
    only_ours = replace(quick, curves=quick.curves[quick.curves["method"] == "ours"])
    assert FIGURES["fig_8"].notes(only_ours)[1:] == [
        "only one curve, so no panel: all of halfcheetah",
        "no runs, so no curve: CQL reg",
    ]


def test_figures_of_all_tasks_say_that_one_panel_is_the_main_texts(quick: Tables, paper: Tables) -> None:
    assert "one panel at this scale, the same as in Figure 4a" in FIGURES["fig_9"].notes(quick)
    assert not any("one panel" in note for note in FIGURES["fig_9"].notes(paper))
    # then Figure 4a has none
    medium = replace(quick, curves=quick.curves[quick.curves["dataset"] == "medium"])
    assert not any("one panel" in note for note in FIGURES["fig_9"].notes(medium))
    assert [axes.get_title() for axes in FIGURES["fig_9"].draw(paper).axes] == names_of("locomotion")


def test_curves_end_at_the_papers_steps_but_for_figure_13(paper: Tables) -> None:
    assert FIGURES["fig_13"].table(paper)["env_steps"].max() == 4 * BUDGET
    assert "Figure 13" not in " ".join(FIGURES["fig_13"].notes(paper))
    for figure in (FIGURES[name] for name in ("fig_3", "fig_8", "fig_12")):
        assert figure.table(paper)["env_steps"].max() == BUDGET
        assert any("stop at 250,000 environment steps" in note for note in figure.notes(paper))
    first, second = (
        paper.curves.query(
            f"method == 'ours' and dataset == 'random' and task == 'hopper' and env_steps == {steps}"
        )
        for steps in (0, BUDGET)
    )
    final = (first["return_mean"].to_numpy() + second["return_mean"].to_numpy()).mean() / 2
    line = next(line for line in FIGURES["fig_8"].finding(paper).splitlines() if line.startswith("hopper-random"))
    assert f"No reg: {final:.0f} ± " in line


def test_an_ensemble_size_is_drawn_once_as_the_runs_have_it(quick: Tables, paper: Tables) -> None:
    for tables, methods in ((quick, {1: "ours-n1", 2: "ours-n2", 3: "ours", 5: "ours-n5"}),
                            (paper, {1: "ours-n1", 2: "ours-n2", 3: "ours-n3", 5: "ours"})):  # fmt: skip
        drawn = (
            FIGURES["fig_12"].table(tables)[["arm", "method"]].drop_duplicates().itertuples(index=False, name=None)
        )
        assert dict(drawn) == {f"N = {size}": method for size, method in methods.items()}
    assert next(text.get_text() for text in FIGURES["fig_4d"].draw(quick).legends[0].get_texts()) == "N = 5"


# ----------------------------------------------------------------------------------------------- findings


def test_figure_1b_gives_the_lowest_of_the_first_epochs_as_its_claims_have_it(quick: Tables) -> None:
    curves = quick.curves.query("method == 'sac-ft-online' and dataset == 'medium'").sort_values("env_steps")
    first_epochs = curves[curves["env_steps"].between(1, 0.4 * curves["env_steps"].max())]
    lowest = first_epochs.groupby("seed")["return_mean"].min()
    head, line = FIGURES["fig_1b"].finding(quick).splitlines()
    assert f"Online only (N = 1): early lowest {lowest.mean():.0f} ± {lowest.std():.0f}, first" in line
    assert "Online only (N = 1) minus Uniform (N = 1) -" in line
    assert head.startswith("Lowest return in the first epochs")


def test_the_mean_over_a_run_is_that_of_the_claims(quick: Tables) -> None:
    runs = quick.curves.query("method == 'uniform' and dataset == 'medium'").sort_values("env_steps")
    areas = [np.trapezoid(run["return_mean"], run["env_steps"]) / 5000 for _, run in runs.groupby("seed")]
    lines = FIGURES["fig_11"].finding(quick).splitlines()
    line = next(text for text in lines if text.startswith("halfcheetah-medium ("))
    assert f"mean over the run {np.mean(areas):.0f} ± {np.std(areas, ddof=1):.0f}" in line


def test_a_picked_panel_says_how_and_one_without_runs_that_there_are_none(quick: Tables) -> None:
    assert any("walker2d in case of a tie" in note for note in FIGURES["fig_4c"].notes(quick))
    absent = ", ".join(f"{task}-mixed" for task in names_of("manipulation"))
    assert FIGURES["fig_5b"].notes(quick) == [f"no runs, so no panel: {absent}"]


def test_only_the_first_epochs_count_as_early(quick: Tables) -> None:
    later = [
        quick.curves.assign(env_steps=quick.curves["env_steps"] + 6000 * i, return_mean=5000.0) for i in (1, 2)
    ]
    later[1]["return_mean"] = -1e6
    longer = replace(quick, curves=pd.concat([quick.curves, *later]))
    arm = panels_of(CurveData(FIGURES["fig_1b"], longer))[0].curves["Uniform (N = 1)"]
    assert (arm["lowest"] == -1e6).all()
    assert (arm["early_minimum"] > 0).all()


def test_the_difference_flips_with_the_labels(quick: Tables) -> None:
    swap = {"ours": "cql-reg", "cql-reg": "ours"}
    swapped = replace(quick, curves=quick.curves.assign(method=quick.curves["method"].replace(swap)))
    assert "No reg minus CQL reg +" in FIGURES["fig_8"].finding(quick)
    assert "No reg minus CQL reg -" in FIGURES["fig_8"].finding(swapped)


def test_differences_are_paired_by_seed(quick: Tables) -> None:
    """Two arms that differ by the same amount in every seed differ for sure, however far seeds are apart."""
    ours = quick.curves.query("method == 'ours'")
    ours = ours.assign(return_mean=ours["return_mean"] + 10_000 * ours["seed"])
    other = ours.assign(method="cql-reg", return_mean=ours["return_mean"] - 5)
    _, first, *_ = FIGURES["fig_8"].finding(replace(quick, curves=pd.concat([ours, other]))).splitlines()
    assert first.endswith("No reg minus CQL reg +5 ± 0")


@pytest.mark.parametrize("name", CURVES)
def test_a_finding_gives_numbers_and_leaves_the_verdict_to_the_claims(quick: Tables, name: str) -> None:
    words = ("paper", "support", "contradict", "undecided", "direction", "within the spread")
    assert not [word for word in words if word in FIGURES[name].finding(quick)]


# ------------------------------------------------------------------------------------------------- looks


@pytest.mark.parametrize("name", CURVES)
def test_a_figure_without_runs_says_so(empty: Tables, name: str) -> None:
    spec = FIGURES[name]
    (text,) = spec.draw(empty).texts
    assert text.get_text().startswith(f"Figure {name.removeprefix('fig_')}: no ")
    assert spec.table(empty).empty
    assert spec.finding(empty).startswith("Nothing: this scale has no ")
    assert any("no curve" in note or "no panel" in note or "not name" in note for note in spec.notes(empty))


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        *(("quick" if name in LOCOMOTION else "pixels", name) for name in CURVES),
        *(("paper", "fig_3"), ("paper", "fig_9")),
    ],
)
def test_nothing_runs_into_anything(request: pytest.FixtureRequest, shape: str, name: str) -> None:
    """Titles, labels and legend lie in the figure, panels beside their neighbours, curves in their panels."""
    with style_context():
        figure = FIGURES[name].draw(request.getfixturevalue(shape))
        figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.axison]
    boxes.append(figure.legends[0].get_window_extent())
    for i, box in enumerate(boxes):
        assert box is not None
        assert figure.bbox.padded(1).contains(box.x0, box.y0)
        assert figure.bbox.padded(1).contains(box.x1, box.y1)
        assert not any(box.padded(-1).overlaps(other) for other in boxes[:i])
    for axes in figure.axes:
        left, right = axes.get_xlim()
        assert all(
            left <= x <= right for line in axes.get_lines() for x in np.asarray(line.get_xdata(), dtype=float)
        )


#: linear RGB as seen without the M or L cones (Machado, Oliveira and Fernandes 2009, severity 1)
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
SIGHTS = (np.eye(3), np.array(DEUTERANOPIA), np.array(PROTANOPIA))


def lab(colour: str, sight: np.ndarray) -> np.ndarray:
    """CIELAB of a colour as someone sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.clip(sight @ np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / np.array([0.9505, 1, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colours: Sequence[str]) -> float:
    """The smallest CIELAB distance of two of the colours to readers with and without colour blindness."""
    pairs = list(combinations(colours, 2))
    return min(float(np.linalg.norm(lab(a, sight) - lab(b, sight))) for a, b in pairs for sight in SIGHTS)


@pytest.mark.parametrize("name", CURVES)
def test_colour_blind_readers_can_tell_the_curves_of_a_figure_apart(paper: Tables, name: str) -> None:
    assert nearest([curve.style.colour for curve in CurveData(FIGURES[name], paper).curves]) > 15
    assert nearest([METHODS["online-only"].style.colour, "#5a2000"]) < 15  # what the test would not let pass


def test_the_final_table_of_success_has_both_kinds_and_the_start(pixels: Tables, quick: Tables) -> None:
    sheet = success_sheet(pixels)
    assert sheet is not None
    assert [row[0] for row in sheet.rows] == [f"{task}-mixed" for task in sorted(names_of("manipulation"))]
    cell = sheet.rows[0][1]
    # success grows in five steps to 0.9 and 1; the last two evaluations
    assert (cell.text, cell.below) == ("81% (90%)", "from 0%")
    assert success_sheet(quick) is None


def test_tasks_without_scores_have_returns_alone(pixels: Tables, quick: Tables) -> None:
    final = pd.concat([final_table(quick), final_table(pixels)])
    returns, scores = (
        {row[0].split("-")[0] for row in sheet.rows if isinstance(row[0], str)}
        for sheet in final_sheets(final, quick)
    )
    assert returns - scores == {"pick", "grasp"}
    assert "halfcheetah" in scores


def test_the_curves_of_runs_from_pixels_are_of_success(pixels: Tables, quick: Tables) -> None:
    places = Path("results"), Path("logs"), Path("figures")
    group = run_data(pixels, *places)["groups"]["runs/pick-place/mixed/ours"]
    assert group["value"] == "success at the last step, %"
    own = pixels.curves.query("task == 'pick-place' and method == 'ours' and seed == 0")
    assert group["seeds"][0]["y"] == (100 * own["success_last"]).round(1).tolist()
    others = run_data(quick, *places)["groups"].values()
    assert {other["value"] for other in others} == {"average return"}
