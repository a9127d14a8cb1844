"""Figures: which runs they draw, what they say about them, and files that do not change."""

import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from off2on.analysis.tables import Tables
from off2on.envs.tasks import TASKS, names_of
from off2on.errors import Off2OnError
from off2on.figures.drawing import draw
from off2on.figures.panels import return_limits, seeds_note
from off2on.figures.registry import FIGURES, get_figure
from off2on.figures.spec import DATASETS
from off2on.figures.style import DATASET_STYLES, method_style, style_context
from off2on.figures.words import mean_std
from off2on.methods import METHODS
from off2on.reading import Reading
from tests.unit.synthetic_results import Tree, aggregated


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("quick"))


@pytest.fixture(scope="module")
def quick(tree: Tree) -> Tables:
    return aggregated(tree)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    methods = ("ours", "awac", "sac-ft", "sac", "uniform", "online-only", "my-idea")
    return aggregated(
        Tree(
            tmp_path_factory.mktemp("wide"),
            "laptop",
            tasks=tuple(names_of("locomotion")),
            methods=methods,
            seeds=1,
            epochs=2,
        )
    )


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


# ------------------------------------------------------------------------------------------------ Figure 3


def test_fig_3_has_a_panel_per_task_and_dataset(wide: Tables) -> None:
    figure = FIGURES["fig_3"].draw(wide)
    assert titles(figure) == [f"{task}-{data}" for task in names_of("locomotion") for data in DATASETS]
    assert legend(figure) == ["Ours", "AWAC", "SAC-ft", "SAC", "MY-IDEA"]


def test_fig_3_leaves_ablations_out_and_draws_scratch_everywhere(quick: Tables) -> None:
    assert set(FIGURES["fig_3"].table(quick)["method"]) == {"ours", "sac-ft", "sac"}
    scratch = quick.runs.loc[quick.runs["method"] == "sac", "return_final"]
    for axes in FIGURES["fig_3"].draw(quick).axes:
        means = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
        assert len(axes.get_lines()) == 3 * len(means)  # and one of each of the two seeds
        lines = {str(line.get_label()): line.get_ydata() for line in means}
        assert lines.keys() == {"Ours", "SAC-ft", "SAC"}
        assert sum(lines["SAC"][-2:]) / 2 == pytest.approx(scratch.mean())


def test_fig_3_says_what_is_missing(quick: Tables) -> None:
    notes = " | ".join(FIGURES["fig_3"].notes(quick))
    assert "no runs, so no panel: all of hopper, all of walker2d |" in notes
    assert "halfcheetah-random" not in notes
    assert notes.endswith("ensembles have N = 3 agents")
    assert "no runs, so no curve: AWAC; BCQ-ft" in notes
    curves = quick.curves.query("not (method == 'sac-ft' and dataset == 'random' and seed == 0)")
    assert "fewer than 2 seeds: SAC-ft on halfcheetah-random (1)" in FIGURES["fig_3"].notes(
        replace(quick, curves=curves)
    )


def test_fig_3_finding_gives_the_numbers(quick: Tables) -> None:
    head, *lines = FIGURES["fig_3"].finding(quick).splitlines()
    assert "Ours ends highest in 4 of 4 panels" in head
    ours = quick.runs[(quick.runs["method"] == "ours") & (quick.runs["dataset"] == "medium")]["return_final"]
    assert f"Ours: {ours.mean():.0f} ± {ours.std():.0f}" in next(
        li for li in lines if "cheetah-medium (n = 2)" in li
    )


def test_fig_3_tells_a_baseline_from_a_method_with_the_same_label(quick: Tables) -> None:
    curves = quick.curves.query("method == 'ours'").assign(method="mine")
    both = replace(quick, curves=pd.concat([quick.curves, curves]))
    assert legend(FIGURES["fig_3"].draw(both)) == ["Ours", "SAC-ft", "SAC", "Ours (mine)"]


# ------------------------------------------------------------------------------------------- Figures 4a-4c


def test_fig_4_prefers_walker2d(wide: Tables, quick: Tables) -> None:
    for name in ("fig_4a", "fig_4b", "fig_4c"):
        assert set(FIGURES[name].table(wide)["task"]) == {"walker2d"}
        assert set(FIGURES[name].table(quick)["task"]) == {"halfcheetah"}


