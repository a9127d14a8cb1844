"""The Gymnasium ids of this project; nothing here loads MuJoCo."""

from typing import Any

from gymnasium.envs.registration import register

#: id -> steps of an episode
IDS = {"off2on/PickPlace-v0": 40, "off2on/GraspClosedDrawer-v0": 50, "off2on/GraspBlockedDrawer-v0": 80}
_SETUPS: dict[str, dict[str, Any]] = {
    "off2on/PickPlace-v0": {"kind": "pick-place", "goal": "placed"},
    "off2on/GraspClosedDrawer-v0": {"kind": "drawers", "goal": "grasped"},
    "off2on/GraspBlockedDrawer-v0": {"kind": "drawers", "goal": "grasped", "blocked": True},
}


def register_all() -> None:
    """Register the manipulation tasks; `start_opened` and `start_in_gripper` may be given to `gymnasium.make`."""
    for name, steps in IDS.items():
        register(name, "off2on.envs.manipulation.env:make", max_episode_steps=steps, kwargs=_SETUPS[name])
