"""Fitted Q evaluation: neutral critics of a fixed offline policy (facts 6.1).

Twin critics of E independent members; the policies are those of the offline algorithm it starts from. The target
takes no entropy, as CQL's does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from off2on.agents.ensemble import Metrics, init_agent, q_values, soft_update
from off2on.config import Settings
from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.gaussian import CQL_LOG_STD, policy, sample
from off2on.nn.state import Nets, copy_into, flatten

KEPT = ("policy", "critic")


@dataclass(frozen=True)
class FqeSettings:
    """Hyper-parameters of fitted Q evaluation."""

    q_lr: float = 3e-4
    discount: float = 0.99
    tau: float = 0.005


class FqeAgent:
    """E members with networks `policy`, which stays as it is, `critic` and `target`."""

    def __init__(self, nets: Nets, settings: FqeSettings) -> None:
        self.settings = settings
        self.members, self.action_size = nets["policy"]["mean.bias"].shape
        self.nets: Nets = {name: dict(nets[name]) for name in KEPT}
        for tensor in self.nets["critic"].values():
            tensor.requires_grad_(True)
        self.nets["target"] = {name: value.detach().clone() for name, value in nets["critic"].items()}
        self.adam = Adam(self.nets, {"critic": settings.q_lr})

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> Tensor:
        """Standard normals `[E, B, A]` of the next actions; member `i` draws from `rngs[i]` alone."""
        shape = (batch_size, self.action_size)
        return torch.from_numpy(np.stack([rng.standard_normal(shape, np.float32) for rng in rngs]))

    def update(self, batch: Batch, noise: Tensor) -> Metrics:
        """One gradient step of the critics on a minibatch `[E, B, .]` a member, then the soft target update."""
        gradients, metrics = fqe_gradients(self.nets, batch, noise, self.settings.discount)
        self.adam.step(gradients)
        soft_update(self.nets["target"], self.nets["critic"], self.settings.tau)
        return metrics

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor | None:
        """Standard normals `[count, A]` for a sample of the policy; None for its mean."""
        return torch.from_numpy(rng.standard_normal((count, self.action_size), np.float32)) if explore else None

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """Actions of one member's fixed policy, `[B, O]` -> `[B, A]`."""
        params = {name: value[member : member + 1] for name, value in self.nets["policy"].items()}
        gaussian = policy(params, observations, CQL_LOG_STD)
        z = gaussian.mean if noise is None else gaussian.mean + gaussian.std * noise
        return torch.tanh(z[0])

    @torch.no_grad()
    def q(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Each member's value of `[B, .]` pairs, the smaller of its two critics: `[E, B]`."""
        return q_values(self.nets["critic"], observations, actions).amin(0)

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""
        return flatten(self.nets, "nets/") | self.adam.state("adam/")

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.nets, tensors, "nets/")
        self.adam.load_state(tensors, "adam/")


def init_nets(
    observation_size: int, action_size: int, settings: Settings, rngs: Sequence[np.random.Generator]
) -> Nets:
    """Fresh critics; the policies are there for their shapes, those to evaluate take their place."""
    return init_agent(observation_size, action_size, settings.network.widths, rngs)


def offline_agent(nets: Nets, settings: Settings) -> FqeAgent:
    """Agents with the rate of section `fqe`, discount and smoothing of section `offline`."""
    return FqeAgent(nets, FqeSettings(settings.fqe.q_lr, settings.offline.discount, settings.offline.tau))


def fqe_gradients(nets: Nets, batch: Batch, noise: Tensor, discount: float) -> tuple[Gradients, Metrics]:
    """Gradient of every critic's mean squared TD error, and metrics."""
    q = q_values(nets["critic"], batch.observations, batch.actions)
    losses = (q - fqe_target(nets, batch, noise, discount)).square().mean(-1)
    gradients: Gradients = {"critic": torch.autograd.grad(losses.sum(), list(nets["critic"].values()))}
    return gradients, {"q_loss": losses.detach(), "q_mean": q.detach().mean()}


@torch.no_grad()
def fqe_target(nets: Nets, batch: Batch, noise: Tensor, discount: float) -> Tensor:
    """`r + discount (1 - terminal) min_j Q'_j(s', a')`, a' a sample of each member's policy: `[E, B]`."""
    next_actions, _ = sample(policy(nets["policy"], batch.next_observations, CQL_LOG_STD), noise)
    q_next = q_values(nets["target"], batch.next_observations, next_actions).amin(0)
    return batch.rewards + (1 - batch.terminals) * discount * q_next
