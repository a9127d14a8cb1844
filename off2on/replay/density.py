"""The density-ratio network: how much likelier a transition is online than offline [S1, S3, S6]."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.nn.adam import Adam
from off2on.nn.encoder import encode
from off2on.nn.mlp import Params, init_mlp, joined, mlp
from off2on.nn.state import copy_into, flatten

#: observations `[B, O]` and actions `[B, A]`
Pairs = tuple[Tensor, Tensor]
#: inside both logarithms of the loss, and in the denominator of the priorities
EPSILON = 1e-10
#: bounds of a priority
LOWEST, HIGHEST = 1e-3, 1e3


class DensityStep(NamedTuple):
    """What one step computes, all at the parameters before it."""

    gradients: tuple[Tensor, ...]
    loss: Tensor
    #: means of the ratio over the online and the offline minibatch
    online: Tensor
    offline: Tensor
    #: new priorities of the RL minibatch, `[B]`
    priorities: Tensor


def init_density(features: int, action_size: int, widths: Sequence[int], rng: np.random.Generator) -> Params:
    """A network that starts near ratio 1: last bias 1, so that the outer ReLU is alive [S2]."""
    return init_mlp([features + action_size, *widths, 1], [rng], last_bias=1.0)


def density_ratio(params: Mapping[str, Tensor], observations: Tensor, actions: Tensor) -> Tensor:
    """Estimate of the online over the offline density of the pairs, `[B]`, never negative."""
    return torch.relu(mlp(params, joined(encode(params, observations), actions)))[0, :, 0]


def density_loss(offline: Tensor, online: Tensor) -> Tensor:
    """Negative variational bound of the Jensen-Shannon divergence, from ratios at both kinds of pairs."""
    at_offline = -(2.0 / (offline + 1.0) + EPSILON).log()
    at_online = (2.0 * online / (online + 1.0) + EPSILON).log()
    return at_offline.mean() - at_online.mean()


def self_normalised(ratio: Tensor, offline: Tensor, temperature: float) -> Tensor:
    """Priorities of pairs with that ratio: its T-th root over the mean root of the offline minibatch."""
    normaliser = offline.pow(1.0 / temperature).mean() + EPSILON
    return (ratio.pow(1.0 / temperature) / normaliser).clamp(LOWEST, HIGHEST)


def mixture_ratio(ratio: Tensor) -> Tensor:
    """Online density over the half-and-half mixture's, `2w / (1 + w)`, from online over offline (Fig. 14)."""
    return 2.0 * ratio / (1.0 + ratio)


def density_gradients(
    params: Mapping[str, Tensor],
    offline: Pairs,
    online: Pairs,
    batch: Pairs,
    temperature: float,
    mixture: bool = False,
) -> DensityStep:
    """Gradients of the loss on the uniform minibatches, and priorities of the RL minibatch.

    The priorities come from the ratio to the offline density or, for `mixture`, to the mixture's.
    """
    size = len(offline[0])
    both = density_ratio(params, torch.cat([offline[0], online[0]]), torch.cat([offline[1], online[1]]))
    at_offline, at_online = both[:size], both[size:]
    loss = density_loss(at_offline, at_online)
    gradients = torch.autograd.grad(loss, list(params.values()))
    with torch.no_grad():
        ratios = density_ratio(params, *batch), at_offline
        ratio, normaliser = map(mixture_ratio, ratios) if mixture else ratios
        priorities = self_normalised(ratio, normaliser, temperature)
    return DensityStep(gradients, loss.detach(), at_online.detach().mean(), at_offline.detach().mean(), priorities)


class DensityNetwork:
    """The network and its optimiser."""

    def __init__(self, params: Params, learning_rate: float, temperature: float, mixture: bool = False) -> None:
        self.temperature, self.mixture = temperature, mixture
        self.nets = {"density": params}
        self.adam = Adam(self.nets, {"density": learning_rate})

    def update(self, offline: Pairs, online: Pairs, batch: Pairs) -> DensityStep:
        """One Adam step."""
        step = density_gradients(self.nets["density"], offline, online, batch, self.temperature, self.mixture)
        self.adam.step({"density": step.gradients})
        return step

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""
        return flatten(self.nets, "nets/") | self.adam.state("adam/")

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.nets, tensors, "nets/")
        self.adam.load_state(tensors, "adam/")
