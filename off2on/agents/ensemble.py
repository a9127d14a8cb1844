"""The ensemble agent: SAC on a mixture-moment policy and N clipped twin critics (facts 1.5-1.7).

One member is plain SAC. Critics are stacked twin-major, `[2N, in, out]` (see `twins`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from off2on.agents.twins import Metrics, TwinAgent, init_twins, q_values
from off2on.config import Online, Settings
from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.gaussian import SAC_LOG_STD, Gaussian, init_policy, mixture, policy, sample
from off2on.nn.state import Nets

_DEFAULT = Online()


@dataclass(frozen=True)
class SacSettings:
    """Hyper-parameters of the SAC losses, part of section `online` (facts 0.1)."""

    policy_lr: float = _DEFAULT.policy_lr
    q_lr: float = _DEFAULT.q_lr
    discount: float = _DEFAULT.discount
    tau: float = _DEFAULT.tau


def sac_settings(settings: Settings) -> SacSettings:
    """Those of section `online`."""
    online = settings.online
    return SacSettings(online.policy_lr, online.q_lr, online.discount, online.tau)


def init_agent(
    observation_size: int, action_size: int, widths: Sequence[int], rngs: Sequence[np.random.Generator]
) -> Nets:
    """Fresh `policy [N]` and `critic [2N]`; member `i` draws from `rngs[i]`: policy, first, second critic."""
    policies = init_policy(observation_size, action_size, widths, rngs)
    return {"policy": policies, "critic": init_twins([observation_size + action_size, *widths, 1], rngs)}


def ensemble_policy(params: Mapping[str, Tensor], observations: Tensor) -> Gaussian:
    """The ensemble's pre-tanh Gaussian, `[B, O]` -> mean, std `[B, A]`."""
    return mixture(policy(params, observations, SAC_LOG_STD))


class EnsembleAgent(TwinAgent):
    """SAC updates of `policy`, `critic`, `target` and one temperature, by one Adam step a call."""

    def __init__(self, nets: Nets, settings: SacSettings) -> None:
        self.settings = settings
        self.members, self.action_size = nets["policy"]["mean.bias"].shape
        self.nets: Nets = {name: dict(params) for name, params in nets.items()}
        # targets start as copies of the critics; the temperature starts anew at 1 (facts 1.7)
        self.nets.setdefault("target", {k: v.clone() for k, v in nets["critic"].items()})
        self.nets.setdefault("temperature", {"log_alpha": torch.zeros(())})
        rates = {"policy": settings.policy_lr, "temperature": settings.policy_lr, "critic": settings.q_lr}
        self.adam = Adam(self.nets, rates)

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> Tensor:
        """Standard normals `[2, B, A]` of one update: for the samples at the observations and the next ones."""
        shape = (2, batch_size, self.action_size)
        return torch.from_numpy(rng.standard_normal(shape, np.float32))

    def gradients(self, batch: Batch, noise: Any) -> tuple[Gradients, Metrics]:
        """Gradients by network on `[B, .]` transitions, and metrics; noise from `draw_noise`."""
        return sac_gradients(self.nets, batch, noise, self.settings.discount)

    def update(self, batch: Batch, noise: Any) -> Metrics:
        """One gradient step on `[B, .]` transitions, then the soft target update; noise from `draw_noise`."""
        gradients, metrics = self.gradients(batch, noise)
        self._apply(gradients, self.settings.tau)
        return metrics

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor | None = None) -> Tensor:
        """Actions `[B, A]`: a sample of the ensemble policy, or tanh of its mean without noise."""
        gaussian = ensemble_policy(self.nets["policy"], observations)
        z = gaussian.mean if noise is None else gaussian.mean + gaussian.std * noise
        return torch.tanh(z)


def online_agent(nets: Nets, settings: Settings) -> EnsembleAgent:
    """The agent with the settings of section `online`."""
    return EnsembleAgent(nets, sac_settings(settings))


def sac_gradients(nets: Nets, batch: Batch, noise: Tensor, discount: float) -> tuple[Gradients, Metrics]:
    """Losses at the current parameters and the gradient of each for its own network (facts 1.6).

    Returns:
        Gradients by network (`policy`, `critic`, `temperature`, in the order of their dictionaries), and the
        losses and diagnostics as 0-dimensional tensors.
    """
    gradients, metrics = actor_gradients(nets, batch, noise[0])
    y = td_target(nets, batch, noise[1], discount)
    q = q_values(nets["critic"], batch.observations, batch.actions)
    q_losses = (q - y).square().mean(-1).sum(-1)
    gradients["critic"] = torch.autograd.grad(q_losses.sum(), list(nets["critic"].values()))
    metrics |= {"q1_loss": q_losses[0].detach(), "q2_loss": q_losses[1].detach(), "q_mean": q.detach().mean()}
    return gradients, metrics


def actor_gradients(nets: Nets, batch: Batch, noise: Tensor) -> tuple[Gradients, Metrics]:
    """Gradients of policy and temperature (facts 1.6); noise `[B, A]` is of the actions at the observations."""
    frozen = {name: value.detach() for name, value in nets["critic"].items()}
    log_alpha = nets["temperature"]["log_alpha"]
    alpha = log_alpha.detach().exp()
    gaussian = ensemble_policy(nets["policy"], batch.observations)
    actions, log_pi = sample(gaussian, noise)
    q_policy = q_values(frozen, batch.observations, actions).amin(0).mean(0)
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
    """Each member's target `[N, B]`, entropy included; one next action for all members (facts 1.6)."""
    alpha = nets["temperature"]["log_alpha"].exp()
    next_actions, next_log_pi = sample(ensemble_policy(nets["policy"], batch.next_observations), noise)
    q_next = q_values(nets["target"], batch.next_observations, next_actions).amin(0)
    return batch.rewards + (1 - batch.terminals) * discount * (q_next - alpha * next_log_pi)
