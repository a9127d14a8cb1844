"""Dataset files: what is read back, what is counted, and which files are refused."""

import errno
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off2on.data.dataset import Dataset, read_dataset, write_dataset
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError

HOPPER = get_task("hopper")


def arrays(size: int = 40, seed: int = 0) -> dict[str, Any]:
    """A valid file for hopper: falls at rows 9 and 29, a time limit at row 19."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {
        "observations": rng.standard_normal((size, 11)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (size, 3)).astype(np.float32),
        "rewards": rng.standard_normal(size).astype(np.float32),
        "terminals": np.zeros(size, np.bool_),
        "timeouts": np.zeros(size, np.bool_),
    }
    found["terminals"][[9, 29]] = True
    found["timeouts"][19] = True
    return found


def write_raw(path: Path, content: dict[str, Any]) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            file[name] = value
    return path


def test_round_trip_keeps_everything_and_gives_the_same_bytes(tmp_path: Path) -> None:
    origin = np.repeat(np.arange(2, dtype=np.uint8), 20)
    dataset = Dataset(
        **arrays(), origin=origin, origin_names=("medium", "expert"), attributes={"task": "hopper", "seed": 3}
    )
    first, second = tmp_path / "a.hdf5", tmp_path / "deep" / "b.hdf5"
    write_dataset(first, dataset)
    write_dataset(second, dataset)
    assert first.read_bytes() == second.read_bytes()
    back = read_dataset(first, HOPPER)
    for name, value in dataset.arrays().items():
        np.testing.assert_array_equal(getattr(back, name), value)
        assert getattr(back, name).dtype == value.dtype
    assert back.origin_names == ("medium", "expert")
    assert back.attributes == {"task": "hopper", "seed": 3, "sha256": dataset.sha256()}


def test_a_d4rl_file_is_read_as_it_is(tmp_path: Path) -> None:
    content = arrays()
    extra = {
        "next_observations": np.full((40, 11), np.nan),
        "infos/qpos": np.zeros((40, 6)),
        "metadata/algorithm": "SAC",
    }
    path = write_raw(tmp_path / "d4rl.hdf5", content | extra | {"rewards": content["rewards"][:, None]})
    dataset = read_dataset(path, HOPPER)
    np.testing.assert_array_equal(dataset.rewards, content["rewards"])
    assert dataset.origin is None
    assert len(read_dataset(path)) == 40


def test_missing_timeouts_are_counted_again_after_each_fall(tmp_path: Path) -> None:
    content = arrays(size=3500)
    del content["timeouts"]
    content["terminals"][:] = False
    content["terminals"][[499, 2999]] = True
    dataset = read_dataset(write_raw(tmp_path / "old.hdf5", content), HOPPER)
    # episodes: 0-499 falls, 500-1499 and 1500-2499 run to the limit, 2500-2999 falls, 3000- goes on
    assert np.flatnonzero(dataset.timeouts).tolist() == [1499, 2499]


def test_episodes_are_those_that_fall_or_reach_the_horizon() -> None:
    content = arrays(size=2600)
    content["terminals"][:] = content["timeouts"][:] = False
    content["terminals"][99] = content["timeouts"][[1099, 1599]] = content["terminals"][1699] = True
    dataset = Dataset(**content)
    assert dataset.episodes().tolist() == [[0, 100], [100, 1100], [1600, 1700]]
    expected = [content["rewards"][a:b].sum(dtype=np.float64) for a, b in dataset.episodes()]
    np.testing.assert_allclose(dataset.episode_returns(), expected, rtol=1e-9)
    assert dataset.mean_episode_return() == pytest.approx(np.mean(expected))


def test_no_complete_episode_has_no_mean_return() -> None:
    content = arrays()
    content["terminals"][:] = False
    dataset = Dataset(**content)
    assert len(dataset.episodes()) == 0
    assert dataset.mean_episode_return() is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["step", "fall", "limit"]), min_size=2, max_size=30))
def test_starts_equal_the_naive_loop(kinds: list[str]) -> None:
    size = len(kinds)
    dataset = Dataset(
        observations=np.arange(size, dtype=np.float32)[:, None],
        actions=np.zeros((size, 1), np.float32),
        rewards=np.zeros(size, np.float32),
        terminals=np.array([kind == "fall" for kind in kinds]),
        timeouts=np.array([kind == "limit" for kind in kinds]),
    )
    naive = []
    for i in range(size - 1):
        if not dataset.timeouts[i]:
            naive.append(i)
    starts = dataset.starts()
    assert starts.dtype == np.int64
    assert starts.tolist() == naive


def _edit(name: str, index: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(content: dict[str, Any]) -> None:
        content[name][index] = value

    return edit


def _set(name: str, make: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content[name] = make(content[name])

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.pop("actions"), "key 'actions' is missing; it has: observations"),
        (lambda c: c.pop("terminals"), "key 'terminals' is missing"),
        (_edit("observations", (7, 2), np.nan), r"key 'observations', row 7: NaN or infinite \(1 such"),
        (_edit("rewards", slice(5, 8), -np.inf), r"key 'rewards', row 5: NaN or infinite \(3 such"),
        (_edit("actions", (12, 0), 1.5), "key 'actions', row 12: .* leaves"),
        (_set("observations", lambda a: a[:, :10]), r"'observations' has shape \(40, 10\), expected \(40, 11\)"),
        (_set("actions", lambda a: a[:30]), r"'actions' has shape \(30, 3\), expected \(40, 3\)"),
        (_set("rewards", lambda a: a[:-1]), r"'rewards' has shape \(39,\), expected \(40,\)"),
        (_set("rewards", lambda a: np.stack([a, a], 1)), r"'rewards' has shape \(40, 2\)"),
        (_set("timeouts", lambda a: a[:-1]), r"'timeouts' has shape \(39,\)"),
        (_set("terminals", lambda a: a.astype(np.float32) / 2), "'terminals', row 9: 0.5 is neither 0 nor 1"),
        (_set("terminals", lambda a: np.where(a, np.nan, 0)), "'terminals', row 9: nan is neither 0 nor 1"),
        (_set("terminals", lambda a: a.astype(complex)), "'terminals' has type 'complex128', expected numbers"),
        (_set("rewards", lambda a: a[0]), "'rewards' is a single value or empty"),
        (_set("rewards", lambda a: h5py.Empty("f4")), "'rewards' is a single value or empty"),
        (_set("timeouts", np.ones_like), "'timeouts' marks every row"),
        (_set("rewards", lambda _: h5py.ExternalLink("other.hdf5", "rewards")), "'rewards' is a link to another"),
        (_set("terminals", lambda a: a.astype(np.int32) * 3), "'terminals', row 9: 3 is neither 0 nor 1"),
        (_set("observations", lambda a: a.astype(np.int64)), "'observations' has type int64"),
        (_set("observations", lambda a: a.astype(np.float64) + 1e300), "'observations', row 0: NaN or infinite"),
        (lambda c: c.update(origin=np.zeros(40, np.uint8)), "key 'origin', row 0: 0 has no name"),
        (lambda c: c.update(origin=np.zeros(40, np.int64)), "key 'origin' is int64"),
    ],
)
def test_a_bad_file_is_named_with_key_and_row(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    content = arrays()
    change(content)
    path = write_raw(tmp_path / "bad.hdf5", content)
    with pytest.raises(Off2OnError, match=told) as error:
        read_dataset(path, HOPPER)
    assert str(path) in str(error.value)


def test_a_dictionary_of_observations_is_not_a_locomotion_dataset(tmp_path: Path) -> None:
    content = arrays()
    content["observations/image"] = content.pop("observations")
    with pytest.raises(Off2OnError, match="key 'observations' is a group"):
        read_dataset(write_raw(tmp_path / "images.hdf5", content), HOPPER)


def test_one_row_is_not_a_dataset(tmp_path: Path) -> None:
    content = {name: value[:1] for name, value in arrays().items()}
    with pytest.raises(Off2OnError, match="has 1 rows"):
        read_dataset(write_raw(tmp_path / "one.hdf5", content))


def test_missing_truncated_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match="no such dataset"):
        read_dataset(tmp_path / "none.hdf5")
    whole = write_raw(tmp_path / "whole.hdf5", arrays(size=1000)).read_bytes()
    for name, content in (("cut.hdf5", whole[: len(whole) // 2]), ("text.hdf5", b"hello"), ("empty.hdf5", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(Off2OnError, match="truncated or not an HDF5 file"):
            read_dataset(path)


def test_a_changed_value_does_not_match_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "data.hdf5"
    write_dataset(path, Dataset(**arrays()))
    with h5py.File(path, "r+") as file:
        file["rewards"][3] += 1
    with pytest.raises(Off2OnError, match="do not match its attribute sha256"):
        read_dataset(path)


def test_episode_marks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = arrays(size=1200)
    content["terminals"][:] = content["timeouts"][:] = False
    with pytest.raises(Off2OnError, match="mark no episode end in 1200 rows"):
        read_dataset(write_raw(tmp_path / "none.hdf5", content), HOPPER)
    content["terminals"][[50, 1100]] = True
    with caplog.at_level(logging.WARNING):
        read_dataset(write_raw(tmp_path / "long.hdf5", content), HOPPER)
    assert "the episode from row 51 is longer than 1000 steps" in caplog.text


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), RuntimeError("flush failed")])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = tmp_path / "data.hdf5"
    write_dataset(path, Dataset(**arrays()))
    before = path.read_bytes()
    plain = h5py.Group.create_dataset

    def full(group: Any, name: str, **options: Any) -> Any:
        if name == "rewards":
            raise error
        return plain(group, name, **options)

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(Off2OnError, match=r"cannot write .*data\.hdf5"):
        write_dataset(path, Dataset(**arrays(seed=1)))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["data.hdf5"]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int8, np.uint8])
def test_marks_of_any_type_are_read_as_they_are(tmp_path: Path, kind: Any) -> None:
    """D4RL's own converter of medium-replay can write floats."""
    content = arrays()
    marks = {name: content[name].astype(kind) for name in ("terminals", "timeouts")}
    dataset = read_dataset(write_raw(tmp_path / "floats.hdf5", content | marks), HOPPER)
    np.testing.assert_array_equal(dataset.terminals, content["terminals"])
    np.testing.assert_array_equal(dataset.timeouts, content["timeouts"])


