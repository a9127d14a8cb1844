"""The tasks: Gymnasium's locomotion with D4RL's reference scores [S108, S109], this project's manipulation."""

from off2on.envs.task import Task
from off2on.errors import find
from off2on.observations import ObservationSpec

#: the agent sees nothing but the picture [S126]
_PIXELS = ObservationSpec((48, 48, 3), "uint8", "image")


def _manipulation(name: str, env_id: str, horizon: int) -> Task:
    return Task(name, env_id, _PIXELS, 8, horizon=horizon, family="manipulation", datasets=("mixed",))


TASKS = {
    task.name: task
    for task in (
        Task("halfcheetah", "HalfCheetah-v4", ObservationSpec((17,)), 6, -280.178953, 12135.0),
        Task("hopper", "Hopper-v4", ObservationSpec((11,)), 3, -20.272305, 3234.3),
        Task("walker2d", "Walker2d-v4", ObservationSpec((17,)), 6, 1.629008, 4592.3),
        _manipulation("pick-place", "off2on/PickPlace-v0", 40),
        _manipulation("grasp-closed-drawer", "off2on/GraspClosedDrawer-v0", 50),
        _manipulation("grasp-blocked-drawer", "off2on/GraspBlockedDrawer-v0", 80),
    )
}


#: every name that a dataset of some task has
DATASETS = tuple(dict.fromkeys(dataset for task in TASKS.values() for dataset in task.datasets))


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("task", name, TASKS)


def names_of(family: str) -> list[str]:
    """The tasks that belong together."""
    return [name for name, task in TASKS.items() if task.family == family]


def pairs() -> list[tuple[str, str]]:
    """Every task with each dataset that there is of it."""
    return [(task.name, dataset) for task in TASKS.values() for dataset in task.datasets]
