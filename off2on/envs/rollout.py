"""Batched roll-outs: several environments in lock-step, one policy call a step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from off2on.envs.make import make_env
from off2on.envs.task import Task
from off2on.observations import ObservationSpec

Floats = NDArray[np.float32]
Observations = NDArray[Any]
#: observations [n, ...], as the task has them, -> actions [n, A] in [-1, 1]
Policy = Callable[[Observations], Floats]


@dataclass
class Episode:
    """One episode of T steps: `observations [T+1, ...]`, `actions [T, A]`, `rewards [T]`, `terminal` or cut."""

    observations: Observations
    actions: Floats
    rewards: Floats
    #: the task itself ended the episode (a fall); False: the time limit or the step budget cut it
    terminal: bool
    #: it ran to a fall or to the task's horizon; False: the step budget cut it
    complete: bool

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def total(self) -> float:
        """The undiscounted return."""
        return float(self.rewards.sum(dtype=np.float64))

    @property
    def terminals(self) -> Floats:
        """`[T]`: 1 on the last step if the task ended there."""
        marks = np.zeros(len(self), np.float32)
        marks[-1] = float(self.terminal)
        return marks


def seen(spec: ObservationSpec, observation: Any) -> Observations:
    """What the agent sees of an environment's observation."""
    array = observation if spec.key is None else observation[spec.key]
    return np.asarray(array).astype(spec.dtype)


@dataclass
class _Lane:
    """One environment of the batch and the episode it is in."""

    env: Any
    spec: ObservationSpec
    observation: Observations
    observations: list[Observations] = field(default_factory=list)
    actions: list[Floats] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)

    def reset(self, seed: int) -> None:
        observation, _ = self.env.reset(seed=seed)
        self.observation = seen(self.spec, observation)
        self.observations, self.actions, self.rewards = [self.observation], [], []

    def step(self, action: Floats) -> bool:
        observation, reward, terminal, _, _ = self.env.step(action)
        self.observation = seen(self.spec, observation)
        self.observations.append(self.observation)
        self.actions.append(action)
        self.rewards.append(reward)
        return bool(terminal)

    def episode(self, *, terminal: bool, complete: bool) -> Episode:
        rewards = np.array(self.rewards, np.float32)
        return Episode(np.stack(self.observations), np.stack(self.actions), rewards, terminal, complete)


class Rollout:
    """Environments of one task, kept open over many roll-outs."""

    def __init__(self, task: Task, lanes: int) -> None:
        self.task = task
        self._lanes = [_Lane(make_env(task), task.observation, np.empty(0)) for _ in range(lanes)]

    def episodes(self, policy: Policy, seeds: list[int]) -> list[Episode]:
        """One whole episode a seed, in lock-step lanes; a finished lane takes the next seed.

        Args:
            policy: called once a step with the observations of the running lanes.
            seeds: reset seeds, one an episode; the result has their order.
        """
        done: dict[int, Episode] = {}
        waiting = list(enumerate(seeds))[::-1]
        running: list[tuple[int, _Lane]] = []
        for lane in self._lanes[: len(seeds)]:
            index, seed = waiting.pop()
            lane.reset(seed)
            running.append((index, lane))
        while running:
            actions = policy(np.stack([lane.observation for _, lane in running]))
            still: list[tuple[int, _Lane]] = []
            for (index, lane), action in zip(running, actions, strict=True):
                terminal = lane.step(action)
                if terminal or len(lane.actions) >= self.task.horizon:
                    done[index] = lane.episode(terminal=terminal, complete=True)
                    if not waiting:
                        continue
                    index, seed = waiting.pop()
                    lane.reset(seed)
                still.append((index, lane))
            running = still
        return [done[index] for index in range(len(seeds))]

    def explore(self, policy: Policy, steps: int, rng: np.random.Generator) -> list[Episode]:
        """Exactly `steps` steps a lane, in episodes that start with a reset; the last one is cut [S40]."""
        found: list[Episode] = []
        for lane in self._lanes:
            lane.reset(_seed(rng))
        for step in range(1, steps + 1):
            actions = policy(np.stack([lane.observation for lane in self._lanes]))
            for lane, action in zip(self._lanes, actions, strict=True):
                terminal = lane.step(action)
                complete = terminal or len(lane.actions) >= self.task.horizon
                if complete or step == steps:
                    found.append(lane.episode(terminal=terminal, complete=complete))
                    if step < steps:
                        lane.reset(_seed(rng))
        return found


def episode_seeds(rng: np.random.Generator, count: int) -> list[int]:
    """Reset seeds for `count` episodes."""
    return [_seed(rng) for _ in range(count)]


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