def test_a_file_that_another_process_writes_is_not_called_damaged(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "data.hdf5", arrays())
    code = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(Off2OnError, match="is locked: another process is writing it"):
            read_dataset(path, HOPPER)
        writer.kill()
    assert len(read_dataset(path, HOPPER)) == 40


def test_a_directory_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match="cannot be read: Is a directory"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("key", ["source", "task", "dataset"])
def test_a_file_that_says_that_it_is_another_is_refused(tmp_path: Path, key: str) -> None:
    names = {"source": "local", "task": "hopper", "dataset": "medium"}
    write_dataset(tmp_path / "data.hdf5", Dataset(**arrays(), attributes={**names}))
    assert len(read_dataset(tmp_path / "data.hdf5", HOPPER, names)) == 40
    with pytest.raises(Off2OnError, match=rf"its attribute {key} is '.*', the job reads 'other'"):
        read_dataset(tmp_path / "data.hdf5", HOPPER, names | {key: "other"})
    assert len(read_dataset(write_raw(tmp_path / "d4rl.hdf5", arrays()), HOPPER, names | {key: "other"})) == 40


def test_actions_beyond_one_by_rounding_are_clipped(tmp_path: Path) -> None:
    """Past 1 + 5e-7 the logarithm of 1 - action^2 + 1e-6 in CQL's cloning loss is NaN."""
    content = arrays()
    content["actions"][4] = [1.0005, -1.0005, 0.5]
    dataset = read_dataset(write_raw(tmp_path / "data.hdf5", content), HOPPER)
    assert dataset.actions[4].tolist() == [1.0, -1.0, 0.5]


def test_an_attribute_that_nobody_reads_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in ATTRIBUTES"):
        write_dataset(tmp_path / "data.hdf5", Dataset(**arrays(), attributes={"colour": "red"}))
