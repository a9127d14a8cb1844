"""Aggregation: tidy tables and statistics over seeds, against numbers worked out by hand."""

from pathlib import Path

import h5py
import pytest

from off2on.analysis.aggregate import aggregate, gather_tables
from off2on.analysis.over_seeds import final_mean_std, mean_std
from off2on.analysis.tables import FILES, Tables, read_tables, write_tables
from off2on.errors import Off2OnError
from off2on.methods import METHODS
from off2on.paths import Layout
from tests.unit.synthetic_results import Tree, run_info, write_job

PLACE = {"task": "halfcheetah", "dataset": "random", "method": "ours"}


def write_run(layout: Layout, seed: int, returns: list[float], shares: list[float | str]) -> Path:
    rows = [
        {"env_steps": 1000 * i, "gradient_steps": 2000 * i, "eval_episodes": 5, "return_mean": value}
        | {"offline_fraction": share}
        for i, (value, share) in enumerate(zip(returns, shares, strict=True))
    ]
    info = run_info("finetune", layout.scale, layout.source, "halfcheetah", "random", "ours", seed)
    return write_job(layout.run("halfcheetah", "random", "ours", seed), info, rows)


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    layout = Layout("quick", "local", tmp_path)
    runs = [
        write_run(layout, 1, [10.0, 40.0, 20.0], ["", 0.9, 0.5]),
        write_run(layout, 0, [30.0, 20.0, 40.0], ["", 0.8, 0.4]),
    ]
    aggregate(runs, layout.analysis, METHODS)
    return read_tables(layout.analysis)


def test_curves_hold_every_evaluation_in_order(tables: Tables) -> None:
    assert tables.curves["return_mean"].tolist() == [30, 20, 40, 10, 40, 20]
    assert tables.curves["seed"].tolist() == [0, 0, 0, 1, 1, 1]
    assert tables.curves["label"].unique().tolist() == ["Ours"]
    assert tables.curves["offline_fraction"].isna().tolist() == [True, False, False] * 2


def test_a_run_is_summarised(tables: Tables) -> None:
    row = tables.runs.set_index("seed").loc[1]
    assert (row["return_first"], row["return_last"], row["return_best"]) == (10, 20, 40)
    assert row["return_final"] == 30  # mean of the last two: 40 and 20
    assert (row["offline_fraction_first"], row["offline_fraction_last"]) == (0.9, 0.5)
    assert (row["evaluations"], row["env_steps"], row["gradient_steps"]) == (3, 2000, 4000)
    # the runs leave the score out; these are D4RL's reference returns of halfcheetah
    assert row["normalized_final"] == pytest.approx(100 * (30 + 280.178953) / (12135 + 280.178953))
    assert row["wall_seconds"] == 60.5


def test_mean_and_std_over_seeds(tables: Tables) -> None:
    curve = mean_std(tables.curves, "return_mean")
    assert curve["env_steps"].tolist() == [0, 1000, 2000]
    assert curve["mean"].tolist() == [20, 30, 30]
    # two values a, b: |a - b| / sqrt(2)
    assert curve["std"].tolist() == pytest.approx([20 / 2**0.5] * 3)
    assert curve["n"].tolist() == [2, 2, 2]


def test_empty_cells_do_not_count(tables: Tables) -> None:
    curve = mean_std(tables.curves, "offline_fraction")
    assert curve["env_steps"].tolist() == [1000, 2000]
    assert curve["mean"].tolist() == pytest.approx([0.85, 0.45])
    assert mean_std(tables.curves, "q_auroc").empty


def test_one_seed_has_no_std(tables: Tables) -> None:
    alone = final_mean_std(tables.runs[tables.runs["seed"] == 0], "return_final")
    assert alone["mean"].tolist() == [30]
    assert alone["std"].isna().all()
    assert alone["n"].tolist() == [1]


def test_provenance_keeps_run_json(tables: Tables) -> None:
    assert [info["seed"] for info in tables.provenance] == [0, 1]
    assert tables.provenance[0]["packages"]["torch"] == "2.13.0"


