"""Figures: which runs they draw, what they say about them, and files that do not change."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from off2on.analysis.tables import Tables
from off2on.envs.tasks import TASKS
from off2on.errors import Off2OnError
from off2on.figures.drawing import draw
from off2on.figures.panels import seeds_note
from off2on.figures.registry import FIGURES, get_figure
from off2on.figures.spec import DATASETS
from off2on.figures.style import DATASET_STYLES, method_style
from off2on.figures.words import against_paper, compare, mean_std
from off2on.methods import METHODS
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
        Tree(tmp_path_factory.mktemp("wide"), "laptop", tasks=tuple(TASKS), methods=methods, seeds=1, epochs=2)
    )


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


# ------------------------------------------------------------------------------------------------ Figure 3


def test_fig_3_has_a_panel_per_task_and_dataset(wide: Tables) -> None:
    figure = FIGURES["fig_3"].draw(wide)
    assert titles(figure) == [f"{task}-{data}" for task in TASKS for data in DATASETS]
    assert legend(figure) == ["Ours", "AWAC", "SAC-ft", "SAC", "MY-IDEA"]


def test_fig_3_leaves_ablations_out_and_draws_scratch_everywhere(quick: Tables) -> None:
    assert set(FIGURES["fig_3"].table(quick)["method"]) == {"ours", "sac-ft", "sac"}
    scratch = quick.runs.loc[quick.runs["method"] == "sac", "return_final"]
    for axes in FIGURES["fig_3"].draw(quick).axes:
        lines = {str(line.get_label()): line.get_ydata() for line in axes.get_lines()}
        assert lines.keys() == {"Ours", "SAC-ft", "SAC"}
        assert sum(lines["SAC"][-2:]) / 2 == pytest.approx(scratch.mean())


def test_fig_3_says_what_is_missing(quick: Tables) -> None:
    notes = " | ".join(FIGURES["fig_3"].notes(quick))
    assert "no runs, so no panel: all of hopper, all of walker2d |" in notes
    assert "halfcheetah-random" not in notes
    assert "no runs, so no curve: AWAC, BCQ-ft" in notes
    assert "were tuned for longer than those of the baselines" in notes
    assert notes.endswith("fewer steps and smaller networks (docs/decisions/0006)")
    elsewhere = [info | {"scale": "paper"} for info in quick.provenance]
    assert "tuned" not in str(FIGURES["fig_3"].notes(replace(quick, provenance=elsewhere)))
    curves = quick.curves.query("not (method == 'sac-ft' and dataset == 'random' and seed == 0)")
    assert "fewer than 2 seeds: SAC-ft on halfcheetah-random (1)" in FIGURES["fig_3"].notes(
        replace(quick, curves=curves)
    )


def test_fig_3_finding_gives_the_numbers(quick: Tables) -> None:
    head, *lines = FIGURES["fig_3"].finding(quick).splitlines()
    assert "Ours ends highest in 4 of 4 panels" in head
    assert "as in the paper" in head
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
    assert "random: last 8.1 ± 0.1 %, first 60.0 ± 0.9 %" in line
    assert head.startswith(
        "Offline share at the last evaluation, medium-expert minus random: halfcheetah +81.5 ± 1.2"
    )
    assert head.endswith("points (n = 2), direction as in the paper.")


def test_fig_4a_with_one_dataset_draws_it_and_says_so(tmp_path: Path) -> None:
    tables = aggregated(Tree(tmp_path, datasets=("random",), methods=("ours",), seeds=1))
    assert legend(FIGURES["fig_4a"].draw(tables)) == ["random"]
    assert FIGURES["fig_4a"].notes(tables)[-1] == "no runs, so no curve: medium-expert"
    assert "no panel has both" in FIGURES["fig_4a"].finding(tables)
    assert "in the paper" not in FIGURES["fig_4a"].finding(tables)


def test_fig_4b_compares_the_ensemble_with_one_member(quick: Tables) -> None:
    table = FIGURES["fig_4b"].table(quick)
    assert set(table["arm"]) == {"Q-ensemble", "single Q"}
    assert legend(FIGURES["fig_4b"].draw(quick)) == ["Q-ensemble", "single Q"]
    head = FIGURES["fig_4b"].finding(quick).splitlines()[0]
    assert head.startswith(
        "AUROC averaged over the run, Q-ensemble minus single Q: halfcheetah-medium-expert +0.05"
    )
    assert head.endswith("as in the paper.")
    assert "N = 3 members" in FIGURES["fig_4b"].notes(quick)[-1]


def test_fig_4c_takes_the_dataset_with_the_most_arms(quick: Tables) -> None:
    curves = quick.curves[(quick.curves["method"] == "ours") | (quick.curves["dataset"] == "random")]
    assert set(FIGURES["fig_4c"].table(quick)["dataset"]) == {"medium"}
    part = replace(quick, curves=curves)
    assert titles(FIGURES["fig_4c"].draw(part)) == ["halfcheetah-random"]
    assert legend(FIGURES["fig_4c"].draw(part)) == ["Balanced", "Uniform", "Online only"]
    assert "Balanced minus Online only: halfcheetah-medium +" in FIGURES["fig_4c"].finding(quick)


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
        for looks in (
            {name: s.colour for name, s in styles.items()},
            {n: (s.dash, s.marker) for n, s in styles.items()},
        ):
            shared = [name for name, look in looks.items() if list(looks.values()).count(look) > 1]
            assert shared == [], "these have the same colour, or the same dash and marker"
    assert method_style("my-idea") == method_style("my-idea")
    assert method_style("my-idea").colour not in {style.colour for style in own.values()}


def test_comparisons_know_the_spread() -> None:
    assert compare([10, 12], [1, 2]) == 1
    assert compare([1, 2], [10, 12]) == -1
    assert compare([10, 12], [9, 12]) == 0
    assert compare([10], [9]) == 1
    assert compare([float("nan")], [9]) == 0
    assert against_paper([1, 1], [2, 2]) == "as in the paper"
    assert against_paper([1], [3]) == "direction as in the paper"
    assert against_paper([-1], [1]) == "direction opposite to the paper (one seed: no spread)"
    assert against_paper([0, 0], [2, 2]).startswith("undecided")
    assert against_paper([1, -1, 0], [2, 2, 2]).startswith("mixed: 1 with the paper, 1 against it, 1 within")
    assert mean_std([1, 2, 3]) == "2 ± 1"
    assert mean_std([5.0]) == "5"
    assert seeds_note([2, 2]) == "mean, band: ± 1 std over n = 2 seeds"
    assert seeds_note([1, 3]) == "mean, band: ± 1 std over n = 1 to 3 seeds"


def test_nothing_here_imports_torch(tree: Tree, quick: Tables) -> None:
    program = f"""
import sys
from dataclasses import replace
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
