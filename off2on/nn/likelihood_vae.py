"""A Gaussian variational autoencoder and its importance-weighted log-likelihood [S87, S88].

`encoder` gives the posterior q(z|x), `decoder` the mean of p(x|z), `noise` its standard deviation, learned, one a
dimension of x. The prior of z is a standard normal. The networks are those of `mlp` with a single member.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from off2on.nn.gaussian import Gaussian, log_density
from off2on.nn.mlp import BATCHED, Params, init_mlp, mlp
from off2on.nn.state import Nets

#: log std of decoder and posterior stay in here, so that a constant dimension cannot make the likelihood infinite
LOG_STD = (-6.0, 4.0)


def init_vae(size: int, widths: Sequence[int], latent: int, rng: np.random.Generator) -> Nets:
    """Fresh networks for inputs of `size` dimensions; encoder and decoder have hidden layers `widths`."""
    return {
        "encoder": init_mlp([size, *widths, 2 * latent], [rng], BATCHED),
        "decoder": init_mlp([latent, *reversed(widths), size], [rng], BATCHED),
        "noise": {"log_std": torch.zeros(size)},
    }


def posterior(nets: Nets, x: Tensor) -> Gaussian:
    """q(z|x): `[B, D]` -> mean, std `[B, L]`."""
    mean, log_std = _single(nets["encoder"], x).chunk(2, -1)
    return Gaussian(mean, log_std.clamp(*LOG_STD).exp())


def decoded(nets: Nets, z: Tensor) -> Gaussian:
    """p(x|z): `[B, L]` -> mean, std `[B, D]`."""
    mean = _single(nets["decoder"], z)
    return Gaussian(mean, nets["noise"]["log_std"].clamp(*LOG_STD).exp().expand_as(mean))


def elbo(nets: Nets, x: Tensor, noise: Tensor) -> Tensor:
    """The evidence lower bound with one sample of z and the exact divergence to the prior: `[B]`, in nats.

    Shapes: x `[B, D]`, noise `[B, L]`.
    """
    q = posterior(nets, x)
    divergence = 0.5 * (q.mean.square() + q.std.square() - 1.0 - 2.0 * q.std.log()).sum(-1)
    return log_density(decoded(nets, q.mean + q.std * noise), x) - divergence


@torch.no_grad()
def log_likelihood(nets: Nets, x: Tensor, noise: Tensor) -> Tensor:
    """The importance-weighted estimate of log p(x), in nats: x `[B, D]`, noise `[K, B, L]` -> `[B]`.

    log p_K(x) = logsumexp_k[log p(x|z_k) + log p(z_k) - log q(z_k|x)] - log K is in expectation a lower bound of
    log p(x) that does not decrease in K (Burda et al.) [S88].
    """
    q = posterior(nets, x)
    z = q.mean + q.std * noise
    p = decoded(nets, z.flatten(0, 1))
    reconstruction = log_density(p, x.repeat(len(noise), 1)).view(noise.shape[:2])
    # log p(z) - log q(z|x): the constants cancel, and (z - mean) / std is the noise
    ratio = (0.5 * (noise.square() - z.square()) + q.std.log()).sum(-1)
    return torch.logsumexp(reconstruction + ratio, 0) - math.log(len(noise))


def _single(params: Params, x: Tensor) -> Tensor:
    return mlp(params, x).squeeze(0)
