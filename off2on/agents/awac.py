"""AWAC as in rlkit's MuJoCo example, offline and online [S72].

The policy is a plain Gaussian whose mean goes through a tanh and whose std does not depend on the state. Its
samples are given to the critics as they are, also outside [-1, 1]. Only `act` clips them, so that the replay
buffer holds the actions that were executed; the reference keeps the unclipped ones and lets the environment clip.

Offline, E independent agents. Online, one ensemble, in the form proposed in [S77]: it acts by the
mixture-moment Gaussian of its members (no clamp: the bounds of `mixture` are out of reach of such policies), every
member has its own TD target, and all policies are regressed with the same weights, from the mean of the members'
advantages. One member is plain AWAC, the very same computation. Critics are stacked twin-major as in `twins`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.agents.twins import Metrics, TwinAgent, init_twins, q_values
from off2on.algorithms.algorithm import Sizes
from off2on.algorithms.awac import Awac
from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.encoder import encode, feature_size
from off2on.nn.gaussian import Gaussian, init_policy, log_density, mixture
from off2on.nn.mlp import dense, hidden
from off2on.nn.state import Nets
from off2on.settings import Settings

#: fine-tuning continues with the targets of the offline agents [S76]
KEPT = ("policy", "critic", "target")
#: range of the log std; it starts in the middle [S71]
LOG_STD = (-6.0, 0.0)


class AwacNoise(NamedTuple):
    """Standard normals of one update, `[E, B, A]` offline and `[B, A]` online."""

    #: of the action at the observations, whose value the advantage is measured against
    policy: Tensor
    #: of the action at the next observations (TD target)
    target: Tensor


class Terms(NamedTuple):
    """What the losses are made of; gradients reach the critics through `q`, the policies through `log_prob`."""

    #: of the members: mean `[E, B, A]`, std `[E, 1, A]`
    gaussian: Gaussian
    #: both critics at the data actions, `[2, E, B]`, and their target `[E, B]`
    q: Tensor
    q_target: Tensor
    #: `[E, B]`, or `[B]` of an ensemble; the weights of a minibatch sum to 1
    advantage: Tensor
    weights: Tensor
    #: of the data actions under each member's policy, `[E, B]`
    log_prob: Tensor


class _Awac(TwinAgent):
    """What offline agents and the online ensemble have in common: networks `KEPT`, and the update."""

    #: the members act, and weigh the data, as one
    ensemble: bool

    def __init__(self, nets: Nets, awac: Awac) -> None:
        self.beta, self.discount, self.tau = awac.beta, awac.discount, awac.tau
        self.members, self.action_size = nets["policy"]["mean.bias"].shape
        self.nets: Nets = {name: dict(nets[name]) for name in KEPT}
        rates = {"policy": awac.policy_lr, "critic": awac.q_lr}
        self.adam = Adam(self.nets, rates, {"policy": awac.policy_weight_decay})

    def stages(self, batch: Batch, noise: AwacNoise) -> Iterator[tuple[Gradients, Metrics]]:
        """All gradients at once; the noise has the batch's shape."""
        yield awac_gradients(self.nets, self.terms(batch, noise))

    def terms(self, batch: Batch, noise: AwacNoise) -> Terms:
        """The terms of the losses at the current parameters [S69, S70, S77]; the noise has the batch's shape."""
        gaussian = awac_policy(self.nets["policy"], batch.observations)
        features = encode(self.nets["critic"], batch.observations)
        q = q_values(self.nets["critic"], features, batch.actions)
        with torch.no_grad():
            next_actions = self._sample(awac_policy(self.nets["policy"], batch.next_observations), noise.target)
            next_features = encode(self.nets["target"], batch.next_observations)
            q_next = q_values(self.nets["target"], next_features, next_actions).amin(0)
            q_target = batch.rewards + (1 - batch.terminals) * self.discount * q_next

            actions = self._sample(gaussian, noise.policy)
            advantage = q.amin(0) - q_values(self.nets["critic"], features, actions).amin(0)
            if self.ensemble:
                advantage = advantage.mean(0)
            weights = (advantage / self.beta).softmax(-1)
        return Terms(gaussian, q, q_target, advantage, weights, log_density(gaussian, batch.actions))

    def _sample(self, members: Gaussian, noise: Tensor) -> Tensor:
        gaussian = mixture(members) if self.ensemble else members
        return gaussian.mean + gaussian.std * noise


