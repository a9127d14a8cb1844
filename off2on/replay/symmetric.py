"""Symmetric draws: half of a minibatch offline, half online."""

import numpy as np

from off2on.replay.inputs import SamplerInputs
from off2on.replay.store import Rows
from off2on.replay.uniform import UniformSampler


class SymmetricSampler(UniformSampler):
    """Half of the rows uniformly from the offline ones, the other half, the larger one, from the online ones."""

    def draw(self) -> Rows:
        """Rows of an RL minibatch, `[batch]`."""
        offline = self.batch // 2
        return np.concatenate(
            [
                self.rng.integers(0, self.first, offline),
                self.rng.integers(self.first, self.store.size, self.batch - offline),
            ]
        )


def symmetric(inputs: SamplerInputs) -> SymmetricSampler:
    """The online rows start after the offline ones."""
    return SymmetricSampler(inputs, inputs.offline_size)
