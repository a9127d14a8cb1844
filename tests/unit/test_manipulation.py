"""The manipulation tasks: what an episode is, what the physics allows, what the camera sees."""

import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import off2on  # noqa: F401 - registers the tasks
from off2on.envs.manipulation import scripts
from off2on.envs.manipulation.env import PIXELS, ManipulationEnv, Setup
from off2on.envs.tasks import TASKS, names_of
from off2on.errors import Off2OnError

IDS = {TASKS[name].env_id: TASKS[name].horizon for name in names_of("manipulation")}
LONG = bool(os.environ.get("OFF2ON_TEST_LONG"))
EPISODES = 100 if LONG else 12
PICK = Setup("pick-place", "placed")
CLOSED, BLOCKED = Setup("drawers", "grasped"), Setup("drawers", "grasped", blocked=True)
Make = Callable[[ManipulationEnv], scripts.Script]
PICTURE = "from off2on.envs.manipulation.env import *; ManipulationEnv(Setup('drawers', 'grasped')).picture(8, 8)"


def episodes(setup: Setup, make: Make, horizon: int, count: int, noise: float = scripts.NOISE) -> Iterator[bool]:
    """Whether the condition held at any step of each episode."""
    env = ManipulationEnv(setup, images=False)
    for seed in range(count):
        env.reset(seed=seed)
        script, rng = make(env), np.random.default_rng(seed)
        yield max(env.step(scripts.noisy(next(script), rng, noise))[1] for _ in range(horizon)) > 0


def test_the_ids_are_known_without_mujoco() -> None:
    code = "import off2on, gymnasium, sys; assert 'mujoco' not in sys.modules; "
    code += f"assert set({list(IDS)}) <= set(gymnasium.registry)"
    for imports in ("", "import gymnasium; "):
        subprocess.run([sys.executable, "-c", imports + code], check=True)


@pytest.mark.usefixtures("opengl")
@pytest.mark.parametrize("name", IDS)
def test_an_environment_keeps_gymnasium_s_rules(name: str) -> None:
    env = gymnasium.make(name, render_mode="rgb_array", width=32, height=24)
    with warnings.catch_warnings():
        # the state has no bounds
        warnings.filterwarnings("ignore", message=".*Box observation space.*")
        check_env(env.unwrapped)
    env.reset(seed=0)
    picture: Any = env.render()
    assert picture.shape == (24, 32, 3)
    assert env.unwrapped.picture(1000, 1400).shape == (1000, 1400, 3)
    ends = [env.step(env.action_space.sample())[2:4] for _ in range(IDS[name])]
    assert ends == [(False, False)] * (IDS[name] - 1) + [(False, True)]
    env.close()


@pytest.mark.parametrize(
    ("setup", "script", "horizon", "least"),
    [
        (PICK, scripts.pick_place, 40, 0.80),
        (CLOSED, scripts.closed_drawer, 50, 0.65),
        (BLOCKED, scripts.blocked_drawer, 80, 0.65),
        (Setup("pick-place", "placed", start_in_gripper=True), scripts.put, 25, 0.8),
        (Setup("drawers", "grasped", start_opened=True), scripts.grasp_in_drawer, 30, 0.6),
        (Setup("drawers", "opened"), scripts.open_drawer, 30, 0.8),
        (Setup("drawers", "opened", blocked=True), scripts.clear_and_open_drawer, 50, 0.8),
    ],
)
def test_scripts_solve_the_tasks_and_their_parts(setup: Setup, script: Make, horizon: int, least: float) -> None:
    assert np.mean(list(episodes(setup, script, horizon, EPISODES))) >= least


@pytest.mark.parametrize(
    ("setup", "script", "horizon"),
    [
        (BLOCKED, scripts.closed_drawer, 80),
        (Setup("drawers", "opened", blocked=True), scripts.open_drawer, 80),
        (CLOSED, scripts.grasp_in_drawer, 50),
    ],
    ids=["grasp without closing the top", "open without closing the top", "grasp without opening"],
)
def test_no_part_of_a_task_can_be_left_out(setup: Setup, script: Make, horizon: int) -> None:
    assert not any(episodes(setup, script, horizon, EPISODES))