class AwacAgents(_Awac):
    """E independent agents, trained together: nothing of one reaches another."""

    ensemble = False

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> AwacNoise:
        """The noise of one update, `[E, B, A]` twice; member `i` draws from `rngs[i]` alone."""
        shape = (2, batch_size, self.action_size)
        drawn = np.stack([rng.standard_normal(shape, np.float32) for rng in rngs], 1)
        return AwacNoise(*torch.from_numpy(drawn))

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """Clipped sample of one member's policy, or its mean without noise: `[B, O]` -> `[B, A]`."""
        params = {name: value[member : member + 1] for name, value in self.nets["policy"].items()}
        return _executed(mixture(awac_policy(params, observations)), noise)


class AwacEnsemble(_Awac):
    """One agent of N members: they share minibatch, acting policy and advantage weights."""

    ensemble = True

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> AwacNoise:
        """The noise of one update, `[B, A]` twice."""
        shape = (2, batch_size, self.action_size)
        return AwacNoise(*torch.from_numpy(rng.standard_normal(shape, np.float32)))

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor | None) -> Tensor:
        """Clipped sample of the mixture, or its mean without noise: `[B, O]` -> `[B, A]`."""
        return _executed(mixture(awac_policy(self.nets["policy"], observations)), noise)


def _executed(gaussian: Gaussian, noise: Tensor | None) -> Tensor:
    return gaussian.mean if noise is None else (gaussian.mean + gaussian.std * noise).clamp(-1.0, 1.0)


def awac_policy(params: Mapping[str, Tensor], observations: Tensor) -> Gaussian:
    """The members' Gaussians: observations `[E, B, O]` or `[B, O]` -> mean `[E, B, A]`, std `[E, 1, A]`."""
    low, high = LOG_STD
    log_std = low + (high - low) * params["log_std_logits"].sigmoid()
    mean = torch.tanh(dense(params, "mean", hidden(params, encode(params, observations))))
    return Gaussian(mean, log_std.exp().unsqueeze(1))


def awac_gradients(nets: Nets, terms: Terms) -> tuple[Gradients, Metrics]:
    """Gradient of each loss for its own network, summed over members, which do not share parameters.

    Returns:
        Gradients by network in the order of its dictionary, and losses `[E]` or `[2, E]` and a diagnostic.
    """
    # the reference has the mean over the minibatch of weights times its size: the same
    policy_loss = -(terms.weights * terms.log_prob).sum(-1)
    q_loss = (terms.q - terms.q_target).square().mean(-1)
    gradients = {
        "policy": torch.autograd.grad(policy_loss.sum(), list(nets["policy"].values())),
        "critic": torch.autograd.grad(q_loss.sum(), list(nets["critic"].values())),
    }
    metrics = {
        "policy_loss": policy_loss.detach(),
        "q_loss": q_loss.detach(),
        "q_mean": terms.q.detach().mean(),
    }
    return gradients, metrics


def init_nets(sizes: Sizes, settings: Settings, rngs: Sequence[np.random.Generator]) -> Nets:
    """Fresh networks `KEPT`; member `i` draws from `rngs[i]` alone.

    The targets have random weights of their own, as in the reference [S74].
    """
    awac, features = settings.of(Awac), feature_size(sizes.observation)
    policy = init_policy(features, sizes.action, awac.policy.widths, rngs, heads=("mean",))
    policy["log_std_logits"] = torch.zeros(len(rngs), sizes.action)
    layers = [features + sizes.action, *awac.critic.widths, 1]
    return {"policy": policy, "critic": init_twins(layers, rngs), "target": init_twins(layers, rngs)}


def offline_agent(nets: Nets, settings: Settings) -> AwacAgents:
    """Independent agents with networks `KEPT`."""
    return AwacAgents(nets, settings.of(Awac))


def online_agent(nets: Nets, settings: Settings) -> AwacEnsemble:
    """The ensemble of the agents with networks `KEPT`."""
    return AwacEnsemble(nets, settings.of(Awac))
