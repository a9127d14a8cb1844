"""Aggregation: tidy tables, statistics over seeds and claims, against numbers worked out by hand."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from off2on.analysis.aggregate import aggregate
from off2on.analysis.claims import check_claims
from off2on.analysis.curves import final_mean_std, mean_std
from off2on.analysis.tables import FILES, Tables, read_tables
from off2on.errors import Off2OnError
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
    aggregate(runs, layout.analysis)
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
    assert math.isnan(row["normalized_final"])
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


def test_no_directories_give_empty_tables(tmp_path: Path) -> None:
    aggregate([], tmp_path)
    tables = read_tables(tmp_path)
    assert tables.curves.empty
    assert tables.claims.empty
    assert "return_mean" in tables.curves


def test_a_bad_directory_writes_nothing(tmp_path: Path) -> None:
    tree = Tree(tmp_path, datasets=("medium",), methods=("ours",), seeds=1).write()
    (tree.runs()[0] / "progress.csv").unlink()
    with pytest.raises(Off2OnError, match=r"progress\.csv is missing"):
        aggregate(tree.runs(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(Off2OnError, match=r"curves\.csv is missing: run 'off2on aggregate'"):
        read_tables(tmp_path / "out")


# -------------------------------------------------------------------------------------------------- claims


def runs_table(*rows: tuple[str, int, float, float, float, float]) -> pd.DataFrame:
    columns = [
        "dataset",
        "seed",
        "return_first",
        "return_final",
        "offline_fraction_first",
        "offline_fraction_last",
    ]
    return pd.DataFrame(rows, columns=columns).assign(task="halfcheetah", method="ours")


def pretrain_table(*rows: tuple[str, int, float, float, float]) -> pd.DataFrame:
    columns = ["dataset", "seed", "dataset_mean_return", "return_mean", "q_auroc"]
    return pd.DataFrame(rows, columns=columns).assign(task="halfcheetah", algorithm="cql")


def verdicts(runs: pd.DataFrame, pretrain: pd.DataFrame) -> dict[tuple[Any, ...], bool]:
    claims = check_claims(runs, pretrain)
    keys = zip(claims["claim"], claims["dataset"], claims["seed"], strict=True)
    return dict(zip(keys, claims["reached"], strict=True))


def test_offline_claims_look_at_the_last_evaluation() -> None:
    pretrain = pretrain_table(
        ("medium", 0, 1000, 100, 0.9), ("medium", 0, 1000, 800, 0.6), ("medium", 1, 1000, 799, 0.61)
    )
    assert verdicts(runs_table(), pretrain) == {
        ("cql_return", "medium", 0): True,  # exactly 80 %
        ("cql_return", "medium", 1): False,
        ("cql_auroc", "medium", 0): False,  # 0.6 is not above 0.6
        ("cql_auroc", "medium", 1): True,
    }


def test_offline_claims_are_made_on_medium_only() -> None:
    assert verdicts(runs_table(), pretrain_table(("random", 0, -250, 3000, 0.5))) == {}


def test_online_claims() -> None:
    runs = runs_table(
        ("random", 0, 100, 101, 0.8, 0.4),
        ("random", 1, 100, 100, 0.8, 0.41),
        ("medium", 0, 100, 90, 0.9, 0.8),
        ("medium-expert", 0, 100, 50, 0.9, 0.4),
        ("medium-expert", 1, 100, 50, 0.9, 0.5),
    )
    assert verdicts(runs, pretrain_table()) == {
        ("ours_improves", "random", 0): True,
        ("ours_improves", "random", 1): False,
        ("ours_improves", "medium", 0): False,
        ("offline_share_falls", "random", 0): True,  # exactly half
        ("offline_share_falls", "random", 1): False,
        ("offline_share_lower", "random", 0): False,  # equal is not below
        ("offline_share_lower", "random", 1): True,  # each against its own seed
    }


def test_a_missing_value_makes_no_claim() -> None:
    runs = runs_table(("random", 0, 100, 200, float("nan"), float("nan")))
    assert verdicts(runs, pretrain_table()) == {("ours_improves", "random", 0): True}
