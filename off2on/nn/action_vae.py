"""BCQ's conditional VAE, member-batched: actions given the observation [S78].

The latent has twice the action's dimensions. Decoded actions are those of the data; they lie in [-1, 1].
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from off2on.nn.gaussian import Gaussian, gaussian
from off2on.nn.linear import init_linear
from off2on.nn.mlp import Params, joined, mlp

#: range of the encoder's log std
LOG_STD = (-4.0, 15.0)
#: latents are drawn from the standard normal and clipped to this, so that decoded actions are likely ones
LATENT_CLIP = 0.5
#: weight of the KL divergence in the loss
KL_WEIGHT = 0.5


def latent_size(action_size: int) -> int:
    """Dimensions L of the latent."""
    return 2 * action_size


def init_vae(
    features: int, action_size: int, widths: Sequence[int], rngs: Sequence[np.random.Generator]
) -> tuple[Params, Params]:
    """Encoder (trunk `layer0..`, heads `mean` and `log_std`) and decoder (`layer0..`), both `[E, ...]`."""
    latent = latent_size(action_size)
    heads = dict.fromkeys(("mean", "log_std"), latent)
    encoder = init_linear(features + action_size, widths, heads, rngs)
    decoder = init_linear(features + latent, widths, action_size, rngs)
    return encoder, decoder


def encode(encoder: Mapping[str, Tensor], features: Tensor, actions: Tensor) -> Gaussian:
    """The latent's Gaussian given pairs `[E, B, .]`: mean, std `[E, B, L]`."""
    return gaussian(encoder, joined(features, actions), LOG_STD)


def decode(decoder: Mapping[str, Tensor], features: Tensor, latents: Tensor) -> Tensor:
    """Actions `[E, B, A]` of latents `[E, B, L]`."""
    return torch.tanh(mlp(decoder, joined(features, latents)))


def sample_actions(decoder: Mapping[str, Tensor], features: Tensor, noise: Tensor) -> Tensor:
    """Actions `[E, B, A]` drawn given the observations; `noise` is standard normal, `[E, B, L]`."""
    return decode(decoder, features, noise.clamp(-LATENT_CLIP, LATENT_CLIP))


def kl_divergence(latents: Gaussian) -> Tensor:
    """Divergence from the standard normal, averaged (not summed) over latent dimensions and batch: `[E]`."""
    terms = 1 + 2 * latents.std.log() - latents.mean.square() - latents.std.square()
    return -0.5 * terms.mean((-2, -1))
