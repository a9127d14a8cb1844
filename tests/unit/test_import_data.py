"""Data of one's own and Minari's: what comes in is what was there, and nothing that training would refuse."""

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from off2on.cli import main
from off2on.data.dataset import Dataset, read_dataset, write_dataset
from off2on.data.import_data import import_dataset
from off2on.data.minari_format import from_minari, to_minari
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.files import sha256
from tests.d4rl_layout import steps
from tests.unit.small import HOPPER, write_data

NAMED = {"source": "own", "task": "hopper", "dataset": "medium"}


@pytest.fixture
def minari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, with a directory of its own."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return pytest.importorskip("minari")


def made_here(task: str, rows: int = 1100) -> Dataset:
    """Real steps, the last episode cut."""
    made = steps(get_task(task), rows)
    kept = {name: made[name] for name in ("observations", "actions", "rewards", "terminals", "timeouts")}
    kept["timeouts"][-1] |= not kept["terminals"][-1]
    return Dataset(**kept, attributes={"recipe": "uniform actions"})


@pytest.mark.parametrize("task", ["halfcheetah", "hopper", "walker2d"])
def test_to_minari_and_back_is_the_same(task: str, minari: Any, tmp_path: Path) -> None:
    dataset = made_here(task)
    to_minari(dataset, f"off2on/{task}/random-v0", get_task(task).env_id)
    place = tmp_path / "place.hdf5"
    import_dataset(f"off2on/{task}/random-v0", place, get_task(task), NAMED | {"task": task})
    back = read_dataset(place, get_task(task), NAMED | {"task": task})
    for name, array in dataset.arrays().items():
        np.testing.assert_array_equal(getattr(back, name), array)
    assert back.attributes["recipe"] == f"Minari off2on/{task}/random-v0"
    assert back.attributes["env_id"] == get_task(task).env_id


def test_minari_reads_what_we_wrote(minari: Any) -> None:
    dataset = made_here("hopper", 200)
    to_minari(dataset, "off2on/hopper/random-v0", HOPPER.env_id)
    found = minari.load_dataset("off2on/hopper/random-v0")
    falls = int(dataset.terminals.sum())
    assert found.total_steps == 200
    assert found.total_episodes == falls + int(dataset.timeouts.sum())
    first = found[0]
    end = len(first.rewards)
    np.testing.assert_array_equal(first.observations[:end], dataset.observations[:end])
    np.testing.assert_array_equal(first.observations[end], dataset.observations[end - 1])
    assert first.terminations.tolist() == dataset.terminals[:end].tolist()
    assert found.recover_environment().spec.id == "Hopper-v4"
    with pytest.raises(Off2OnError, match="is in Minari's directory already"):
        to_minari(dataset, "off2on/hopper/random-v0", HOPPER.env_id)
    with pytest.raises(Off2OnError, match="minari refuses"):
        to_minari(dataset, "no version", HOPPER.env_id)
    dataset.observations = np.zeros((len(dataset), 4, 4, 3), np.uint8)
    with pytest.raises(Off2OnError, match=r"observations of shape \(4, 4, 3\); only vectors are exported"):
        to_minari(dataset, "images-v0", HOPPER.env_id)


@pytest.mark.parametrize("how", ["id", "directory", "file"])
def test_a_truncated_step_of_minari_has_no_next_observation(how: str, minari: Any, tmp_path: Path) -> None:
    """As in D4RL's layout: the row stays for its return, and starts no transition."""
    from minari.data_collector import EpisodeBuffer

    def episode(k: int, rows: int, terminal: bool) -> Any:
        last = np.arange(rows) == rows - 1
        observations = np.full((rows + 1, 11), k, np.float64) + np.arange(rows + 1)[:, None] / 100
        actions = np.full((rows, 3), 0.5, np.float32)
        ends = (list(last & terminal), list(last & (not terminal)))
        return EpisodeBuffer(k, None, None, observations, actions, [1.0] * rows, *ends)

    name = "mujoco/hopper/medium-v0"
    minari.create_dataset_from_buffers(
        name, [episode(0, 5, True), episode(1, 4, False)], env="Hopper-v4", data_format="hdf5"
    )
    directory = tmp_path / "minari" / name
    what = {"id": name, "directory": str(directory), "file": str(directory / "data/main_data.hdf5")}[how]
    found = from_minari(what if how != "file" else str(directory), HOPPER)
    place = tmp_path / "place.hdf5"
    import_dataset(what, place, HOPPER, NAMED)
    assert read_dataset(place, HOPPER, NAMED).sha256() == found.sha256()
    assert np.flatnonzero(found.terminals).tolist() == [4]
    assert np.flatnonzero(found.timeouts).tolist() == [8]
    assert found.starts().tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    np.testing.assert_allclose(found.observations[6], 1.01)


