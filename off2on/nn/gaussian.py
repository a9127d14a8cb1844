"""Tanh-Gaussian policies with a leading member axis, and the mixture-moment ensemble policy [S20, S24]."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from off2on.nn.encoder import encode
from off2on.nn.mlp import RLKIT, HiddenInit, Params, dense, hidden, init_dense, init_trunk

LOG_2PI = math.log(2.0 * math.pi)
LOG_2 = math.log(2.0)
#: log std range of SAC and of fine-tuning [S19], and of CQL [S59]
SAC_LOG_STD = (-20.0, 2.0)
CQL_LOG_STD = (-5.0, 2.0)
#: what CQL's code adds where a tanh saturates: in the logarithm of its slope and as floor of the atanh's arguments
EPSILON = 1e-6


class Gaussian(NamedTuple):
    """A diagonal Gaussian before the tanh: `mean` and `std`, `[..., B, A]`."""

    mean: Tensor
    std: Tensor


def init_policy(
    features: int,
    action_size: int,
    widths: Sequence[int],
    rngs: Sequence[np.random.Generator],
    init: HiddenInit = RLKIT,
    heads: Sequence[str] = ("mean", "log_std"),
) -> Params:
    """ReLU trunk `layer0..` and linear heads, uniform in +-1e-3 [S48]."""
    params = init_trunk([features, *widths], rngs, init)
    for head in heads:
        params[f"{head}.weight"], params[f"{head}.bias"] = init_dense((widths[-1], action_size), 1e-3, rngs)
    return params


def policy(
    params: Mapping[str, Tensor], observations: Tensor, log_std: tuple[float, float] = SAC_LOG_STD
) -> Gaussian:
    """The members' pre-tanh Gaussians; observations `[E, B, ...]` or `[B, ...]` -> mean, std `[E, B, A]`."""
    return gaussian(params, encode(params, observations), log_std)


def gaussian(params: Mapping[str, Tensor], features: Tensor, log_std: tuple[float, float]) -> Gaussian:
    """The Gaussians that a trunk with two heads gives for features `[E, B, F]` or `[B, F]`."""
    trunk = hidden(params, features)
    raw = dense(params, "log_std", trunk).clamp(*log_std)
    return Gaussian(dense(params, "mean", trunk), raw.exp())


def mixture(members: Gaussian) -> Gaussian:
    """One Gaussian with the moments of the members' mixture: `[E, B, A]` -> `[B, A]` [S20, S21]."""
    mean = members.mean.mean(0)
    # var_i(mean) + mean_i(var) equals mean_i(mean^2 + var) - mean^2 without its cancellation
    variance = (members.mean - mean).square().mean(0) + members.std.square().mean(0)
    low, high = math.exp(SAC_LOG_STD[0]), math.exp(SAC_LOG_STD[1])
    return Gaussian(mean, variance.sqrt().clamp(low, high))


def log_density(gaussian: Gaussian, z: Tensor) -> Tensor:
    """Log density of `z` under the (unsquashed) Gaussian, summed over action dimensions: `[..., B]`."""
    standard = (z - gaussian.mean) / gaussian.std
    return (-0.5 * standard.square() - gaussian.std.log() - 0.5 * LOG_2PI).sum(-1)


def sample(gaussian: Gaussian, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Reparameterised action `tanh(mean + std * noise)` and its log density, exact tanh correction.

    Shapes: noise `[..., B, A]` -> actions `[..., B, A]`, log densities `[..., B]`.
    """
    z = gaussian.mean + gaussian.std * noise
    correction = 2.0 * (LOG_2 - z - softplus(-2.0 * z)).sum(-1)
    return torch.tanh(z), _noise_density(gaussian, noise) - correction


def sample_with_epsilon(gaussian: Gaussian, noise: Tensor) -> tuple[Tensor, Tensor]:
    """As `sample`, with the tanh correction of CQL's code, `log(1 - action^2 + 1e-6)`."""
    actions = torch.tanh(gaussian.mean + gaussian.std * noise)
    return actions, _noise_density(gaussian, noise) - _log_slope(actions)


def log_density_with_epsilon(gaussian: Gaussian, actions: Tensor) -> Tensor:
    """Log density of given actions `[..., B, A]` as CQL's behaviour cloning has it: `[..., B]` [S53]."""
    z = 0.5 * ((1.0 + actions).clamp(min=EPSILON).log() - (1.0 - actions).clamp(min=EPSILON).log())
    return log_density(Gaussian(gaussian.mean.clamp(-9.0, 9.0), gaussian.std), z) - _log_slope(actions)


def _noise_density(gaussian: Gaussian, noise: Tensor) -> Tensor:
    # log density of mean + std * noise: (z - mean) / std is the noise itself, so no division
    return (-0.5 * noise.square() - gaussian.std.log() - 0.5 * LOG_2PI).sum(-1)


def _log_slope(actions: Tensor) -> Tensor:
    return (1.0 - actions.square() + EPSILON).log().sum(-1)