def test_fig_4a_compares_random_with_medium_expert(quick: Tables) -> None:
    assert legend(FIGURES["fig_4a"].draw(quick)) == ["random", "medium-expert"]
    # the made-up share is exp(-2.5) and 0.98 exp(-2.5) in the last epoch of random data
    head, line = FIGURES["fig_4a"].finding(quick).splitlines()
    assert head.startswith("Offline share at the last evaluation")
    assert "random: last 8.1 ± 0.1 %, first 60.0 ± 0.9 %" in line
    assert "medium-expert minus random +81.5 ± 1.2 points" in line


def test_fig_4a_with_one_dataset_draws_it_and_says_so(tmp_path: Path) -> None:
    tables = aggregated(Tree(tmp_path, datasets=("random",), methods=("ours",), seeds=1))
    assert legend(FIGURES["fig_4a"].draw(tables)) == ["random"]
    assert "no runs, so no curve: medium-expert" in FIGURES["fig_4a"].notes(tables)
    assert "minus" not in FIGURES["fig_4a"].finding(tables)


def test_fig_4b_compares_the_ensemble_with_one_member(quick: Tables) -> None:
    table = FIGURES["fig_4b"].table(quick)
    assert set(table["arm"]) == {"Q-ensemble", "single Q"}
    assert legend(FIGURES["fig_4b"].draw(quick)) == ["Q-ensemble", "single Q"]
    head, line = FIGURES["fig_4b"].finding(quick).splitlines()
    assert head.startswith("AUROC averaged over the run")
    assert "Q-ensemble minus single Q +0.05" in line
    assert "N = 3 members" in FIGURES["fig_4b"].notes(quick)[-1]


def test_fig_4c_takes_the_dataset_with_the_most_arms(quick: Tables) -> None:
    curves = quick.curves[(quick.curves["method"] == "ours") | (quick.curves["dataset"] == "random")]
    assert set(FIGURES["fig_4c"].table(quick)["dataset"]) == {"medium"}
    part = replace(quick, curves=curves)
    assert titles(FIGURES["fig_4c"].draw(part)) == ["halfcheetah-random"]
    assert legend(FIGURES["fig_4c"].draw(part)) == ["Balanced", "Uniform", "Online only"]
    assert "Balanced minus Online only +" in FIGURES["fig_4c"].finding(quick)


# ----------------------------------------------------------------------------------------------- all figures


def test_the_same_tables_give_the_same_bytes(tree: Tree, quick: Tables) -> None:
    stem = draw("fig_4c", tree.layout).with_suffix("")
    endings = get_figure("fig_4c").endings
    first = {ending: stem.with_suffix(f".{ending}").read_bytes() for ending in endings}
    draw("fig_4c", tree.layout)
    assert first == {ending: stem.with_suffix(f".{ending}").read_bytes() for ending in endings}
    assert not re.search(rb"CreationDate|dc:date|20\d\d-\d\d-\d\dT", first["svg"] + first["pdf"] + first["png"])
    assert b"halfcheetah-medium" in first["svg"]  # text stays text
    assert set(pd.read_csv(stem.with_suffix(".csv"))["method"]) == {"ours", "uniform", "online-only"}


def test_unknown_figure() -> None:
    with pytest.raises(
        Off2OnError, match=r"unknown figure 'fig_99'; did you mean 'fig_9'. known figures: .*fig_3, fig_4a"
    ):
        get_figure("fig_99")


def test_every_method_has_its_own_look() -> None:
    own = {name: method.style for name, method in METHODS.items()}
    for styles in (own, DATASET_STYLES):
        shapes = [(style.dash, style.marker) for style in styles.values()]
        assert len(set(shapes)) == len(shapes), "two have the same dash and marker"
    named = [(style.colour, name) for name, style in own.items()]
    for (colour, first), (other, second) in combinations(named, 2):
        one, two = METHODS[first], METHODS[second]
        alike = (one.sampler, one.start) == (two.sampler, two.start)
        assert colour != other or (alike and one.sampler != "balanced"), f"{first} and {second} have one colour"
    of_datasets = [style.colour for style in DATASET_STYLES.values()]
    assert len({*of_datasets, *(colour for colour, _ in named)}) == 4 + len({colour for colour, _ in named})
    assert method_style("my-idea") == method_style("my-idea")
    assert method_style("my-idea").colour not in {style.colour for style in own.values()}


