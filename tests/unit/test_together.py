"""Which jobs may be averaged, and what is said of those that may not."""

import os
from pathlib import Path
from typing import Any

import pytest

from off2on.analysis.aggregate import gather_tables
from off2on.analysis.together import mixed_code
from off2on.errors import Off2OnError
from off2on.paths import Layout
from tests.unit.synthetic_results import run_info, write_job

ROWS: list[dict[str, Any]] = [
    {"env_steps": k, "gradient_steps": k, "eval_episodes": 5, "return_mean": 100.0 + k} for k in (0, 1000)
]


def write(
    root: Path, seed: int, scale: str = "quick", source: str = "local", name: str = "ours", **info: Any
) -> Path:
    layout = Layout(scale, source, root)
    record = run_info("finetune", scale, source, "halfcheetah", "medium", name, seed) | info
    return write_job(layout.run("halfcheetah", "medium", name, seed), record, ROWS)


def test_the_same_run_by_two_paths_is_refused(tmp_path: Path) -> None:
    run = write(tmp_path / "a", 0)
    copy = write(tmp_path / "b", 0)
    link = tmp_path / "c/results/quick/local/runs/halfcheetah/medium/ours/seed0"
    link.parent.mkdir(parents=True)
    link.symlink_to(run)
    for other in (copy, link):
        with pytest.raises(Off2OnError, match="the same job twice") as caught:
            gather_tables([run, other])
        assert str(run) in str(caught.value)
        assert str(other) in str(caught.value)
    assert len(gather_tables([run, Path(os.path.relpath(run))]).runs) == 1


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("ours", {"scale": "paper"}, "scale 'quick', .* 'paper'"),
        ("ours", {"source": "d4rl-v2"}, "source 'local', .* 'd4rl-v2'"),
        ("ours", {"members": 5}, "members 3, .* 5"),
        ("ours", {"config_hash": "other"}, "config_hash '0123456789abcdef', .* 'other'"),
        ("ours", {"dataset_sha256": "cd" * 32}, "dataset_sha256 'abab.*', .* 'cdcd"),
        ("stranger", {"settings": {"learning_rate": 1.0}}, "settings"),
    ],
)
def test_seeds_that_differ_in_more_than_their_seed_are_refused(
    tmp_path: Path, name: str, changes: dict[str, Any], told: str
) -> None:
    unhashed = {} if name == "ours" else {"config_hash": None}
    first = write(tmp_path, 0, name=name, **unhashed)
    second = write(tmp_path, 1, name=name, **unhashed, **changes)
    with pytest.raises(Off2OnError, match=told) as caught:
        gather_tables([first, second])
    assert str(first / "run.json") in str(caught.value)
    assert str(second / "run.json") in str(caught.value)


def test_a_null_bridges_nothing(tmp_path: Path) -> None:
    values = (None, "aa" * 32, "bb" * 32)
    runs = [write(tmp_path, seed, dataset_sha256=value) for seed, value in enumerate(values)]
    assert len(gather_tables(runs[:2]).runs) == 2
    with pytest.raises(Off2OnError, match=r"dataset_sha256 'aaaa.*', .* 'bbbb"):
        gather_tables(runs)


def test_a_table_holds_its_own_scale_and_source(tmp_path: Path) -> None:
    run = write(tmp_path, 0)
    assert len(gather_tables([run], place=("quick", "local")).runs) == 1
    for place, told in (
        (("smoke", "local"), "scale is 'quick', the table's is 'smoke'"),
        (("quick", "x"), "source"),
    ):
        with pytest.raises(Off2OnError, match=told):
            gather_tables([run], place=place)


def test_seeds_that_belong_together_are_gathered(tmp_path: Path) -> None:
    runs = [write(tmp_path, seed) for seed in range(2)]
    free = {"config_hash": None}
    runs += [write(tmp_path, k, name="stranger", settings={"seed": k, "rate": 1}, **free) for k in range(2)]
    assert len(gather_tables(runs).runs) == 4


def test_seeds_of_different_code_are_named() -> None:
    info = {"kind": "finetune", "method": "ours", "task": "hopper", "dataset": "medium"}
    assert mixed_code([info | {"code_hash": "a"}, info | {"code_hash": "a"}, info]) == []
    assert mixed_code([info | {"code_hash": "a"}, info | {"code_hash": "b"}]) == ["finetune ours on hopper/medium"]
    assert mixed_code([info | {"code_hash": None}]) == ["finetune ours on hopper/medium"]
    # AWAC offline and AWAC online are different code, and no seeds of each other
    online, offline = info | {"method": "awac"}, info | {"kind": "pretrain", "algorithm": "awac"}
    assert mixed_code([online | {"code_hash": "a"}, offline | {"code_hash": "b"}]) == []
