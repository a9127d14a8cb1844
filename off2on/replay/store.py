"""The one transition store of a run: offline rows first, online rows appended (design, section 4)."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from off2on.data.batch import Batch
from off2on.data.dataset import Dataset

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
ROW_ARRAYS = ("frame", "actions", "rewards", "terminals")


class TransitionStore:
    """Transitions over a shared array of frames: the next observation of frame `f` is frame `f + 1`.

    An episode of T steps holds T + 1 frames, so no observation is stored twice.
    """

    def __init__(self, observation_size: int, action_size: int, capacity: int) -> None:
        self.size = 0
        self.frames = 0
        self.observations: Floats = np.empty((capacity, observation_size), np.float32)
        self.frame: Rows = np.empty(capacity, np.int64)
        self.actions: Floats = np.empty((capacity, action_size), np.float32)
        self.rewards: Floats = np.empty(capacity, np.float32)
        self.terminals: Floats = np.empty(capacity, np.float32)

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> Self:
        """All transitions of a dataset in the Q-learning view (facts 1.9)."""
        starts = dataset.starts()
        store = cls(dataset.observations.shape[1], dataset.actions.shape[1], 0)
        store.append(
            dataset.observations,
            dataset.actions[starts],
            dataset.rewards[starts],
            dataset.terminals[starts].astype(np.float32),
            frame=starts,
        )
        return store

    def append(
        self,
        observations: Floats,
        actions: Floats,
        rewards: Floats,
        terminals: Floats,
        frame: Rows | None = None,
    ) -> Rows:
        """Append transitions and return their row numbers.

        Args:
            observations: frames `[F, O]`; of one episode, F = T + 1.
            actions: `[T, A]` in [-1, 1].
            rewards: `[T]`.
            terminals: `[T]`, 1 where the task ended (never for a time limit).
            frame: which of the frames each transition starts from; default `0 .. T-1`.
        """
        count = len(actions)
        frame = np.arange(count) if frame is None else frame
        self._reserve(self.frames + len(observations), self.size + count)
        rows = np.arange(self.size, self.size + count)
        self.observations[self.frames : self.frames + len(observations)] = observations
        self.frame[rows] = frame + self.frames
        self.actions[rows], self.rewards[rows], self.terminals[rows] = actions, rewards, terminals
        self.frames += len(observations)
        self.size += count
        return rows

    def _reserve(self, frames: int, size: int) -> None:
        if frames > len(self.observations):
            self.observations = _grown(self.observations, frames)
        if size > len(self.actions):
            for name in ROW_ARRAYS:
                setattr(self, name, _grown(getattr(self, name), size))

    def batch(self, rows: Rows) -> Batch:
        """The transitions of the given rows as float32 tensors."""
        frame = self.frame[rows]
        return Batch(
            torch.from_numpy(self.observations[frame]),
            torch.from_numpy(self.actions[rows]),
            torch.from_numpy(self.rewards[rows]),
            torch.from_numpy(self.observations[frame + 1]),
            torch.from_numpy(self.terminals[rows]),
        )

    def pairs(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Observations and actions alone, as the density network needs them."""
        return torch.from_numpy(self.observations[self.frame[rows]]), torch.from_numpy(self.actions[rows])

    def tail_state(self, row: int, frame: int) -> dict[str, Tensor]:
        """Everything from row `row` and frame `frame` on, for a checkpoint; the rest is the dataset's."""
        tail = {name: getattr(self, name)[row : self.size] for name in ROW_ARRAYS}
        tail["observations"] = self.observations[frame : self.frames]
        return {f"store/{name}": torch.from_numpy(array) for name, array in tail.items()}

    def load_tail(self, tensors: Mapping[str, Tensor]) -> None:
        """Append what `tail_state` gave."""
        tail = {name: tensors[f"store/{name}"].numpy() for name in ("observations", *ROW_ARRAYS)}
        self.append(**tail | {"frame": tail["frame"] - self.frames})


def _grown(array: NDArray[Any], needed: int) -> NDArray[Any]:
    grown = np.empty((max(needed, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