def test_kinds_are_told_apart_and_order_does_not_matter(tmp_path: Path) -> None:
    tree = Tree(tmp_path, datasets=("medium", "random"), methods=("ours", "sac")).write()
    directories = [*tree.runs(), *tree.pretrains()]
    aggregate(directories, tmp_path / "one")
    aggregate([*reversed(directories), directories[0]], tmp_path / "two")
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    tables = read_tables(tmp_path / "one")
    assert set(tables.runs["method"]) == {"ours", "sac"}
    assert tables.pretrain["dataset_mean_return"].unique().tolist() == [4000, -250]
    assert set(tables.curves.loc[tables.curves["method"] == "sac", "dataset"]) == {"none"}


def test_files_of_datasets_are_asked_while_they_are_here(tmp_path: Path) -> None:
    tree = Tree(tmp_path, datasets=("medium", "random"), methods=("ours",)).write()
    path = tree.layout.dataset("halfcheetah", "medium")
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file.attrs["recipe"] = "medium"
    aggregate([*tree.runs(), *tree.pretrains()], tmp_path / "tables")
    path.unlink()
    assert read_tables(tmp_path / "tables").datasets == {"halfcheetah/medium": {"recipe": "medium"}}
    (tmp_path / "tables" / "datasets.json").write_text("[1]")
    with pytest.raises(Off2OnError, match=r"datasets\.json: expected an object of datasets"):
        read_tables(tmp_path / "tables")


def test_no_directories_give_empty_tables(tmp_path: Path) -> None:
    aggregate([], tmp_path)
    tables = read_tables(tmp_path)
    assert tables.curves.empty
    assert tables.pretrain.empty
    assert "return_mean" in tables.curves


def test_a_bad_directory_writes_nothing(tmp_path: Path) -> None:
    tree = Tree(tmp_path, datasets=("medium",), methods=("ours",), seeds=1).write()
    (tree.runs()[0] / "progress.csv").unlink()
    with pytest.raises(Off2OnError, match=r"progress\.csv is missing"):
        aggregate(tree.runs(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(Off2OnError, match=r"curves\.csv is missing: run 'off2on aggregate'"):
        read_tables(tmp_path / "out")


# ----------------------------------------------------------------------------- words and scores of a run


def test_own_methods_are_called_as_today_and_strangers_as_they_say(tmp_path: Path) -> None:
    tree = Tree(tmp_path, datasets=("medium",), methods=("ours", "my-idea"), seeds=1).write()
    recorded, today = (gather_tables(tree.runs(), methods) for methods in ({}, METHODS))
    assert recorded.runs["label"].tolist() == ["MY-IDEA", "Ours (as then)"]
    assert today.runs["label"].tolist() == today.curves["label"].unique().tolist() == ["MY-IDEA", "Ours"]
    words = [info["method_settings"]["description"] for info in today.provenance]
    assert words == ["a stranger's baseline <made up>", METHODS["ours"].description]
    assert today.provenance[1]["method_settings"]["sampler"] == "balanced"


def test_a_score_that_a_run_leaves_out_is_filled_in_and_one_that_it_gives_is_kept(tmp_path: Path) -> None:
    layout = Layout("quick", "local", tmp_path)
    rows = [{"env_steps": i, "gradient_steps": i, "eval_episodes": 5, "return_mean": 3234.3} for i in (0, 1)]
    for task, score in (("hopper", 99.95), ("elsewhere", 7.0)):
        given = [rows[0] | {"normalized_score": score}, rows[1]]
        info = run_info("finetune", "quick", "local", task, "medium", "my-idea", 0)
        write_job(layout.run(task, "medium", "my-idea", 0), info, given)
    tables = gather_tables(layout.results.glob("runs/*/*/*/*"))
    scores = tables.curves.groupby("task")["normalized_score"].apply(list)
    assert scores["hopper"] == [99.95, pytest.approx(100)]  # an expert's return
    assert (scores["elsewhere"][0], scores["elsewhere"][1]) == (7.0, pytest.approx(float("nan"), nan_ok=True))


def test_tables_are_read_as_they_were_gathered(tmp_path: Path) -> None:
    tree = Tree(tmp_path, datasets=("medium",), methods=("ours", "sac")).write()
    gathered = gather_tables([*tree.runs(), *tree.pretrains()], METHODS)
    write_tables(gathered, tmp_path / "analysis")
    read = read_tables(tmp_path / "analysis")
    for name in ("curves", "pretrain", "runs"):
        found, expected = (getattr(tables, name).astype(object) for tables in (read, gathered))
        assert found.where(found.notna(), None).equals(expected.where(expected.notna(), None))
    assert read.provenance == gathered.provenance
