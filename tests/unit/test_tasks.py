from typing import Any

import numpy as np
import pytest

from off2on.envs.tasks import TASKS, get_task, make_env
from off2on.errors import Off2OnError


def healthy(name: str, qpos: np.ndarray, qvel: np.ndarray) -> bool:
    """Facts 7.6: hopper's and walker2d's limits on height, angle and (hopper) every other state."""
    height, angle = qpos[1], qpos[2]
    if name == "hopper":
        state = np.concatenate([qpos, qvel])[2:]
        return bool(height > 0.7 and abs(angle) < 0.2 and (np.abs(state) < 100).all())
    return bool(0.8 < height < 2.0 and abs(angle) < 1.0)


def expected_reward(name: str, before: float, qpos: np.ndarray, action: np.ndarray) -> float:
    """Forward velocity over the step's seconds, the alive bonus, the control cost (facts 7.6)."""
    seconds, bonus, cost = {"halfcheetah": (0.05, 0.0, 0.1)}.get(name, (0.008, 1.0, 1e-3))
    return float((qpos[0] - before) / seconds + bonus - cost * np.square(action).sum())


@pytest.mark.parametrize("name", TASKS)
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


@pytest.mark.parametrize("name", TASKS)
def test_sizes_and_bounds_are_the_environment_s(name: str) -> None:
    task = get_task(name)
    env: Any = make_env(task)
    assert env.observation_space.shape == (task.observation_size,)
    assert env.action_space.shape == (task.action_size,)
    assert env.action_space.low.min() == -1
    assert env.action_space.high.max() == 1
    assert task.horizon == 1000


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("halfcheetah", -280.178953, 12135.0), ("hopper", -20.272305, 3234.3), ("walker2d", 1.629008, 4592.3)],
)
def test_normalised_scores_use_d4rl_s_references(name: str, low: float, high: float) -> None:
    task = get_task(name)
    assert task.normalized(low) == 0
    assert task.normalized(high) == 100
    assert task.normalized((low + high) / 2) == pytest.approx(50)


def test_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(Off2OnError, match="unknown task 'ant'; known tasks: halfcheetah, hopper, walker2d"):
        get_task("ant")
