"""Batch-constrained Q-learning: E independent agents, offline, and fine-tuned as an ensemble [S78-S84].

A VAE proposes actions like those of the data, a small network perturbs them, and the critics choose. Critics are
stacked twin-major as in `twins`. Fine-tuning keeps the losses: every member has its own networks and target, on
one shared minibatch with shared noise. To act, the members pool their proposals, ranked by the mean of their first
critics.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.agents.twins import Metrics, TwinAgent, q_values
from off2on.algorithms.algorithm import Sizes
from off2on.algorithms.bcq import Bcq
from off2on.data.batch import Batch, stacked
from off2on.nn.action_vae import KL_WEIGHT, decode, encode, init_vae, kl_divergence, sample_actions
from off2on.nn.adam import Adam, Gradients
from off2on.nn.encoder import encode as features_of
from off2on.nn.encoder import feature_size
from off2on.nn.linear import init_linear
from off2on.nn.mlp import joined, mlp
from off2on.nn.state import Nets
from off2on.settings import Settings

KEPT = ("vae_encoder", "vae_decoder", "critic", "target", "perturbation", "perturbation_target")
TRAINED = ("vae_encoder", "vae_decoder", "critic", "perturbation")


class BcqNoise(NamedTuple):
    """Standard normals of one update, one set a member."""

    #: `[E, B, L]`, of the VAE's latents in its own loss
    vae: Tensor
    #: `[E, B * C, L]`, of the C candidate actions at each next observation, those of one observation in a row
    target: Tensor
    #: `[E, B, L]`, of the actions in the perturbation loss
    perturbation: Tensor


def init_nets(sizes: Sizes, settings: Settings, rngs: Sequence[np.random.Generator]) -> Nets:
    """Fresh networks `KEPT`, targets being copies; member `i` draws from `rngs[i]` alone."""
    bcq, features = settings.of(Bcq), feature_size(sizes.observation)
    encoder, decoder = init_vae(features, sizes.action, bcq.vae_widths, rngs)
    pair = features + sizes.action
    first, second = (init_linear(pair, bcq.widths, 1, rngs) for _ in range(2))
    critic = {name: torch.cat([first[name], second[name]]) for name in first}
    perturbation = init_linear(pair, bcq.widths, sizes.action, rngs)
    return {
        "vae_encoder": encoder,
        "vae_decoder": decoder,
        "critic": critic,
        "target": {name: value.clone() for name, value in critic.items()},
        "perturbation": perturbation,
        "perturbation_target": {name: value.clone() for name, value in perturbation.items()},
    }


class _Agent(TwinAgent):
    """What offline training and fine-tuning share: E members, three losses and the targets."""

    targets: Mapping[str, str] = {"target": "critic", "perturbation_target": "perturbation"}

    def __init__(self, nets: Nets, bcq: Bcq) -> None:
        self.bcq, self.tau = bcq, bcq.tau
        self.nets: Nets = {name: dict(nets[name]) for name in KEPT}
        # by name: networks read from a file have their parameters in another order
        self.members, self.latent = nets["vae_encoder"]["mean.bias"].shape
        self.adam = Adam(self.nets, dict.fromkeys(TRAINED, bcq.lr))

    def _noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> BcqNoise:
        counts = (batch_size, batch_size * self.bcq.target_candidates, batch_size)
        drawn = [[rng.standard_normal((count, self.latent), np.float32) for count in counts] for rng in rngs]
        return BcqNoise(*(torch.from_numpy(np.stack(kind)) for kind in zip(*drawn, strict=True)))

    def stages(self, batch: Batch, noise: BcqNoise) -> Iterator[tuple[Gradients, Metrics]]:
        """VAE, critics and perturbation step in turn, on a minibatch `[E, B, .]` a member."""
        yield vae_gradients(self.nets, batch, noise.vae)
        yield critic_gradients(self.nets, batch, noise.target, self.bcq)
        yield perturbation_gradients(self.nets, batch, noise.perturbation, self.bcq.phi)


class OfflineBcq(_Agent):
    """E independent agents."""

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> BcqNoise:
        """The noise of one update; member `i` draws from `rngs[i]` alone."""
        return self._noise(rngs, batch_size)

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor:  # noqa: ARG002
        """Normals of one member's candidates at `count` observations, evaluation or not: `[count, C, L]`."""
        return _normals(rng, (count, self.bcq.acting_candidates, self.latent))

    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """The candidate that the member's first critic values most: `[B, O]` -> `[B, A]`."""
        return best_candidate(*candidates(self.nets, slice(member, member + 1), observations, noise, self.bcq.phi))


