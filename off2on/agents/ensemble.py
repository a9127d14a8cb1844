"""The ensemble agent: SAC on a mixture-moment policy and N clipped twin critics (facts 1.5-1.7).

One member is plain SAC. Critics are stacked twin-major, `[2N, in, out]`: rows 0..N-1 are the first critics of
the members, rows N..2N-1 the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from off2on.config import Settings
from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.gaussian import SAC_LOG_STD, Gaussian, init_policy, mixture, policy, sample
from off2on.nn.mlp import Params, init_mlp, mlp
from off2on.nn.state import Nets, copy_into, flatten

Metrics = dict[str, Tensor]


@dataclass(frozen=True)
class SacSettings:
    """Hyper-parameters of the SAC losses (facts 0.1)."""

    policy_lr: float = 3e-4
    q_lr: float = 3e-4
    discount: float = 0.99
    tau: float = 0.005


def init_agent(
    observation_size: int, action_size: int, widths: Sequence[int], rngs: Sequence[np.random.Generator]
) -> Nets:
    """Fresh `policy [N]` and `critic [2N]`; member `i` draws from `rngs[i]`: policy, first, second critic."""
    policies = init_policy(observation_size, action_size, widths, rngs)
    return {"policy": policies, "critic": init_twins([observation_size + action_size, *widths, 1], rngs)}


def init_twins(sizes: Sequence[int], rngs: Sequence[np.random.Generator]) -> Params:
    """Fresh critics `[2N]` with layers `sizes`; member `i` draws from `rngs[i]`: first, second critic."""
    first, second = init_mlp(sizes, rngs), init_mlp(sizes, rngs)
    return {name: torch.cat([first[name], second[name]]) for name in first}


def q_values(critic: Mapping[str, Tensor], observations: Tensor, actions: Tensor) -> Tensor:
    """Both critics of every member: observations, actions `[B, .]` or `[N, B, .]` -> `[2, N, B]`."""
    x = torch.cat([observations, actions], -1)
    if x.dim() == 3:
        x = torch.cat([x, x])
    values = mlp(critic, x).squeeze(-1)
    return values.view(2, -1, values.shape[-1])


def ensemble_policy(params: Mapping[str, Tensor], observations: Tensor) -> Gaussian:
    """The ensemble's pre-tanh Gaussian, `[B, O]` -> mean, std `[B, A]`."""
    return mixture(policy(params, observations, SAC_LOG_STD))


class EnsembleAgent:
    """SAC updates of `policy`, `critic`, `target` and one temperature, by one Adam step a call."""

    def __init__(self, nets: Nets, settings: SacSettings) -> None:
        self.settings = settings
        self.members = nets["policy"]["mean.bias"].shape[0]
        self.nets: Nets = {name: dict(params) for name, params in nets.items()}
        # targets start as copies of the critics; the temperature starts anew at 1 (facts 1.7)
        self.nets.setdefault("target", {k: v.clone() for k, v in nets["critic"].items()})
        self.nets.setdefault("temperature", {"log_alpha": torch.zeros(())})
        for name in ("policy", "critic", "temperature"):
            for tensor in self.nets[name].values():
                tensor.requires_grad_(True)
        rates = {"policy": settings.policy_lr, "temperature": settings.policy_lr, "critic": settings.q_lr}
        self.adam = Adam(self.nets, rates)

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> Tensor:
        """Standard normals `[2, B, A]` of one update: for the samples at the observations and the next ones."""
        shape = (2, batch_size, self.nets["policy"]["mean.bias"].shape[1])
        return torch.from_numpy(rng.standard_normal(shape, np.float32))

    def update(self, batch: Batch, noise: Tensor) -> Metrics:
        """One gradient step on `[B, .]` transitions, then the soft target update; noise from `draw_noise`."""
        gradients, metrics = sac_gradients(self.nets, batch, noise, self.settings.discount)
        self.adam.step(gradients)
        soft_update(self.nets["target"], self.nets["critic"], self.settings.tau)
        return metrics

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor | None:
        """Standard normals `[count, A]` for a sample of the policy; None for its mean."""
        shape = (count, self.nets["policy"]["mean.bias"].shape[1])
        return torch.from_numpy(rng.standard_normal(shape, np.float32)) if explore else None

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor | None = None) -> Tensor:
        """Actions `[B, A]`: a sample of the ensemble policy, or tanh of its mean without noise."""
        gaussian = ensemble_policy(self.nets["policy"], observations)
        z = gaussian.mean if noise is None else gaussian.mean + gaussian.std * noise
        return torch.tanh(z)

    @torch.no_grad()
    def q(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Each member's value of `[B, .]` pairs, the smaller of its two critics: `[N, B]`."""
        return q_values(self.nets["critic"], observations, actions).amin(0)

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""
        return flatten(self.nets, "nets/") | self.adam.state("adam/")

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.nets, tensors, "nets/")
        self.adam.load_state(tensors, "adam/")


def online_agent(nets: Nets, settings: Settings) -> EnsembleAgent:
    """The agent with the settings of section `online`."""
    online = settings.online
    return EnsembleAgent(nets, SacSettings(online.policy_lr, online.q_lr, online.discount, online.tau))


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


@torch.no_grad()
def soft_update(target: Params, source: Params, tau: float) -> None:
    """Target <- (1 - tau) target + tau source, in place."""
    torch._foreach_lerp_(list(target.values()), [p.detach() for p in source.values()], tau)