def test_what_minari_cannot_read_is_one_message(minari: Any, tmp_path: Path) -> None:
    to_minari(made_here("hopper", 50), "off2on/hopper/random-v0", HOPPER.env_id)
    with pytest.raises(Off2OnError, match=r"cannot read 'nothing-v0'.* on this machine: off2on/hopper/random-v0"):
        from_minari("nothing-v0", HOPPER)
    data = tmp_path / "minari/off2on/hopper/random-v0/data"
    whole = (data / "main_data.hdf5").read_bytes()
    (data / "main_data.hdf5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Off2OnError, match="minari cannot read"):
        from_minari("off2on/hopper/random-v0", HOPPER)
    (data / "main_data.hdf5").write_bytes(whole)
    with h5py.File(data / "main_data.hdf5", "r+") as file:
        file["episode_0/observations"][3, 2] = np.nan
    with pytest.raises(Off2OnError, match="off2on/hopper/random-v0: key 'observations', row 3: NaN or infinite"):
        import_dataset("off2on/hopper/random-v0", tmp_path / "place.hdf5", HOPPER, NAMED)
    assert not list(tmp_path.glob("*place*"))
    (data / "main_data.hdf5").write_bytes(whole)
    with pytest.raises(Off2OnError, match=r"shape \(50, 11\), expected \(50, 17\)"):
        import_dataset("off2on/hopper/random-v0", tmp_path / "place.hdf5", get_task("walker2d"), NAMED)


def test_without_minari_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)
    # whoever mistypes the name of a file needs no package
    with pytest.raises(Off2OnError, match=r"mien\.hdf5: no such file"):
        import_dataset("mien.hdf5", tmp_path / "place.hdf5", HOPPER, NAMED)
    with pytest.raises(Off2OnError, match=r"pip install 'off2on\[minari\]'"):
        from_minari("any-v0", HOPPER)


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *words: object) -> int:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["off2on", *map(str, words)])
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_a_file_of_ones_own_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], minari: Any
) -> None:
    write_data(tmp_path / "mine.hdf5")
    common = ("--task", "hopper", "--dataset", "medium", "--scale", "smoke")
    assert run(monkeypatch, tmp_path, "import-data", "mine.hdf5", *common) == 0
    place = tmp_path / "results/smoke/own/datasets/hopper/medium.hdf5"
    found = read_dataset(place, HOPPER, NAMED)
    assert found.attributes["recipe"] == f"imported from mine.hdf5, sha256 {sha256(tmp_path / 'mine.hdf5')}"
    assert run(monkeypatch, tmp_path, "import-data", "mine.hdf5", *common) == 2
    assert "is there already" in capsys.readouterr().err
    assert run(monkeypatch, tmp_path, "export-minari", *common, "--source", "own") == 0
    assert run(monkeypatch, tmp_path, "import-data", "off2on/hopper/medium-v0", *common, "--source", "minari") == 0
    other = read_dataset(tmp_path / "results/smoke/minari/datasets/hopper/medium.hdf5", HOPPER)
    np.testing.assert_array_equal(other.observations, found.observations)
    assert run(monkeypatch, tmp_path, "import-data", "mine.hdf5", *common, "--source", "local") == 2
    assert "source 'local' is not for data of your own" in capsys.readouterr().err
    assert run(monkeypatch, tmp_path, "import-data", "none.hdf5", *common, "--out", "other.hdf5") == 2


def test_a_file_of_another_task_is_refused(tmp_path: Path) -> None:
    dataset = made_here("hopper", 50)
    dataset.attributes = {"task": "walker2d", "packages": json.dumps({})}
    write_dataset(tmp_path / "mine.hdf5", dataset)
    with pytest.raises(Off2OnError, match="its attribute task is 'walker2d', the job reads 'hopper'"):
        import_dataset(str(tmp_path / "mine.hdf5"), tmp_path / "place.hdf5", HOPPER, NAMED)
