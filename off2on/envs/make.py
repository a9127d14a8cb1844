"""The environment of a task."""

import warnings
from typing import Any

import numpy as np

from off2on.envs.task import Task


def make_env(task: Task) -> Any:
    """The bare environment, without Gymnasium's time limit [S43]; it takes actions in [-1, 1]."""
    import gymnasium
    import mujoco

    mujoco.set_mju_user_warning(_warn)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*out of date.*")
        env = gymnasium.make(task.env_id, disable_env_checker=True).unwrapped
    space: Any = env.action_space
    if (space.low == -1).all() and (space.high == 1).all():
        return env
    low, high = np.float32(-1), np.float32(1)
    return gymnasium.wrappers.RescaleAction(env, low, high)


def _warn(message: str) -> None:
    """MuJoCo's warnings, without the one that Gymnasium's half_cheetah.xml gives at every start."""
    if "settotalmass" not in message:
        warnings.warn(message, RuntimeWarning, stacklevel=2)