class OnlineBcq(_Agent):
    """N members fine-tuned on shared minibatches, that act together."""

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> BcqNoise:
        """The noise of one update, `[1, ., L]`: the members share it as they share the minibatch."""
        return self._noise([rng], batch_size)

    def stages(self, batch: Batch, noise: BcqNoise) -> Iterator[tuple[Gradients, Metrics]]:
        """The same for every member, on shared transitions `[B, .]`."""
        return super().stages(*shared(batch, noise, self.members))

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor:  # noqa: ARG002
        """Normals of the candidates at `count` observations, evaluation or not: `[count, C, L]`.

        C is `acting_candidates`, rounded up to an equal share for every member.
        """
        share = math.ceil(self.bcq.acting_candidates / self.members)
        return _normals(rng, (count, share * self.members, self.latent))

    def act(self, observations: Tensor, noise: Tensor | None) -> Tensor:
        """The candidate of any member that their first critics value most on average: `[B, O]` -> `[B, A]`."""
        return best_candidate(*candidates(self.nets, slice(0, self.members), observations, noise, self.bcq.phi))


def offline_agent(nets: Nets, settings: Settings) -> OfflineBcq:
    """The agents with networks `KEPT`."""
    return OfflineBcq(nets, settings.of(Bcq))


def online_agent(nets: Nets, settings: Settings) -> OnlineBcq:
    """The agent that continues from the networks `KEPT`, targets included, with fresh optimisers."""
    return OnlineBcq(nets, settings.of(Bcq))


def shared(batch: Batch, noise: BcqNoise, members: int) -> tuple[Batch, BcqNoise]:
    """The same minibatch `[B, .]` and noise `[1, ., L]` for every member: `[N, B, .]`, `[N, ., L]`, not copied."""
    return stacked(batch, members), BcqNoise(*(normals.expand(members, -1, -1) for normals in noise))


def _normals(rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, np.float32))


def perturb(perturbation: Mapping[str, Tensor], features: Tensor, actions: Tensor, phi: float) -> Tensor:
    """Actions `[E, B, A]` moved by at most `phi` in every dimension, within [-1, 1]; features `[E, B, F]`."""
    moved = torch.tanh(mlp(perturbation, joined(features, actions)))
    return (actions + phi * moved).clamp(-1.0, 1.0)


def vae_gradients(nets: Nets, batch: Batch, noise: Tensor) -> tuple[Gradients, Metrics]:
    """The VAE's loss at the current parameters: squared error of the actions plus half the KL divergence.

    Returns:
        Gradients of `vae_encoder` and `vae_decoder`, and the losses, `[E]`.
    """
    encoder, decoder = nets["vae_encoder"], nets["vae_decoder"]
    latents = encode(encoder, features_of(encoder, batch.observations), batch.actions)
    actions = decode(decoder, features_of(decoder, batch.observations), latents.mean + latents.std * noise)
    error = (actions - batch.actions).square().mean((-2, -1))
    kl = kl_divergence(latents)
    loss = error + KL_WEIGHT * kl
    found = torch.autograd.grad(loss.sum(), [*encoder.values(), *decoder.values()])
    gradients = {"vae_encoder": found[: len(encoder)], "vae_decoder": found[len(encoder) :]}
    return gradients, {"vae_error": error.detach(), "vae_kl": kl.detach(), "vae_loss": loss.detach()}


