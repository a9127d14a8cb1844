"""The locomotion tasks: Gymnasium's v4 environments and D4RL's reference scores [S108, S109]."""

from off2on.envs.task import Task
from off2on.errors import find
from off2on.observations import ObservationSpec

TASKS = {
    task.name: task
    for task in (
        Task("halfcheetah", "HalfCheetah-v4", ObservationSpec((17,)), 6, -280.178953, 12135.0),
        Task("hopper", "Hopper-v4", ObservationSpec((11,)), 3, -20.272305, 3234.3),
        Task("walker2d", "Walker2d-v4", ObservationSpec((17,)), 6, 1.629008, 4592.3),
    )
}


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("task", name, TASKS)