@pytest.mark.parametrize(("setup", "horizon"), [(PICK, 40), (CLOSED, 50), (BLOCKED, 80)])
def test_random_actions_break_nothing_and_solve_nothing(setup: Setup, horizon: int) -> None:
    env, solved, count = ManipulationEnv(setup, images=False), 0, 300 if LONG else 10
    for seed in range(count):
        env.reset(seed=seed)
        rng, rewards = np.random.default_rng(seed), []
        for _ in range(horizon):
            observation, reward, *_ = env.step(rng.uniform(-1, 1, 8).astype(np.float32))
            rewards.append(reward)
            assert np.isfinite(observation["state"]).all()
        solved += max(rewards) > 0
        assert [int(warning.number) for warning in env.data.warning] == [0] * len(env.data.warning)
    # one in a hundred may push the block into the tray
    assert solved <= max(1, count / 100)


def test_the_same_seed_gives_the_same_episode() -> None:
    def episode(env: ManipulationEnv) -> list[bytes]:
        first, _ = env.reset(seed=5)
        script, rng = scripts.closed_drawer(env), np.random.default_rng(5)
        steps = [env.step(scripts.noisy(next(script), rng)) for _ in range(30)]
        return [first["state"].tobytes(), *(step[0]["state"].tobytes() for step in steps)]

    env = ManipulationEnv(CLOSED, images=False)
    assert episode(env) == episode(env) == episode(ManipulationEnv(CLOSED, images=False))


HASH = """
import hashlib
from off2on.envs.manipulation.env import ManipulationEnv, Setup
print(hashlib.sha256(ManipulationEnv(Setup("drawers", "grasped")).reset(seed=1)[0]["image"]).hexdigest())
"""


@pytest.mark.usefixtures("opengl")
def test_pictures_are_those_of_a_fresh_process() -> None:
    """A renderer that is collected while another lives has spoilt pictures in older versions of MuJoCo."""
    fresh = subprocess.run([sys.executable, "-c", HASH], capture_output=True, text=True, check=True).stdout.strip()
    other = ManipulationEnv(PICK)
    other.reset(seed=0)
    env = ManipulationEnv(CLOSED)
    other.close()
    del other
    image = env.reset(seed=1)[0]["image"]
    assert (image.shape, image.dtype) == ((PIXELS, PIXELS, 3), np.uint8)
    assert hashlib.sha256(image).hexdigest() == fresh
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20
    env.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the way to take OpenGL away")
def test_without_opengl_there_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PICTURE], capture_output=True, text=True, env=os.environ | {"MUJOCO_GL": "disable"}
    )
    assert done.returncode != 0
    assert f"{Off2OnError.__name__}: no picture without OpenGL" in done.stderr


@pytest.mark.parametrize("action", [np.zeros(7), np.zeros(9), np.full(8, np.nan)])
def test_an_action_that_is_none_is_refused(action: np.ndarray) -> None:
    env = ManipulationEnv(PICK, images=False)
    env.reset(seed=0)
    with pytest.raises(Off2OnError, match="it must be 8 finite numbers"):
        env.step(action)


@pytest.mark.parametrize("wrong", [{"start_in_gripper": True}, {"goal": "placed"}])
def test_drawers_have_nothing_of_the_tray(wrong: dict[str, Any]) -> None:
    with pytest.raises(Off2OnError, match="not all of it is of kind 'drawers'"):
        replace(CLOSED, **wrong)


@pytest.mark.parametrize("wrong", [{"start_opened": True}, {"blocked": True}, {"goal": "opened"}])
def test_the_tray_has_nothing_of_drawers(wrong: dict[str, Any]) -> None:
    with pytest.raises(Off2OnError, match="not all of it is of kind 'pick-place'"):
        replace(PICK, **wrong)


@pytest.mark.usefixtures("opengl")
def test_marks_of_places_are_not_seen() -> None:
    env = ManipulationEnv(BLOCKED)
    image = env.reset(seed=0)[0]["image"]
    env.model.site_size[:] = 0.05
    assert np.array_equal(env.picture(PIXELS, PIXELS), image)
    # what the test relies on: where sites are drawn, they are seen
    env.model.site_group[:] = 0
    assert not np.array_equal(env.picture(PIXELS, PIXELS), image)
    env.close()


def test_the_gripper_keeps_what_it_was_told() -> None:
    env = ManipulationEnv(PICK, images=False)
    env.reset(seed=0)
    for value, opened in ((0.0, True), (-0.7, False), (0.1, False), (0.7, True), (-0.1, True)):
        action = np.zeros(8, np.float32)
        action[6] = value
        observation, *_ = env.step(action)
        assert env.gripper_open == bool(observation["state"][9]) == opened
