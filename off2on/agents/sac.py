"""SAC on an ensemble: a mixture-moment policy and N clipped twin critics [S20, S25, S30, S33].

One member is plain SAC. Critics are stacked twin-major, `[2N, in, out]` (see `twins`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.agents.twins import Metrics, TwinAgent, detached, init_twins, q_values
from off2on.algorithms.algorithm import Sizes
from off2on.algorithms.sac import Sac
from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.encoder import encode, encoder_of
from off2on.nn.gaussian import SAC_LOG_STD, Gaussian, init_policy, mixture, policy, sample
from off2on.nn.mlp import RLKIT, HiddenInit
from off2on.nn.state import Nets
from off2on.settings import Settings

KEPT = ("policy", "critic")


class SacNoise(NamedTuple):
    """Standard normals `[B, A]` of one update."""

    #: of the actions at the observations (policy and temperature loss)
    policy: Tensor
    #: of the actions at the next observations (TD target)
    target: Tensor


def init_agent(
    features: int,
    action_size: int,
    widths: Sequence[int],
    rngs: Sequence[np.random.Generator],
    init: HiddenInit = RLKIT,
) -> Nets:
    """Fresh `policy [N]` and `critic [2N]`; member `i` draws from `rngs[i]`: policy, first, second critic."""
    policies = init_policy(features, action_size, widths, rngs, init)
    return {"policy": policies, "critic": init_twins([features + action_size, *widths, 1], rngs, init)}


def init_nets(sizes: Sizes, settings: Settings, rngs: Sequence[np.random.Generator]) -> Nets:
    """Fresh policies and critics; member `i` draws from `rngs[i]` alone."""
    encoder = encoder_of(sizes.observation, settings)
    return encoder.before_all(init_agent(encoder.features, sizes.action, encoder.widths, rngs), rngs)


def ensemble_policy(params: Mapping[str, Tensor], observations: Tensor) -> Gaussian:
    """The ensemble's pre-tanh Gaussian, `[B, O]` -> mean, std `[B, A]`."""
    return mixture(policy(params, observations, SAC_LOG_STD))


class EnsembleAgent(TwinAgent):
    """SAC updates of `policy`, `critic`, `target` and one temperature, by one Adam step a call."""

    def __init__(self, nets: Nets, sac: Sac) -> None:
        self.discount, self.tau = sac.discount, sac.tau
        self.members, self.action_size = nets["policy"]["mean.bias"].shape
        self.nets: Nets = {name: dict(params) for name, params in nets.items()}
        # targets start as copies of the critics; the temperature starts again [S33, S34]
        self.nets.setdefault("target", {k: v.clone() for k, v in nets["critic"].items()})
        log_alpha = nets["policy"]["mean.bias"].new_full((), math.log(sac.initial_temperature))
        self.nets.setdefault("temperature", {"log_alpha": log_alpha})
        rates = {"policy": sac.policy_lr, "temperature": sac.policy_lr, "critic": sac.q_lr}
        self.adam = Adam(self.nets, rates)

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> SacNoise:
        """The noise of one update."""
        shape = (2, batch_size, self.action_size)
        return SacNoise(*torch.from_numpy(rng.standard_normal(shape, np.float32)))

    def stages(self, batch: Batch, noise: Any) -> Iterator[tuple[Gradients, Metrics]]:
        """All gradients at once, on `[B, .]` transitions."""
        yield sac_gradients(self.nets, batch, noise, self.discount)

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor | None = None) -> Tensor:
        """Actions `[B, A]`: a sample of the ensemble policy, or tanh of its mean without noise."""
        gaussian = ensemble_policy(self.nets["policy"], observations)
        z = gaussian.mean if noise is None else gaussian.mean + gaussian.std * noise
        return torch.tanh(z)


def online_agent(nets: Nets, settings: Settings) -> EnsembleAgent:
    """The agent that starts from networks `KEPT`."""
    return EnsembleAgent(nets, settings.of(Sac))


def sac_gradients(nets: Nets, batch: Batch, noise: SacNoise, discount: float) -> tuple[Gradients, Metrics]:
    """Losses at the current parameters and the gradient of each for its own network [S26-S30].

    Returns:
        Gradients by network (`policy`, `critic`, `temperature`, in the order of their dictionaries), and the
        losses and diagnostics as 0-dimensional tensors.
    """
    features = encode(nets["critic"], batch.observations)
    gradients, metrics = actor_gradients(nets, batch, features.detach(), noise.policy)
    y = td_target(nets, batch, noise.target, discount)
    q = q_values(nets["critic"], features, batch.actions)
    q_losses = (q - y).square().mean(-1).sum(-1)
    gradients["critic"] = torch.autograd.grad(q_losses.sum(), list(nets["critic"].values()))
    metrics |= {"q1_loss": q_losses[0].detach(), "q2_loss": q_losses[1].detach(), "q_mean": q.detach().mean()}
    return gradients, metrics


def actor_gradients(nets: Nets, batch: Batch, features: Tensor, noise: Tensor) -> tuple[Gradients, Metrics]:
    """Gradients of policy and temperature [S26, S27].

    Args:
        nets: all networks.
        batch: `[B, .]` transitions.
        features: the critics' of the observations, detached.
        noise: `[B, A]`, of the actions at the observations.
    """
    log_alpha = nets["temperature"]["log_alpha"]
    alpha = log_alpha.detach().exp()
    gaussian = ensemble_policy(nets["policy"], batch.observations)
    actions, log_pi = sample(gaussian, noise)
    q_policy = q_values(detached(nets["critic"]), features, actions).amin(0).mean(0)
    policy_loss = (alpha * log_pi - q_policy).mean()
    alpha_loss = -(log_alpha * (log_pi.detach() - batch.actions.shape[-1])).mean()
    gradients: Gradients = {
        "policy": torch.autograd.grad(policy_loss, list(nets["policy"].values())),
        "temperature": torch.autograd.grad(alpha_loss, [log_alpha]),
    }
    metrics = {
        "policy_loss": policy_loss.detach(),
        "alpha_loss": alpha_loss.detach(),
        "alpha": alpha,
        "policy_mean": gaussian.mean.detach(),
        "policy_std": gaussian.std.detach(),
    }
    return gradients, metrics


@torch.no_grad()
def td_target(nets: Nets, batch: Batch, noise: Tensor, discount: float) -> Tensor:
    """Each member's target `[N, B]`, entropy included; one next action for all members [S28]."""
    alpha = nets["temperature"]["log_alpha"].exp()
    next_actions, next_log_pi = sample(ensemble_policy(nets["policy"], batch.next_observations), noise)
    features = encode(nets["target"], batch.next_observations)
    q_next = q_values(nets["target"], features, next_actions).amin(0)
    return batch.rewards + (1 - batch.terminals) * discount * (q_next - alpha * next_log_pi)
