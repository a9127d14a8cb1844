"""The table of figures: which runs each draws, and how methods and tasks get into it."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from off2on.algorithms import get_algorithm, get_offline
from off2on.analysis.aggregate import gather_tables
from off2on.cli import main
from off2on.envs.tasks import TASKS, names_of
from off2on.figures.curve_data import CurveData
from off2on.figures.drawing import draw, finished
from off2on.figures.registry import FIGURES
from off2on.methods import METHODS
from off2on.samplers import get_sampler
from tests.unit.synthetic_results import Tree, run_info, write_job

ROWS = [{"env_steps": i, "gradient_steps": i, "eval_episodes": 5, "return_mean": 9.0 + i} for i in (0, 1000)]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(
        tmp_path, datasets=("random", "medium"), methods=("ours", "sac", "uniform", "idea"), seeds=1
    ).write()


def add_run(tree: Tree, task: str, dataset: str, method: str, **settings: Any) -> Path:
    info = run_info("finetune", tree.scale, tree.source, task, dataset, method, 0)
    info["method_settings"] |= settings
    return write_job(tree.layout.run(task, dataset, method, 0), info, ROWS)


def drawn(tree: Tree, name: str) -> set[str]:
    """Task/dataset/method of the finished runs that a figure reads."""
    return {"/".join(path.parts[-4:-1]) for path in finished(FIGURES[name], tree.layout)}


# --------------------------------------------------------------------------------------------- what it reads


def test_a_figure_draws_its_own_methods_on_its_own_tasks_and_datasets() -> None:
    draws = {name: spec.draws for name, spec in FIGURES.items()}
    assert draws["fig_3"]("hopper", "medium", "ours")
    assert draws["fig_3"]("hopper", "none", "sac")
    assert not draws["fig_3"]("hopper", "medium", "uniform")
    assert draws["fig_11"]("hopper", "medium", "uniform")
    assert draws["fig_4c"]("hopper", "medium", "uniform")  # a panel of Figure 11
    assert not draws["fig_1b"]("hopper", "medium", "sac-ft")
    assert not draws["fig_1b"]("halfcheetah", "random", "sac-ft")
    assert draws["fig_1b"]("halfcheetah", "medium", "sac-ft")
    assert not draws["fig_4b"]("hopper", "random", "ours")
    assert [name for name in draws if draws[name]("hopper", "medium", "awac-n1")] == []


def test_a_method_of_somebody_else_is_drawn_in_figure_3_unless_it_says_otherwise() -> None:
    def where(**elsewhere: Any) -> list[str]:
        return [name for name, spec in FIGURES.items() if spec.draws("hopper", "medium", "idea", **elsewhere)]

    assert where() == ["fig_3", "fig_x0"]
    assert where(figures_of_stranger=["fig_8", "fig_11"]) == ["fig_4c", "fig_8", "fig_11"]
    assert where(figures_of_stranger=()) == []


def test_figures_name_what_they_need() -> None:
    needs = {name: set(spec.needs) for name, spec in FIGURES.items() if not spec.curves}
    assert needs == {
        "fig_1a": {"likelihoods"},
        "fig_2": set(),
        "fig_6": {"renders"},
        "fig_7": {"renders", "films"},
        "fig_x0": {"runs"},
        "table_b": {"cost"},
    }
    assert {spec.needs for spec in FIGURES.values() if spec.curves} == {frozenset({"runs"})}


def test_the_entries_of_methods_name_figures_that_exist_and_have_panels_of_their_own() -> None:
    named = {name for method in METHODS.values() for name in method.figures}
    own = {name for name, spec in FIGURES.items() if spec.curves and not spec.curves.panel_of}
    assert named == own
    for name, spec in FIGURES.items():
        assert spec.methods_as in own or not spec.curves, name
        labels = [method.figures[name] for method in METHODS.values() if name in method.figures]
        assert len(set(labels)) == len(labels) or name == "fig_12", name  # there the size tells them apart


def test_every_figure_of_curves_has_a_method_that_it_draws() -> None:
    named = {name for method in METHODS.values() for name in method.figures}
    empty = [name for name, spec in FIGURES.items() if spec.curves and spec.methods_as not in named]
    assert empty == [], "name these figures in the `figures` of the methods that they draw (off2on/methods.py)"


def test_every_method_is_made_of_parts_that_exist() -> None:
    for method in METHODS.values():
        assert get_algorithm(method.online).online, f"{method.name}: {method.online} has no online phase"
        assert method.start is None or get_offline(method.start), method.name
        assert get_sampler(method.sampler), method.name


def test_only_the_paper_s_figures_of_one_task_have_a_task_of_their_own() -> None:
    tasks = {name: list(spec.curves.tasks) for name, spec in FIGURES.items() if spec.curves}
    families = {name: tasks.pop(name) for name in ("fig_5a", "fig_5b", "fig_15", "fig_16", "fig_17")}
    assert set(map(tuple, families.values())) == {tuple(names_of("manipulation"))}
    one = {name: found for name, found in tasks.items() if found != names_of("locomotion")}
    assert one == {name: ["halfcheetah"] for name in ("fig_1b", "fig_1c", "fig_13")}
    assert names_of("locomotion") == ["halfcheetah", "hopper", "walker2d"]


# ----------------------------------------------------------------------------------- new tasks, new methods


def test_a_new_task_is_in_every_figure_of_all_tasks(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "ant", replace(TASKS["hopper"], name="ant", random_return=0.0, expert_return=100.0))
    add_run(tree, "ant", "medium", "ours")
    assert "ant/medium/ours" in drawn(tree, "fig_3")
    tables = gather_tables(tree.runs(), METHODS)
    figure = FIGURES["fig_3"].draw(tables)
    titles = [axes.get_title() for axes in figure.axes if axes.axison]
    assert titles == ["halfcheetah-random", "halfcheetah-medium", "ant-medium"]
    # the mean of 9 and 1009
    assert "ant-medium (n = 1). Ours: 509" in FIGURES["fig_3"].finding(tables)
    assert tables.runs.set_index("task").loc["ant", "normalized_final"] == 509.0


def test_a_new_method_is_drawn_where_its_entry_says(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    style = replace(METHODS["sac-ft"].style, colour="#123456")
    method = replace(METHODS["sac-ft"], name="iql", label="IQL", style=style, figures={"fig_3": "Implicit"})
    monkeypatch.setitem(METHODS, "iql", method)
    add_run(tree, "halfcheetah", "medium", "iql")
    for name in ("fig_3", "fig_11"):
        assert ("halfcheetah/medium/iql" in drawn(tree, name)) is (name == "fig_3")
    figure = FIGURES["fig_3"].draw(gather_tables(tree.runs(), METHODS))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Ours", "SAC", "Implicit", "IDEA"]
    lines = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    assert lines["Implicit"].get_color() == "#123456"


def test_a_stranger_s_run_says_where_it_is_drawn(tree: Tree) -> None:
    add_run(tree, "halfcheetah", "medium", "replay", figures=["fig_11", "fig_9", "fig_10"], label="Balanced")
    where = {name for name in FIGURES if "halfcheetah/medium/replay" in drawn(tree, name)}
    assert where & {"fig_3", "fig_4c", "fig_11"} == {"fig_4c", "fig_11"}
    tables = gather_tables(tree.runs(), METHODS)

    def labels(name: str) -> list[str]:
        return [curve.label for curve in CurveData(FIGURES[name], tables).curves]

    assert labels("fig_3")[-1] == "IDEA"
    assert labels("fig_4c") == ["Balanced", "Uniform", "Online only", "Balanced (replay)"]
    names = ("Q-ensemble", "single Q")
    assert labels("fig_4b") == [f"{whose}: {name}" for whose in ("Ours", "Balanced") for name in names]
    assert "Balanced: random" in labels("fig_4a")


def test_a_stranger_s_ensemble_keeps_its_label_beside_those_of_its_size(tree: Tree) -> None:
    add_run(tree, "halfcheetah", "medium", "replay", figures=["fig_12"], label="Other")
    curves = CurveData(FIGURES["fig_12"], gather_tables(tree.runs(), METHODS)).curves
    assert {curve.label: curve.method for curve in curves} == {"N = 3": "ours", "Other": "replay"}


# -------------------------------------------------------------------------------------------------- drawing


def test_without_paths_a_figure_reads_the_finished_runs_that_it_draws_and_no_tables(tree: Tree) -> None:
    assert drawn(tree, "fig_3") == {
        *(f"halfcheetah/{data}/{name}" for data in ("random", "medium") for name in ("ours", "idea")),
        "halfcheetah/none/sac",
    }
    assert drawn(tree, "fig_2") == set()
    (tree.layout.run("halfcheetah", "random", "ours", 0) / "run.json").unlink()  # written last
    (tree.layout.run("halfcheetah", "random", "uniform", 0) / "progress.csv").write_text("not drawn, not read")
    table = pd.read_csv(draw("fig_3", tree.layout).with_suffix(".csv"))
    assert set(zip(table["dataset"], table["method"], strict=True)) == {
        *(("medium", "ours"), ("medium", "idea"), ("random", "idea"), ("none", "sac")),
    }
    assert not tree.layout.analysis.exists()


def test_with_paths_a_figure_reads_exactly_these(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = (
        tree.root / "elsewhere" / "quick" / "local" / "runs" / "halfcheetah" / "medium" / "sac-ft" / "seed0"
    )
    own = add_run(tree, "halfcheetah", "medium", "sac-ft")
    elsewhere.parent.mkdir(parents=True)
    shutil.move(own, elsewhere)
    ours = tree.layout.run("halfcheetah", "medium", "ours", 0)
    monkeypatch.chdir(tree.root)
    monkeypatch.setattr(sys, "argv", ["off2on", "figure", "fig_3", str(elsewhere), str(ours), "--scale", "quick"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    table = pd.read_csv(tree.layout.figures / "fig_3.csv")
    assert set(table["method"]) == {"ours", "sac-ft"}
    assert set(table["dataset"]) == {"medium"}


def test_likelihoods_are_read_from_their_csv(tree: Tree) -> None:
    path = tree.layout.likelihood("halfcheetah", "random", 0)
    path.parent.mkdir(parents=True)
    rows = [("offline", -1.0), ("offline", -2.0), ("online", -8.0), ("online", -9.0)]
    pd.DataFrame(rows, columns=["split", "log_likelihood"]).to_csv(path, index=False)
    info: dict[str, Any] = {"scale": "quick", "source": "local", "task": "halfcheetah", "dataset": "random"}
    info |= {"seed": 0, "settings": {"importance_samples": 10}}
    path.with_suffix(".json").write_text(json.dumps(info))
    assert finished(FIGURES["fig_1a"], tree.layout) == [path]
    first = draw("fig_1a", tree.layout).read_bytes()
    assert draw("fig_1a", tree.layout, [path]).read_bytes() == first
    assert set(pd.read_csv(tree.layout.figures / "fig_1a.csv")["median"]) == {-1.5, -8.5}
