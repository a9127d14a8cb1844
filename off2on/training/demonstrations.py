"""Offline data of the manipulation tasks: demonstrations of both halves of a task, and random actions.

The prior half ends where the task's half begins, and its rewards are set to 0: no demonstration solves a whole
task, so an agent has to join the two [S130].
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from off2on.data.dataset import Dataset
from off2on.envs.manipulation import scripts
from off2on.envs.manipulation.env import ManipulationEnv, Setup
from off2on.envs.manipulation.scripts import Script
from off2on.envs.registration import IDS
from off2on.seeding import Rng, stream

#: names of the origins of rows
ORIGINS = ("scripted prior", "scripted task", "random")
#: makes the executed actions of an episode
Policy = Callable[[ManipulationEnv, Rng], Iterator["np.ndarray[tuple[int], np.dtype[np.float32]]"]]


class Half(NamedTuple):
    """A part of a task, its script and the steps of an episode."""

    setup: Setup
    script: Callable[[ManipulationEnv], Script]
    steps: int


@dataclass(frozen=True)
class Recipe:
    """What the data of a task are made of; random actions are taken in the task itself."""

    env_id: str
    whole: Setup
    prior: Half
    task: Half


_GRASP = Half(Setup("drawers", "grasped", start_opened=True), scripts.grasp_in_drawer, 30)
_PICK_PLACE, _CLOSED = Setup("pick-place", "placed"), Setup("drawers", "grasped")
_BLOCKED = Setup("drawers", "grasped", blocked=True)
RECIPES = {
    "pick-place": Recipe(
        "off2on/PickPlace-v0",
        _PICK_PLACE,
        Half(_PICK_PLACE, scripts.pick, 30),
        Half(Setup("pick-place", "placed", start_in_gripper=True), scripts.put, 25),
    ),
    "grasp-closed-drawer": Recipe(
        "off2on/GraspClosedDrawer-v0", _CLOSED, Half(_CLOSED, scripts.open_drawer, 30), _GRASP
    ),
    "grasp-blocked-drawer": Recipe(
        "off2on/GraspBlockedDrawer-v0", _BLOCKED, Half(_BLOCKED, scripts.clear_and_open_drawer, 50), _GRASP
    ),
}


@dataclass(frozen=True)
class Amounts:
    """How much of each kind, and how noisy."""

    prior_episodes: int
    task_episodes: int
    #: transitions, not episodes
    random: int
    noise: float = scripts.NOISE
    images: bool = True


def demonstrations(task: str, amounts: Amounts, seed: int) -> Dataset:
    """The data of a task: prior half, task's half, random actions, in this order.

    Args:
        task: a key of `RECIPES`.
        amounts: of each.
        seed: of everything random; each kind has a generator of its own.

    Returns:
        images as observations; `origin` says which of `ORIGINS` a row is; every episode ends with a timeout.
    """
    recipe = RECIPES[task]
    steps = IDS[recipe.env_id]
    parts = (
        _Rows(recipe.prior.setup, _scripted(recipe.prior.script, amounts.noise), amounts.images, paid=False),
        _Rows(recipe.task.setup, _scripted(recipe.task.script, amounts.noise), amounts.images),
        _Rows(recipe.whole, _random, amounts.images),
    )
    lengths = (
        [recipe.prior.steps] * amounts.prior_episodes,
        [recipe.task.steps] * amounts.task_episodes,
        [steps] * (amounts.random // steps) + [amounts.random % steps] * (amounts.random % steps > 0),
    )
    for part, wanted, name in zip(parts, lengths, ORIGINS, strict=True):
        rng = stream("demonstrations", task, seed, name)
        for length in wanted:
            part.episode(length, rng)
        part.env.close()
    return _joined(parts, steps)


def _scripted(script: Callable[[ManipulationEnv], Script], noise: float) -> Policy:
    return lambda env, rng: (scripts.noisy(command, rng, noise) for command in script(env))


def _random(_env: ManipulationEnv, rng: Rng) -> Iterator["np.ndarray[tuple[int], np.dtype[np.float32]]"]:
    while True:
        yield rng.uniform(-1, 1, 8).astype(np.float32)


class _Rows:
    """The rows of one kind of data."""

    def __init__(self, setup: Setup, policy: Policy, images: bool, paid: bool = True) -> None:
        self.env, self.policy, self.paid = ManipulationEnv(setup, images=images), policy, paid
        self.images: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
        self.actions: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
        self.rewards: list[float] = []
        self.ends: list[bool] = []

    def episode(self, steps: int, rng: Rng) -> None:
        observation, _ = self.env.reset(seed=int(rng.integers(2**31)))
        actions = self.policy(self.env, rng)
        for step in range(steps):
            action = next(actions)
            self.images.append(observation["image"])
            observation, reward, *_ = self.env.step(action)
            self.actions.append(action)
            self.rewards.append(reward * self.paid)
            self.ends.append(step == steps - 1)


def _joined(parts: tuple[_Rows, ...], horizon: int) -> Dataset:
    sizes = [len(part.actions) for part in parts]
    ends = np.concatenate([np.array(part.ends, np.bool_) for part in parts])
    return Dataset(
        observations=np.concatenate([np.stack(part.images) for part in parts if part.images]),
        actions=np.concatenate([np.stack(part.actions) for part in parts if part.actions]),
        rewards=np.concatenate([np.array(part.rewards, np.float32) for part in parts]),
        terminals=np.zeros(len(ends), np.bool_),
        timeouts=ends,
        origin=np.repeat(np.arange(len(parts), dtype=np.uint8), sizes),
        origin_names=ORIGINS,
        horizon=horizon,
        observation_key="image",
    )
