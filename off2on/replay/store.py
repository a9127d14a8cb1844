"""The one transition store of a run: offline rows first, online rows appended."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from off2on.data.batch import Batch, Column
from off2on.data.dataset import Dataset
from off2on.observations import ObservationSpec

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
ROW_ARRAYS = ("frame", "actions", "rewards", "terminals")


class TransitionStore:
    """Transitions over a shared array of frames: the next observation of frame `f` is frame `f + 1`.

    An episode of T steps holds T + 1 frames, so no observation is stored twice. Images stay uint8.

    Args:
        observation: shape and type of a frame.
        action_size: dimensions of an action.
        capacity: transitions that fit before the arrays grow.
        derived: further columns by name, functions of the rewards and of the ends of episodes.
    """

    def __init__(
        self,
        observation: ObservationSpec,
        action_size: int,
        capacity: int,
        derived: Mapping[str, Column] | None = None,
    ) -> None:
        self.size = 0
        self.frames = 0
        self.derived = dict(derived or {})
        self.observations: NDArray[Any] = np.empty((capacity, *observation.shape), observation.dtype)
        self.frame: Rows = np.empty(capacity, np.int64)
        self.actions: Floats = np.empty((capacity, action_size), np.float32)
        self.rewards: Floats = np.empty(capacity, np.float32)
        self.terminals: Floats = np.empty(capacity, np.float32)
        self.extra: dict[str, Floats] = {name: np.empty(capacity, np.float32) for name in self.derived}

    @classmethod
    def from_dataset(cls, dataset: Dataset, derived: Mapping[str, Column] | None = None) -> Self:
        """All transitions of a dataset in the Q-learning view [S103]."""
        starts = dataset.starts()
        shape = dataset.observations.shape[1:]
        observation = ObservationSpec(shape, str(dataset.observations.dtype))
        store = cls(observation, dataset.actions.shape[1], 0, derived)
        ends = dataset.terminals | dataset.timeouts
        extra = {name: column(dataset.rewards, ends)[starts] for name, column in store.derived.items()}
        store.append(
            dataset.observations,
            dataset.actions[starts],
            dataset.rewards[starts],
            dataset.terminals[starts].astype(np.float32),
            frame=starts,
            extra=extra,
        )
        return store

    def append(
        self,
        observations: NDArray[Any],
        actions: Floats,
        rewards: Floats,
        terminals: Floats,
        frame: Rows | None = None,
        extra: Mapping[str, Floats] | None = None,
    ) -> Rows:
        """Append transitions and return their row numbers.

        Args:
            observations: frames `[F, ...]`; of one episode, F = T + 1.
            actions: `[T, A]` in [-1, 1].
            rewards: `[T]`.
            terminals: `[T]`, 1 where the task ended (never for a time limit).
            frame: which of the frames each transition starts from; default `0 .. T-1`.
            extra: the derived columns `[T]`; default: the transitions are one episode.
        """
        count = len(actions)
        if extra is None:
            extra = {name: column(rewards, np.arange(count) == count - 1) for name, column in self.derived.items()}
        frame = np.arange(count) if frame is None else frame
        self._reserve(self.frames + len(observations), self.size + count)
        rows = np.arange(self.size, self.size + count)
        self.observations[self.frames : self.frames + len(observations)] = observations
        self.frame[rows] = frame + self.frames
        self.actions[rows], self.rewards[rows], self.terminals[rows] = actions, rewards, terminals
        for name, values in extra.items():
            self.extra[name][rows] = values
        self.frames += len(observations)
        self.size += count
        return rows

    def _reserve(self, frames: int, size: int) -> None:
        if frames > len(self.observations):
            self.observations = _grown(self.observations, frames)
        if size > len(self.actions):
            for name in ROW_ARRAYS:
                setattr(self, name, _grown(getattr(self, name), size))
            self.extra = {name: _grown(values, size) for name, values in self.extra.items()}

    def batch(self, rows: Rows) -> Batch:
        """The transitions of the given rows; observations as they are stored, all else float32."""
        frame = self.frame[rows]
        return Batch(
            torch.from_numpy(self.observations[frame]),
            torch.from_numpy(self.actions[rows]),
            torch.from_numpy(self.rewards[rows]),
            torch.from_numpy(self.observations[frame + 1]),
            torch.from_numpy(self.terminals[rows]),
            {name: torch.from_numpy(values[rows]) for name, values in self.extra.items()},
        )

    def pairs(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Observations and actions alone, as the density network needs them."""
        return torch.from_numpy(self.observations[self.frame[rows]]), torch.from_numpy(self.actions[rows])

    def tail_state(self, row: int, frame: int) -> dict[str, Tensor]:
        """Everything from row `row` and frame `frame` on, for a checkpoint; the rest is the dataset's."""
        tail = {name: getattr(self, name)[row : self.size] for name in ROW_ARRAYS}
        tail["observations"] = self.observations[frame : self.frames]
        tail |= {f"extra/{name}": values[row : self.size] for name, values in self.extra.items()}
        return {f"store/{name}": torch.from_numpy(array) for name, array in tail.items()}

    def load_tail(self, tensors: Mapping[str, Tensor]) -> None:
        """Append what `tail_state` gave."""
        tail = {name: tensors[f"store/{name}"].numpy() for name in ("observations", *ROW_ARRAYS)}
        extra = {name: tensors[f"store/extra/{name}"].numpy() for name in self.extra}
        self.append(**tail | {"frame": tail["frame"] - self.frames}, extra=extra)


def _grown(array: NDArray[Any], needed: int) -> NDArray[Any]:
    grown = np.empty((max(needed, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
