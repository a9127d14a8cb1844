"""Tasks of a scale's file: any Gymnasium environment whose observations and actions are vectors."""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from off2on.config import Count, Section
from off2on.envs.task import Task
from off2on.envs.tasks import TASKS
from off2on.errors import Off2OnError
from off2on.observations import ObservationSpec

#: what may be part of paths and patterns
TaskName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class OwnTask(Section):
    """What the DAG must know of a task before anything loads Gymnasium."""

    env_id: str = Field(min_length=1, description="Gymnasium's id, such as Pendulum-v1")
    observations: Count = Field(description="numbers of an observation")
    actions: Count = Field(description="numbers of an action; agents act in [-1, 1], whatever the bounds are")
    random_return: float = Field(description="return of a random policy: score 0")
    expert_return: float = Field(description="return of an expert: score 100")
    horizon: Count = Field(1000, description="steps after which an episode is cut")

    @model_validator(mode="after")
    def _ordered(self) -> "OwnTask":
        if self.random_return >= self.expert_return:
            raise ValueError("random_return must be below expert_return")
        return self

    def task(self, name: str) -> Task:
        """The task, as everything else has it."""
        spec = ObservationSpec((self.observations,))
        bounds = (self.random_return, self.expert_return)
        return Task(name, self.env_id, spec, self.actions, *bounds, horizon=self.horizon)


#: name -> the file that brought the task
_FILES: dict[str, str] = {}


def add_tasks(own: Mapping[str, OwnTask], file: str) -> None:
    """Make the tasks of a file known by their names, in this process.

    Raises:
        Off2OnError: the name is that of another task.
    """
    for name, task in own.items():
        if name in TASKS and (name not in _FILES or TASKS[name] != task.task(name)):
            raise Off2OnError(f"{file}: own_tasks.{name}: '{name}' is another task already; choose another name")
        _FILES[name] = file
        TASKS[name] = task.task(name)


def check_environment(task: Task) -> None:
    """Compare a task of a file with its environment; those of the project have tests.

    Agents play the environment itself, at actions from -1 to 1 that are scaled to its bounds.

    Raises:
        Off2OnError: there is no such environment, its spaces are others than the file says, its actions have no
            bounds, or its id stands for it inside a wrapper, which would not be played.
    """
    if task.name not in _FILES:
        return
    import gymnasium
    import numpy as np

    where = f"{_FILES[task.name]}: own_tasks.{task.name}"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*out of date.*")
            env = gymnasium.make(task.env_id)
    except Exception as error:
        raise Off2OnError(f"{where}: gymnasium cannot make {task.env_id}: {error}") from None
    sizes = {"observations": task.observation.size, "actions": task.action_size}
    for key, space in zip(sizes, (env.observation_space, env.action_space), strict=True):
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            raise Off2OnError(f"{where}: {task.env_id} has {key} {space}; vectors are needed (a Box of one axis)")
        if space.shape[0] != sizes[key]:
            raise Off2OnError(f"{where}: {key}: {task.env_id} has {space.shape[0]} (got {sizes[key]})")
    actions: Any = env.action_space
    if not np.issubdtype(actions.dtype, np.floating) or not actions.is_bounded():
        raise Off2OnError(f"{where}: {task.env_id} has actions {actions}; floats with bounds are needed")
    longest = env.spec.max_episode_steps if env.spec else None
    if longest is not None and task.horizon > longest:
        raise Off2OnError(f"{where}: horizon: {task.env_id} ends after {longest} steps (got {task.horizon})")
    if wrappers := _wrappers(env):
        raise Off2OnError(
            f"{where}: {task.env_id} is an environment inside {', '.join(wrappers)}, and agents would play it "
            "without; register one that does this itself"
        )
    env.close()


def _wrappers(env: Any) -> list[str]:
    """What is around an environment besides what Gymnasium puts around every one, from outside inwards."""
    from gymnasium import Wrapper, wrappers

    usual = (wrappers.PassiveEnvChecker, wrappers.OrderEnforcing, wrappers.TimeLimit)
    found = []
    while isinstance(env, Wrapper):
        found += [] if isinstance(env, usual) else [type(env).__name__]
        env = env.env
    return found
