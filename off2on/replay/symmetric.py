"""Symmetric draws: half of a minibatch offline, half online."""

import torch
from torch import Tensor

from off2on.replay.inputs import SamplerInputs
from off2on.replay.uniform import UniformSampler


class SymmetricSampler(UniformSampler):
    """Half of the rows uniformly from the offline ones, the other half, the larger one, from the online ones."""

    def numbers(self) -> Tensor:
        """Rows of an RL minibatch, `[batch]`."""
        offline = self.batch // 2
        found = (
            self.rng.integers(0, self.first, offline),
            self.rng.integers(self.first, self.store.size, self.batch - offline),
        )
        return torch.cat([torch.from_numpy(rows) for rows in found])


def symmetric(inputs: SamplerInputs) -> SymmetricSampler:
    """The online rows start after the offline ones."""
    return SymmetricSampler(inputs, inputs.offline_size)