@torch.no_grad()
def td_target(nets: Nets, batch: Batch, noise: Tensor, bcq: Bcq) -> Tensor:
    """`[E, B]` targets: the best of C candidates at the next observation, by both target critics.

    A candidate is decoded by the VAE as it is and perturbed by the target network; its value is
    `lambda * min + (1 - lambda) * max` of the twins. Noise `[E, B * C, L]`.
    """
    decoder, perturbation, target = (
        features_of(nets[name], batch.next_observations).repeat_interleave(bcq.target_candidates, -2)
        for name in ("vae_decoder", "perturbation_target", "target")
    )
    actions = sample_actions(nets["vae_decoder"], decoder, noise)
    actions = perturb(nets["perturbation_target"], perturbation, actions, bcq.phi)
    low, high = q_values(nets["target"], target, actions).aminmax(dim=0)
    best = torch.lerp(high, low, bcq.soft_minimum).view(*batch.rewards.shape, -1).amax(-1)
    return batch.rewards + (1 - batch.terminals) * bcq.discount * best


def critic_gradients(nets: Nets, batch: Batch, noise: Tensor, bcq: Bcq) -> tuple[Gradients, Metrics]:
    """Gradient of the twins' summed mean squared errors; losses `[2, E]`."""
    y = td_target(nets, batch, noise, bcq)
    q = q_values(nets["critic"], features_of(nets["critic"], batch.observations), batch.actions)
    losses = (q - y).square().mean(-1)
    gradients = {"critic": torch.autograd.grad(losses.sum(), list(nets["critic"].values()))}
    return gradients, {"q_loss": losses.detach(), "q_mean": q.detach().mean()}


def perturbation_gradients(nets: Nets, batch: Batch, noise: Tensor, phi: float) -> tuple[Gradients, Metrics]:
    """Gradient of minus the first critic's mean value of the perturbed actions; loss `[E]`."""
    with torch.no_grad():
        decoder = nets["vae_decoder"]
        decoded = sample_actions(decoder, features_of(decoder, batch.observations), noise)
    features = features_of(nets["perturbation"], batch.observations)
    actions = perturb(nets["perturbation"], features, decoded, phi)
    first = _rows(nets["critic"], slice(0, len(actions)))
    loss = -mlp(first, joined(features_of(first, batch.observations), actions)).mean((-2, -1))
    gradients = {"perturbation": torch.autograd.grad(loss.sum(), list(nets["perturbation"].values()))}
    return gradients, {"perturbation_loss": loss.detach()}


@torch.no_grad()
def candidates(
    nets: Nets, members: slice, observations: Tensor, noise: Tensor | None, phi: float
) -> tuple[Tensor, Tensor]:
    """The members' pooled proposals at `[B, O]`, `[B, C, A]`, with the mean of their first critics, `[B, C]`.

    The first of the members proposes the first of the candidates, and so on; noise `[B, C, L]`.
    """
    if noise is None:
        raise ValueError("BCQ draws candidate actions: pass what acting_noise gave")
    # rows of the members; of the twin critics these are the first ones
    decoder, perturbation, critic = (
        _rows(nets[name], members) for name in ("vae_decoder", "perturbation", "critic")
    )
    count, (size, total, _) = len(next(iter(decoder.values()))), noise.shape
    share = total // count
    latents = noise.view(size, count, share, -1).transpose(0, 1).flatten(1, 2)
    proposed = sample_actions(decoder, _repeated(decoder, observations, share), latents)
    actions = perturb(perturbation, _repeated(perturbation, observations, share), proposed, phi)
    pooled = actions.view(count, size, share, -1).transpose(0, 1).flatten(1, 2)
    values = mlp(critic, joined(_repeated(critic, observations, total), pooled.flatten(0, 1))).mean(0)
    return pooled, values.view(size, total)


def best_candidate(actions: Tensor, values: Tensor) -> Tensor:
    """Of `[B, C, A]` actions those with the largest of the `[B, C]` values: `[B, A]`."""
    return actions[torch.arange(len(actions), device=actions.device), values.argmax(-1)]


def _repeated(params: Mapping[str, Tensor], observations: Tensor, times: int) -> Tensor:
    """Features of `[B, ...]` observations, each so many times in a row: `[B * times, F]`, or `[E, ...]`."""
    return features_of(params, observations).repeat_interleave(times, -2)


def _rows(params: Mapping[str, Tensor], rows: slice) -> dict[str, Tensor]:
    return {name: value.detach()[rows] for name, value in params.items()}
