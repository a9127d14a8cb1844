"""Balanced replay: minibatches by priority, priorities by density ratio [S1-S15]."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from off2on.data.batch import Batch
from off2on.nn.device import placed
from off2on.nn.encoder import encoder_of
from off2on.nn.mlp import Params
from off2on.replay.density import DensityNetwork, init_density
from off2on.replay.inputs import SamplerInputs
from off2on.replay.store import Rows
from off2on.replay.tree import make_tree


class BalancedDraws(NamedTuple):
    """What is random in one step."""

    #: `[B]` in [0, 1), one a row of the RL minibatch
    uniforms: Tensor
    #: rows of the density network's minibatches
    offline: Tensor
    online: Tensor


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
        balanced, loop, device = inputs.settings.balanced, inputs.settings.finetuning, inputs.store.device
        self.density_batch = balanced.density_batch
        params = placed({"density": fresh_density(inputs)}, device)["density"]
        self.density = DensityNetwork(params, balanced.density_lr, balanced.priority_temperature, mixture)
        first = self.offline_size * balanced.rho / ((1.0 - balanced.rho) * loop.epoch_steps)
        self.default = torch.full((), first, dtype=torch.float64, device=device)
        self.tree = make_tree(self.offline_size + loop.env_steps, device)
        self.tree.fill(0, torch.ones(self.offline_size, dtype=torch.float64, device=device))

    def append(self, rows: Rows) -> None:
        """New online rows, consecutive, enter with the default priority."""
        self.tree.fill(int(rows[0]), self.default.expand(len(rows)))

    def numbers(self) -> BalancedDraws:
        """What is random in the next step, from the generator."""
        uniforms = torch.from_numpy(self.rng.random(self.batch))
        return BalancedDraws(
            uniforms, self._uniform(0, self.offline_size), self._uniform(self.offline_size, self.store.size)
        )

    def _uniform(self, low: int, high: int) -> Tensor:
        return torch.from_numpy(self.rng.integers(low, high, self.density_batch))

    def draw(self, numbers: BalancedDraws) -> Tensor:
        """Rows of an RL minibatch, `[batch]`: stratified, in proportion to the priorities."""
        return self.tree.draw(numbers.uniforms)

    def update(self, batch: Batch, rows: Tensor, numbers: BalancedDraws) -> dict[str, Tensor]:
        """A density step on uniform minibatches, then new priorities of the drawn rows alone."""
        offline, online = self.store.pairs(numbers.offline), self.store.pairs(numbers.online)
        step = self.density.update(offline, online, (batch.observations, batch.actions))
        priorities = step.priorities.double()
        self.tree.update(rows, priorities)
        self.default.copy_(torch.maximum(self.default, priorities.max()))
        return {
            "density_loss": step.loss,
            "density_ratio_online": step.online,
            "density_ratio_offline": step.offline,
        }

    def state(self) -> dict[str, Tensor]:
        """Everything that further draws and updates depend on, except the generator."""
        priorities = self.tree.priorities(self.store.size).clone()
        return self.density.state() | {"priorities": priorities, "default": self.default}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave; the store holds its rows already."""
        self.density.load_state(tensors)
        self.tree.fill(0, tensors["priorities"])
        self.default.copy_(tensors["default"])


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
