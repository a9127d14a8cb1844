"""The one transition store of a run: offline rows first, online rows appended."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from off2on.data.batch import Batch, Column
from off2on.data.dataset import Dataset
from off2on.nn.device import CPU
from off2on.observations import ObservationSpec

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
ROW_TENSORS = ("frame", "actions", "rewards", "terminals")
#: of online rows; an episode of one step has two frames
FRAMES_PER_ROW = 2


class TransitionStore:
    """Transitions over a shared array of frames: the next observation of frame `f` is frame `f + 1`.

    An episode of T steps holds T + 1 frames, so no observation is stored twice. Images stay uint8. All of it lies
    on one device, where minibatches are gathered.

    Args:
        observation: shape and type of a frame.
        action_size: dimensions of an action.
        capacity: transitions that fit before the tensors grow.
        derived: further columns by name, functions of the rewards and of the ends of episodes.
        device: where the tensors are.
    """

    def __init__(
        self,
        observation: ObservationSpec,
        action_size: int,
        capacity: int,
        derived: Mapping[str, Column] | None = None,
        device: torch.device = CPU,
    ) -> None:
        self.size = 0
        self.frames = 0
        self.device = device
        self.derived = dict(derived or {})
        frames = (capacity, *observation.shape)
        self.observations = torch.empty(frames, dtype=getattr(torch, observation.dtype), device=device)
        self.frame = torch.empty(capacity, dtype=torch.int64, device=device)
        self.actions = torch.empty(capacity, action_size, device=device)
        self.rewards = torch.empty(capacity, device=device)
        self.terminals = torch.empty(capacity, device=device)
        self.extra = {name: torch.empty(capacity, device=device) for name in self.derived}

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, derived: Mapping[str, Column] | None = None, device: torch.device = CPU
    ) -> Self:
        """All transitions of a dataset in the Q-learning view [S103]."""
        starts = dataset.starts()
        shape = dataset.observations.shape[1:]
        observation = ObservationSpec(shape, str(dataset.observations.dtype))
        store = cls(observation, dataset.actions.shape[1], 0, derived, device)
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
        self._fit(self.frames + len(observations), self.size + count)
        new = slice(self.size, self.size + count)
        self.observations[self.frames : self.frames + len(observations)] = torch.as_tensor(observations)
        self.frame[new] = torch.as_tensor(frame + self.frames)
        for tensor, values in ((self.actions, actions), (self.rewards, rewards), (self.terminals, terminals)):
            tensor[new] = torch.as_tensor(values)
        for name, values in extra.items():
            self.extra[name][new] = torch.as_tensor(values)
        self.frames += len(observations)
        self.size += count
        return np.arange(new.start, new.stop)

    def reserve(self, rows: int) -> None:
        """Make room for so many more online rows, so that no tensor moves when they come."""
        self._grow(self.frames + FRAMES_PER_ROW * rows, self.size + rows)

    def _fit(self, frames: int, rows: int) -> None:
        """Room for that many in all; what is too small doubles."""
        self._grow(
            max(frames, 2 * len(self.observations)) if frames > len(self.observations) else 0,
            max(rows, 2 * len(self.actions)) if rows > len(self.actions) else 0,
        )

    def _grow(self, frames: int, rows: int) -> None:
        self.observations = _grown(self.observations, frames)
        for name in ROW_TENSORS:
            setattr(self, name, _grown(getattr(self, name), rows))
        self.extra = {name: _grown(values, rows) for name, values in self.extra.items()}

    def batch(self, rows: Rows | Tensor) -> Batch:
        """The transitions of the given rows; observations as they are stored, all else float32."""
        rows = torch.as_tensor(rows)
        frame = self.frame[rows]
        return Batch(
            self.observations[frame],
            self.actions[rows],
            self.rewards[rows],
            self.observations[frame + 1],
            self.terminals[rows],
            {name: values[rows] for name, values in self.extra.items()},
        )

    def pairs(self, rows: Rows | Tensor) -> tuple[Tensor, Tensor]:
        """Observations and actions alone, as the density network needs them."""
        rows = torch.as_tensor(rows)
        return self.observations[self.frame[rows]], self.actions[rows]

    def tail_state(self, row: int, frame: int) -> dict[str, Tensor]:
        """Everything from row `row` and frame `frame` on, for a checkpoint; the rest is the dataset's."""
        tail = {name: getattr(self, name)[row : self.size] for name in ROW_TENSORS}
        tail["observations"] = self.observations[frame : self.frames]
        tail |= {f"extra/{name}": values[row : self.size] for name, values in self.extra.items()}
        return {f"store/{name}": tensor for name, tensor in tail.items()}

    def load_tail(self, tensors: Mapping[str, Tensor]) -> None:
        """Append what `tail_state` gave."""
        tail = {name: tensors[f"store/{name}"].numpy() for name in ("observations", *ROW_TENSORS)}
        extra = {name: tensors[f"store/extra/{name}"].numpy() for name in self.extra}
        self.append(**tail | {"frame": tail["frame"] - self.frames}, extra=extra)


def _grown(tensor: Tensor, length: int) -> Tensor:
    """A longer copy, or the same if it is long enough."""
    if length <= len(tensor):
        return tensor
    grown = tensor.new_empty((length, *tensor.shape[1:]))
    grown[: len(tensor)] = tensor
    return grown
