"""Balanced replay: minibatches by priority, priorities by density ratio [S1-S15]."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from off2on.data.batch import Batch
from off2on.nn.encoder import encoder_of
from off2on.nn.mlp import Params
from off2on.replay.density import DensityNetwork, Pairs, init_density
from off2on.replay.inputs import SamplerInputs
from off2on.replay.store import Rows
from off2on.replay.sumtree import SumTree


class BalancedSampler:
    """Prioritised draws over offline and online rows.

    Offline rows start at priority 1. New rows get the default priority: at first P0, which makes an epoch's
    fresh rows rho of all mass, then the largest priority so far. Drawn rows get their self-normalised ratio.

    Args:
        inputs: store, settings, generators; at least one row is offline.
        mixture: priorities by the ratio to the mixture of both densities (Fig. 14).
    """

    def __init__(self, inputs: SamplerInputs, mixture: bool) -> None:
        self.store, self.offline_size = inputs.store, inputs.offline_size
        self.batch, self.rng = inputs.batch, inputs.rng
        balanced, loop = inputs.settings.balanced, inputs.settings.finetuning
        self.density_batch = balanced.density_batch
        params = fresh_density(inputs)
        self.density = DensityNetwork(params, balanced.density_lr, balanced.priority_temperature, mixture)
        self.default = self.offline_size * balanced.rho / ((1.0 - balanced.rho) * loop.epoch_steps)
        self.tree = SumTree(self.offline_size + loop.env_steps)
        self.tree.fill(0, np.ones(self.offline_size))

    def append(self, rows: Rows) -> None:
        """New online rows, consecutive, enter with the default priority."""
        self.tree.fill(int(rows[0]), np.full(len(rows), self.default))

    def draw(self) -> Rows:
        """Rows of an RL minibatch, `[batch]`: stratified, in proportion to the priorities."""
        return self.tree.draw(self.rng.random(self.batch))

    def update(self, batch: Batch, rows: Rows) -> dict[str, Tensor]:
        """A density step on fresh uniform minibatches, then new priorities of the drawn rows alone."""
        offline = self._uniform(0, self.offline_size)
        online = self._uniform(self.offline_size, self.store.size)
        step = self.density.update(offline, online, (batch.observations, batch.actions))
        priorities = step.priorities.numpy().astype(np.float64)
        self.tree.update(rows, priorities)
        self.default = max(self.default, float(priorities.max()))
        return {
            "density_loss": step.loss,
            "density_ratio_online": step.online,
            "density_ratio_offline": step.offline,
        }

    def _uniform(self, low: int, high: int) -> Pairs:
        return self.store.pairs(self.rng.integers(low, high, self.density_batch))

    def state(self) -> dict[str, Tensor]:
        """Everything that further draws and updates depend on, except the generator."""
        priorities = torch.from_numpy(self.tree.priorities(self.store.size).copy())
        default = torch.tensor(self.default, dtype=torch.float64)
        return self.density.state() | {"priorities": priorities, "default": default}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave; the store holds its rows already."""
        self.density.load_state(tensors)
        self.tree.fill(0, tensors["priorities"].numpy())
        self.default = float(tensors["default"])


def fresh_density(inputs: SamplerInputs) -> Params:
    """The weights that the density network starts with."""
    settings = inputs.settings
    encoder = encoder_of(inputs.observation, settings)
    dense = [settings.network.width] * settings.balanced.density_depth if encoder.kind is None else ()
    widths = dense or settings.images.density_head
    head = init_density(encoder.features, inputs.store.actions.shape[1], widths, inputs.init_rng)
    return encoder.before(head, [inputs.init_rng])


def balanced(inputs: SamplerInputs) -> BalancedSampler:
    """By the ratio of online to offline density."""
    return BalancedSampler(inputs, mixture=False)


def balanced_mixture(inputs: SamplerInputs) -> BalancedSampler:
    """By the ratio of online density to the mixture's."""
    return BalancedSampler(inputs, mixture=True)