def test_a_sampler_has_one_colour_in_all_figures() -> None:
    assert METHODS["sac-ft"].style.colour == METHODS["uniform"].style.colour
    assert METHODS["sac-ft-online"].style.colour == METHODS["cql-ft"].style.colour
    assert METHODS["cql-reg-online"].style.colour == METHODS["online-only"].style.colour


def test_axes_of_returns_hold_the_random_policy_and_are_the_same_for_a_task(quick: Tables, wide: Tables) -> None:
    random, expert = TASKS["halfcheetah"].random_return, TASKS["halfcheetah"].expert_return
    for name in ("fig_3", "fig_4c"):
        limits = {axes.get_ylim() for axes in FIGURES[name].draw(quick).axes if axes.get_title()}
        assert len(limits) == 1
        assert limits.pop()[0] <= random
    drawn = FIGURES["fig_3"].draw(wide)
    for task in names_of("locomotion"):
        assert len({a.get_ylim() for a in drawn.axes if a.get_title().startswith(task)}) == 1
    low, high = return_limits("halfcheetah", [0.9 * random + 0.1 * expert])
    assert (high - random) / (expert - random) == pytest.approx(0.1, abs=0.01)
    assert low < random


def test_the_score_on_the_right_stands_at_the_ticks_of_the_return(quick: Tables) -> None:
    with style_context():
        figure = FIGURES["fig_4c"].draw(quick)
        figure.draw_without_rendering()
    (axes,) = (axes for axes in figure.axes if axes.get_title())
    (right,) = axes.child_axes
    low, high = axes.get_ylim()
    at = [tick for tick in axes.get_yticks() if low <= tick <= high]
    task = TASKS["halfcheetah"]
    assert right.get_yticks().tolist() == pytest.approx([task.normalized(value) for value in at])


def test_what_a_scale_cannot_compare_is_said_in_the_picture(quick: Tables) -> None:
    unfair = replace(quick, reading=Reading(not_comparable={"sac-ft": "half the steps"}))
    title = FIGURES["fig_3"].draw(unfair).get_suptitle()
    assert "Not comparable at this scale: SAC-ft (half the steps)." in title
    assert "Not comparable" not in FIGURES["fig_4c"].draw(unfair).get_suptitle()
    assert (
        "tiny"
        in FIGURES["fig_4c"].draw(replace(quick, reading=Reading(verdicts=False, shows="tiny"))).get_suptitle()
    )


def test_few_seeds_are_lines_and_more_are_a_band() -> None:
    assert mean_std([1, 2, 3]) == "2 ± 1"
    assert mean_std([5.0]) == "5"
    assert seeds_note([1]) == "one seed"
    assert seeds_note([1, 3]) == "mean; thin lines: single seeds, n = 1 to 3"
    assert seeds_note([4, 4]) == "mean, band: ± 1 std over n = 4 seeds"


def test_nothing_here_imports_torch(tree: Tree, quick: Tables) -> None:
    program = f"""
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
import off2on.results, off2on.analysis.tables, off2on.figures.registry
light = sorted({{"pandas", "matplotlib", "numpy"}} & set(sys.modules))
assert not light, f"heavy imports: {{light}}"
from off2on.analysis.aggregate import aggregate
from off2on.analysis.tables import read_tables
from off2on.figures.drawing import draw
from off2on.figures.registry import FIGURES
from off2on.figures.report import build_report
from off2on.paths import Layout
layout = Layout("quick", "local", Path({str(tree.root)!r}))
aggregate(layout.results.glob("*/*/*/*/seed*"), layout.analysis)
for spec in FIGURES.values():
    spec.finding(read_tables(layout.analysis))
draw("fig_4a", layout)
build_report(layout, ["fig_4a"])
assert "torch" not in sys.modules and "gymnasium" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
