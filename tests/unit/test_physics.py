"""Old data on today's physics: files whose answer is known, because we made them here, or made them wrong."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from off2on.cli import main
from off2on.data.dataset import read_dataset
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.figures.physics import physics_sheet
from off2on.paths import Layout
from off2on.training.physics import PhysicsJob, check_physics
from tests.d4rl_layout import Arrays, policy_weights, steps, write

TASKS = ("halfcheetah", "hopper", "walker2d")


def job(task: str, dataset: str = "medium", episodes: int = 2) -> PhysicsJob:
    return PhysicsJob("d4rl-v2", get_task(task), dataset, episodes, 200, 0)


def file(path: Path, task: str, dataset: str = "medium", rows: int = 600, **more: Any) -> Path:
    weights = policy_weights(get_task(task))
    return write(path, steps(get_task(task), rows, weights=weights, **more), "d4rl-v2", dataset, weights)


@pytest.mark.parametrize("dataset", ["medium", "medium-replay"])
@pytest.mark.parametrize("task", TASKS)
def test_states_made_here_are_met_again(task: str, dataset: str, tmp_path: Path) -> None:
    """But for the rounding of states to float32, and for what MuJoCo's solver remembers of the step before."""
    found = check_physics(job(task, dataset), file(tmp_path / "data.hdf5", task, dataset))["one_step"]
    assert found["state_error"]["median"] < 1e-4
    assert found["reward_error"]["median"] < 1e-3
    assert found["rows"] == 200


@pytest.mark.parametrize("task", TASKS)
def test_other_physics_are_found(task: str, tmp_path: Path) -> None:
    def heavier(env: Any) -> None:
        env.model.body_mass[:] *= 1.1

    found = check_physics(job(task), file(tmp_path / "data.hdf5", task, change=heavier))["one_step"]
    assert found["state_error"]["median"] > 1e-3


def test_the_policy_of_a_file_is_the_one_that_made_it(tmp_path: Path) -> None:
    """Hopper falls after some twenty steps, so that hundreds of episodes say what its return is."""
    path = file(tmp_path / "data.hdf5", "hopper", rows=6_000)
    found = check_physics(job("hopper", episodes=200), path)
    here, there = found["policy_return"], found["data_return"]
    error = np.hypot(here["std"] / np.sqrt(200), there["std"] / np.sqrt(there["episodes"]))
    assert there["mean"] == pytest.approx(read_dataset(path).mean_episode_return())
    assert abs(here["mean"] - there["mean"]) < 3 * error
    with h5py.File(path, "r+") as opened:
        opened["metadata/policy/last_fc/bias"][:] += 3
    other = check_physics(job("hopper", episodes=200), path)["policy_return"]
    assert abs(other["mean"] - there["mean"]) > 10 * error


def _set(name: str, value: Any) -> Callable[[h5py.File], None]:
    def edit(opened: h5py.File) -> None:
        del opened[name]
        opened[name] = value

    return edit


def _late(opened: h5py.File) -> None:
    """The states after the action, as some files have them."""
    qpos = opened["infos/qpos"][()]
    opened["infos/qpos"][:] = np.roll(qpos, -1, 0)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (_set("metadata/policy/nonlinearity", np.bytes_("tanh")), "nonlinearity' is 'tanh'; only relu is known"),
        (_set("metadata/policy/nonlinearity", 3), "nonlinearity' is missing or no text"),
        (_set("metadata/policy/output_distribution", np.array([b"a"])), "is missing or no text"),
        (_set("metadata/policy/fc0/weight", np.zeros((16, 3), np.float32)), "fc0' has shapes"),
        (_set("metadata/policy/fc1/weight", np.full((16, 16), np.nan)), "fc1/weight', row 0: NaN or infinite"),
        (_set("metadata/policy/last_fc/bias", np.zeros(7)), "last_fc' has shapes"),
        (lambda opened: opened.pop("metadata/policy/fc1"), "fc1/weight' is missing"),
        (_set("infos/qpos", np.zeros((7, 6))), "'infos/qpos', 'infos/qvel' have shapes"),
        (_set("infos/qvel", np.zeros((600, 2))), "'infos' has 7 coordinates besides x, observations 11"),
        (_late, "'infos/qpos', row 0: not the state of the observation in that row"),
    ],
)
def test_a_file_that_is_not_like_that_is_refused(
    edit: Callable[[h5py.File], Any], told: str, tmp_path: Path
) -> None:
    path = file(tmp_path / "data.hdf5", "hopper")
    with h5py.File(path, "r+") as opened:
        edit(opened)
    with pytest.raises(Off2OnError, match=told):
        check_physics(job("hopper"), path)


def test_a_file_of_v0_has_nothing_to_measure(tmp_path: Path) -> None:
    content: Arrays = steps(get_task("hopper"), 50)
    path = write(tmp_path / "data.hdf5", content, "d4rl-v0", "medium")
    with pytest.raises(Off2OnError, match="carries neither the policy that made it"):
        check_physics(job("hopper"), path)


def test_the_command_says_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file(tmp_path / "data.hdf5", "hopper")
    words = ["--task", "hopper", "--dataset", "medium", "--data", "data.hdf5", "--episodes", "2", "--steps", "20"]
    monkeypatch.setattr(sys, "argv", ["off2on", "check-physics", *words])
    main_status = 0
    try:
        main()
    except SystemExit as stopped:
        main_status = int(stopped.code or 0)
    assert main_status == 0
    said = capsys.readouterr().out
    assert "return of the data's policy: " in said
    assert "one step from 20 stored states: " in said
    found = json.loads((tmp_path / "results/paper/d4rl-v2/physics/hopper/medium.json").read_text())
    assert found["one_step"]["rows"] == 20
    assert found["packages"]["mujoco"]
    sheet = physics_sheet(Layout("paper", "d4rl-v2").results)
    assert sheet is not None
    (row,) = sheet.rows
    assert row[0] == "hopper-medium"
    assert str(row[2]).endswith("(2 episodes)")
    assert physics_sheet(Layout("paper", "d4rl-v0").results) is None
