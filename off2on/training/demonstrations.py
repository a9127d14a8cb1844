"""Offline data of the manipulation tasks: demonstrations of both halves of a task, and random actions.

The prior half ends where the task's half begins, and its rewards are set to 0: no demonstration solves a whole
task, so an agent has to join the two [S130].
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from off2on.data.dataset import Dataset, write_dataset
from off2on.envs.manipulation import scripts
from off2on.envs.manipulation.env import ManipulationEnv, Setup
from off2on.envs.manipulation.scripts import Script
from off2on.envs.tasks import get_task
from off2on.errors import find
from off2on.sections import Demonstrations
from off2on.seeding import Rng, stream
from off2on.training.attributes import dataset_attributes
from off2on.training.progress import progress_bar

#: names of the origins of rows
ORIGINS = ("scripted prior", "scripted task", "random")
#: episodes that one process makes at a time; each such part has a generator of its own
PART_EPISODES = 100
#: makes the executed actions of an episode
Policy = Callable[[ManipulationEnv, Rng], Iterator[NDArray[np.float32]]]


class Half(NamedTuple):
    """A part of a task, its script and the steps of an episode.

    Nine of ten first halves are done within their steps, and few rest for long: a learner that joins the halves
    has to leave where the first one rests, and rows that stay there hold it back for longer than the horizon.
    """

    setup: Setup
    script: Callable[..., Script]
    steps: int


@dataclass(frozen=True)
class Recipe:
    """What the data of a task are made of; random actions are taken in the task itself."""

    whole: Setup
    prior: Half
    task: Half


_GRASP = Half(Setup("drawers", "grasped", start_opened=True), scripts.grasp_in_drawer, 30)
_PICK_PLACE, _CLOSED = Setup("pick-place", "placed"), Setup("drawers", "grasped")
_BLOCKED = Setup("drawers", "grasped", blocked=True)
RECIPES = {
    "pick-place": Recipe(
        _PICK_PLACE,
        Half(_PICK_PLACE, scripts.pick, 18),
        Half(Setup("pick-place", "placed", start_in_gripper=True), scripts.put, 25),
    ),
    "grasp-closed-drawer": Recipe(_CLOSED, Half(_CLOSED, scripts.open_drawer, 20), _GRASP),
    "grasp-blocked-drawer": Recipe(_BLOCKED, Half(_BLOCKED, scripts.clear_and_open_drawer, 40), _GRASP),
}


class Part(NamedTuple):
    """Episodes of one kind, which a process makes in one go."""

    task: str
    #: a number in `ORIGINS`
    kind: int
    #: its number among the parts of its kind, of which the random numbers depend
    number: int
    #: steps of each episode
    lengths: tuple[int, ...]
    settings: Demonstrations
    images: bool


class Rows(NamedTuple):
    """The rows of a part."""

    kind: int
    images: NDArray[np.uint8]
    actions: NDArray[np.float32]
    rewards: NDArray[np.float32]
    #: last rows of episodes
    ends: NDArray[np.bool_]


def demonstrations(task: str, settings: Demonstrations, workers: int = 1, images: bool = True) -> Dataset:
    """The data of a task: prior half, task's half, random actions, in this order.

    Args:
        task: a key of `RECIPES`.
        settings: how much of each, how noisy, and the seed; more of one kind changes no other.
        workers: processes; the data do not depend on it.
        images: False: black ones, without OpenGL.

    Returns:
        images as observations; `origin` says which of `ORIGINS` a row is; every episode ends with a timeout.
    """
    parts = list(_parts(task, settings, images))
    with progress_bar(f"{task} demonstrations", sum(sum(part.lengths) for part in parts), "step") as bar:
        found = []
        for rows in _made(parts, workers):
            found.append(rows)
            bar.update(len(rows.actions))
    return _joined(found, get_task(task).horizon)


def collect_demonstrations(
    named: tuple[str, str, str], settings: Demonstrations, out: Path, workers: int = 1
) -> None:
    """Make the dataset file of a manipulation task; the same arguments on one machine give the same bytes.

    Args:
        named: source, task and dataset. The data are made here, whatever the source of other tasks' data is.
        settings: how much of what.
        out: the HDF5 file.
        workers: processes.

    Raises:
        Off2OnError: the task has no such dataset, this machine has no OpenGL, or the file is not writable.
    """
    task = get_task(named[1])
    find(f"{task.name} dataset", named[2], dict.fromkeys(task.datasets))
    dataset = demonstrations(task.name, settings, workers)
    recipe = "scripted halves and random actions"
    dataset.attributes = dataset_attributes(named, task.env_id, recipe, settings, __name__)
    write_dataset(out, dataset)


def _parts(task: str, settings: Demonstrations, images: bool) -> Iterator[Part]:
    recipe = RECIPES[task]
    whole, rest = divmod(settings.random, steps := get_task(task).horizon)
    lengths = (
        [recipe.prior.steps] * settings.prior_episodes,
        [recipe.task.steps] * settings.task_episodes,
        [steps] * whole + [rest] * (rest > 0),
    )
    for kind, wanted in enumerate(lengths):
        for number, start in enumerate(range(0, len(wanted), PART_EPISODES)):
            some = tuple(wanted[start : start + PART_EPISODES])
            yield Part(task, kind, number, some, settings, images)


def _made(parts: list[Part], workers: int) -> Iterator[Rows]:
    if workers == 1:
        yield from map(_rows, parts)
        return
    # fresh processes: OpenGL does not survive a fork
    with ProcessPoolExecutor(min(workers, len(parts)), get_context("spawn")) as pool:
        yield from pool.map(_rows, parts)


def _rows(part: Part) -> Rows:
    """Roll out the episodes of a part."""
    recipe, settings = RECIPES[part.task], part.settings
    setup = (recipe.prior.setup, recipe.task.setup, recipe.whole)[part.kind]
    policy = (_prior(recipe.prior.script, settings), _scripted(recipe.task.script, settings.noise), _random)[
        part.kind
    ]
    env = ManipulationEnv(setup, images=part.images)
    rng = stream("demonstrations", part.task, settings.seed, ORIGINS[part.kind], part.number)
    images, actions, rewards, ends = [], [], [], []
    for steps in part.lengths:
        observation, _ = env.reset(seed=int(rng.integers(2**31)))
        for step, action in zip(range(steps), policy(env, rng), strict=False):
            images.append(observation["image"])
            observation, reward, *_ = env.step(action)
            actions.append(action)
            # the first half of a task is no success
            rewards.append(0.0 if part.kind == 0 else reward)
            ends.append(step == steps - 1)
    env.close()
    return Rows(
        part.kind, np.stack(images), np.stack(actions), np.array(rewards, np.float32), np.array(ends, np.bool_)
    )


def _scripted(script: Callable[[ManipulationEnv], Script], noise: float) -> Policy:
    return lambda env, rng: (scripts.noisy(command, rng, noise) for command in script(env))


def _prior(script: Callable[..., Script], settings: Demonstrations) -> Policy:
    """A share of the episodes by the script's worse variant."""

    def policy(env: ManipulationEnv, rng: Rng) -> Iterator[NDArray[np.float32]]:
        worse = settings.suboptimal > 0 and rng.random() < settings.suboptimal
        commands = script(env, rng) if worse else script(env)
        return (scripts.noisy(command, rng, settings.noise) for command in commands)

    return policy


def _random(_env: ManipulationEnv, rng: Rng) -> Iterator[NDArray[np.float32]]:
    while True:
        yield rng.uniform(-1, 1, 8).astype(np.float32)


def _joined(parts: list[Rows], horizon: int) -> Dataset:
    ends = np.concatenate([part.ends for part in parts])
    return Dataset(
        observations=np.concatenate([part.images for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        rewards=np.concatenate([part.rewards for part in parts]),
        terminals=np.zeros(len(ends), np.bool_),
        timeouts=ends,
        origin=np.concatenate([np.full(len(part.ends), part.kind, np.uint8) for part in parts]),
        origin_names=ORIGINS,
        horizon=horizon,
        observation_key="image",
    )
