"""Uniform draws from the store [S18]."""

from collections.abc import Mapping

import torch
from torch import Tensor

from off2on.data.batch import Batch
from off2on.replay.inputs import SamplerInputs
from off2on.replay.store import Rows


class UniformSampler:
    """Uniform draws over the rows from `first` on: 0 for all, the offline size for the online ones alone."""

    def __init__(self, inputs: SamplerInputs, first: int) -> None:
        self.store, self.first, self.batch, self.rng = inputs.store, first, inputs.batch, inputs.rng

    def append(self, rows: Rows) -> None:
        """Nothing to keep: the store knows its size."""

    def numbers(self) -> Tensor:
        """Rows of an RL minibatch, `[batch]`."""
        return torch.from_numpy(self.rng.integers(self.first, self.store.size, self.batch))

    def draw(self, numbers: Tensor) -> Tensor:
        """The rows that the generator gave."""
        return numbers

    def update(self, batch: Batch, rows: Tensor, numbers: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """Nothing to learn."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Nothing beyond the store."""
        return {}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Nothing to put back."""


def uniform(inputs: SamplerInputs) -> UniformSampler:
    """From all rows."""
    return UniformSampler(inputs, 0)


def online_only(inputs: SamplerInputs) -> UniformSampler:
    """From the online rows alone."""
    return UniformSampler(inputs, inputs.offline_size)
