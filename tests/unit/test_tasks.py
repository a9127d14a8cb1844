"""The tasks: rewards, ends, sizes and bounds of their environments, and scores."""

from typing import Any

import numpy as np
import pytest

from off2on.envs.make import make_env
from off2on.envs.rollout import Rollout
from off2on.envs.task import Task
from off2on.envs.tasks import get_task, names_of, pairs
from off2on.errors import Off2OnError
from off2on.observations import ObservationSpec


def healthy(name: str, qpos: np.ndarray, qvel: np.ndarray) -> bool:
    """Hopper's and walker2d's limits on height, angle and (hopper) every other state [S109]."""
    height, angle = qpos[1], qpos[2]
    if name == "hopper":
        state = np.concatenate([qpos, qvel])[2:]
        return bool(height > 0.7 and abs(angle) < 0.2 and (np.abs(state) < 100).all())
    return bool(0.8 < height < 2.0 and abs(angle) < 1.0)


def expected_reward(name: str, before: float, qpos: np.ndarray, action: np.ndarray) -> float:
    """Forward velocity over the step's seconds, the alive bonus, the control cost [S109]."""
    seconds, bonus, cost = {"halfcheetah": (0.05, 0.0, 0.1)}.get(name, (0.008, 1.0, 1e-3))
    return float((qpos[0] - before) / seconds + bonus - cost * np.square(action).sum())


@pytest.mark.parametrize("name", names_of("locomotion"))
def test_rewards_and_ends_are_those_of_the_equations(name: str) -> None:
    env: Any = make_env(get_task(name))
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    ends = 0
    for step in range(1000):
        before = float(env.data.qpos[0])
        action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        observation, reward, terminal, truncated, _ = env.step(action)
        qpos, qvel = env.data.qpos.copy(), env.data.qvel.copy()
        assert reward == pytest.approx(expected_reward(name, before, qpos, action), abs=1e-6)
        assert terminal == (name != "halfcheetah" and not healthy(name, qpos, qvel))
        assert not truncated
        clipped = qvel if name == "halfcheetah" else np.clip(qvel, -10, 10)
        np.testing.assert_allclose(observation, np.concatenate([qpos[1:], clipped]))
        if terminal:
            ends += 1
            env.reset(seed=step)
    assert ends == 0 if name == "halfcheetah" else ends > 10


@pytest.mark.parametrize("name", ["hopper", "walker2d"])
@pytest.mark.parametrize(
    ("index", "value"), [(1, 0.69), (1, 0.81), (1, 2.1), (2, 0.19), (2, -0.21), (2, 1.1), (-1, 101)]
)
def test_limits_of_height_angle_and_state(name: str, index: int, value: float) -> None:
    """`index` counts through qpos; -1 is the last velocity."""
    env: Any = make_env(get_task(name))
    env.reset(seed=0)
    qpos, qvel = np.zeros_like(env.data.qpos), np.zeros_like(env.data.qvel)
    qpos[1] = 1.25
    if index < 0:
        qvel[index] = value
    else:
        qpos[index] = value
    env.set_state(qpos, qvel)
    assert env.is_healthy == healthy(name, qpos, qvel)


@pytest.mark.parametrize("name", names_of("locomotion"))
def test_sizes_and_bounds_are_those_of_the_environment(name: str) -> None:
    task = get_task(name)
    env: Any = make_env(task)
    assert env.observation_space.shape == task.observation.shape
    assert env.action_space.shape == (task.action_size,)
    assert (env.action_space.low == -1).all()
    assert (env.action_space.high == 1).all()
    # nothing stands between: the locomotion tasks take actions as they are
    assert env is env.unwrapped
    assert task.horizon == 1000
    assert (task.sizes.observation, task.sizes.action) == (task.observation, task.action_size)


PENDULUM = Task("pendulum", "Pendulum-v1", ObservationSpec((3,)), 1, -1200.0, -150.0, horizon=20)


def test_an_environment_of_other_bounds_is_stepped_over_its_whole_range() -> None:
    env: Any = make_env(PENDULUM)
    assert (env.unwrapped.action_space.low, env.unwrapped.action_space.high) == (-2, 2)
    assert (env.action_space.low, env.action_space.high) == (-1, 1)
    env.reset(seed=0)
    for action, torque in ((-1.0, -2.0), (-0.25, -0.5), (0.0, 0.0), (0.5, 1.0), (1.0, 2.0)):
        env.step(np.array([action], np.float32))
        assert env.unwrapped.last_u == pytest.approx(torque)


def test_a_roll_out_keeps_the_actions_of_the_agent() -> None:
    rollout = Rollout(PENDULUM, 1)
    env: Any = rollout._lanes[0].env
    (episode,) = rollout.episodes(lambda observations: np.ones((len(observations), 1), np.float32), [3])
    assert (episode.actions == 1).all()
    assert env.unwrapped.last_u == 2
    assert len(episode) == PENDULUM.horizon
    assert episode.observations.shape == (21, 3)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("halfcheetah", -280.178953, 12135.0), ("hopper", -20.272305, 3234.3), ("walker2d", 1.629008, 4592.3)],
)
def test_normalised_scores_use_the_references_of_d4rl(name: str, low: float, high: float) -> None:
    task = get_task(name)
    assert task.normalized(low) == 0
    assert task.normalized(high) == 100
    assert task.normalized((low + high) / 2) == pytest.approx(50)


def test_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(Off2OnError, match="unknown task 'ant'; known tasks: halfcheetah, hopper, walker2d, pick"):
        get_task("ant")


@pytest.mark.parametrize("name", names_of("manipulation"))
def test_manipulation_has_no_score_and_data_of_its_own(name: str) -> None:
    task = get_task(name)
    assert task.normalized(3.0) is None
    assert task.datasets == ("mixed",)
    assert (name, "mixed") in pairs()
    assert (name, "random") not in pairs()
    env: Any = make_env(task)
    assert env.observation_space["image"].shape == task.observation.shape
    assert env.action_space.shape == (task.action_size,)
    env.close()
