"""Files in every layout of D4RL open as they are, and give D4RL's own transitions; its tables are ours."""

import ast
import importlib.util
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from off2on.data.catalogue import SERVER, catalogue
from off2on.data.dataset import read_dataset
from off2on.envs.tasks import TASKS, get_task
from off2on.errors import Off2OnError
from tests.d4rl_layout import Arrays, policy_weights, steps, write

KINDS = [
    *(("d4rl-v0", dataset) for dataset in ("random", "medium", "medium-replay", "medium-expert")),
    *(("d4rl-v2", d) for d in ("random", "medium", "medium-replay", "medium-expert", "expert", "full-replay")),
]


@pytest.fixture(scope="module")
def content() -> dict[str, Arrays]:
    return {name: steps(get_task(name), 1100) for name in ("halfcheetah", "hopper", "walker2d")}


def d4rls(name: str, only: str | None = None) -> dict[str, Any]:
    """What a file of the package d4rl defines, or one function of it; importing d4rl wants gym and MuJoCo 2.1."""
    spec = importlib.util.find_spec("d4rl")
    if spec is None or spec.origin is None:
        pytest.skip("d4rl is not installed: pip install --no-deps d4rl==1.1")
    tree = ast.parse((Path(spec.origin).parent / name).read_text())
    if only:
        tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == only]
    found: dict[str, Any] = {"np": np}
    exec(compile(tree, name, "exec"), found)
    return found


def qlearning(path: Path) -> dict[str, Any]:
    """D4RL's transitions of a file."""
    with h5py.File(path) as file:
        arrays = {k: file[k][()] for k in ("observations", "actions", "rewards", "terminals", "timeouts")}
    # what D4RL does on loading
    if arrays["rewards"].ndim == 2:
        arrays["rewards"] = arrays["rewards"][:, 0]
    return dict(d4rls("__init__.py", "qlearning_dataset")["qlearning_dataset"](None, dataset=arrays))


@pytest.mark.parametrize("task", ["halfcheetah", "hopper", "walker2d"])
@pytest.mark.parametrize(("source", "dataset"), KINDS)
def test_a_file_opens_as_it_is_in_every_layout(
    source: str, dataset: str, task: str, content: dict[str, Arrays], tmp_path: Path
) -> None:
    made = content[task]
    weights = policy_weights(get_task(task)) if source == "d4rl-v2" and dataset in {"medium", "expert"} else None
    path = write(tmp_path / "file.hdf5", made, source, dataset, weights)
    names = {"source": source, "task": task, "dataset": dataset}
    found = read_dataset(path, get_task(task), names)
    for name in ("observations", "actions", "rewards", "terminals", "timeouts"):
        np.testing.assert_array_equal(getattr(found, name), made[name])
    assert {found.observations.dtype, found.actions.dtype, found.rewards.dtype} == {np.dtype(np.float32)}
    # what it says is the next observation is what D4RL's own key says
    rows = found.starts()
    rows = rows[~found.terminals[rows]]
    np.testing.assert_array_equal(found.observations[rows + 1], made["next_observations"][rows])


@pytest.mark.parametrize("source", ["d4rl-v0", "d4rl-v2"])
@pytest.mark.parametrize("dataset", ["medium", "medium-replay"])
@pytest.mark.parametrize("task", ["halfcheetah", "hopper"])
def test_transitions_are_those_of_d4rl(
    source: str, dataset: str, task: str, content: dict[str, Arrays], tmp_path: Path
) -> None:
    path = write(tmp_path / "file.hdf5", content[task], source, dataset)
    theirs, ours = qlearning(path), read_dataset(path, get_task(task))
    rows = ours.starts()
    np.testing.assert_array_equal(ours.observations[rows], theirs["observations"])
    np.testing.assert_array_equal(ours.observations[rows + 1], theirs["next_observations"])
    np.testing.assert_array_equal(ours.actions[rows], theirs["actions"])
    np.testing.assert_array_equal(ours.rewards[rows], theirs["rewards"])
    np.testing.assert_array_equal(ours.terminals[rows], theirs["terminals"])


def test_addresses_and_reference_scores_are_those_of_d4rl() -> None:
    theirs = d4rls("infos.py")
    for entry in catalogue().values():
        name = f"{entry.task}-{entry.dataset}-{entry.source.removeprefix('d4rl-')}"
        assert theirs["DATASET_URLS"][name] == SERVER + entry.path
        task = TASKS[entry.task]
        assert task.random_return == theirs["REF_MIN_SCORE"][name]
        assert task.expert_return == theirs["REF_MAX_SCORE"][name]
    known = {
        name for name in theirs["DATASET_URLS"] if name.split("-")[0] in {"halfcheetah", "hopper", "walker2d"}
    }
    ours = {f"{e.task}-{e.dataset}-{e.source.removeprefix('d4rl-')}" for e in catalogue().values()}
    assert {name for name in known if not name.endswith("-v1")} - ours <= {"walker2d-random-expert-v0"}


@pytest.mark.slow
def test_hopper_medium_expert_v0_has_its_odd_size(tmp_path: Path) -> None:
    """An expert's million, then the 200,919 rows of medium-replay, which has no mark of a time limit."""
    expert, replay = 1_000_000, 200_919
    marks = np.zeros(expert + replay, bool)
    marks[999:965_000:1000] = True
    falls = np.zeros_like(marks)
    falls[expert + 50 :: 100] = True
    arrays = {
        "observations": np.zeros((len(marks), 11), np.float32),
        "actions": np.zeros((len(marks), 3), np.float32),
        "rewards": np.ones((len(marks), 1), np.float32),
        "terminals": falls,
        "timeouts": marks,
    }
    with h5py.File(tmp_path / "hopper_medium_expert.hdf5", "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip")
    found = read_dataset(tmp_path / "hopper_medium_expert.hdf5", get_task("hopper"))
    assert len(found) == 1_200_919
    assert len(found.starts()) == 1_199_953


def test_a_file_of_minari_is_called_one(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "main_data.hdf5", "w") as file:
        file["episode_0/observations"] = np.zeros((3, 11), np.float32)
    with pytest.raises(Off2OnError, match="is a Minari file, not one in D4RL's layout"):
        read_dataset(tmp_path / "main_data.hdf5", get_task("hopper"))
