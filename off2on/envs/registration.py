"""The Gymnasium ids of this project; nothing here loads MuJoCo."""

from typing import Any

from gymnasium.envs.registration import register

from off2on.envs.tasks import get_task

#: task -> what `make` is called with
_SETUPS: dict[str, dict[str, Any]] = {
    "pick-place": {"kind": "pick-place", "goal": "placed"},
    "grasp-closed-drawer": {"kind": "drawers", "goal": "grasped"},
    "grasp-blocked-drawer": {"kind": "drawers", "goal": "grasped", "blocked": True},
}


def register_all() -> None:
    """Register the manipulation tasks; `start_opened` and `start_in_gripper` may be given to `gymnasium.make`."""
    for name, setup in _SETUPS.items():
        task = get_task(name)
        register(task.env_id, "off2on.envs.manipulation.env:make", max_episode_steps=task.horizon, kwargs=setup)
