"""Fitted Q evaluation: neutral critics of a fixed offline policy (facts 6.1).

Twin critics of E independent members; the policies are those of the offline algorithm it starts from. The target
takes no entropy, as CQL's does not, and each twin follows its own target: the smaller of two would be pessimistic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from off2on.agents.ensemble import init_agent
from off2on.agents.twins import Metrics, TwinAgent, member_action, q_values
from off2on.config import Fqe, Offline, Settings
from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.gaussian import CQL_LOG_STD, policy, sample
from off2on.nn.state import Nets

KEPT = ("policy", "critic")


@dataclass(frozen=True)
class FqeSettings:
    """Hyper-parameters of fitted Q evaluation, of sections `fqe` and `offline`."""

    q_lr: float = Fqe().q_lr
    discount: float = Offline().discount
    tau: float = Offline().tau


class FqeAgent(TwinAgent):
    """E members with networks `policy`, which stays as it is, `critic` and `target`."""

    def __init__(self, nets: Nets, settings: FqeSettings) -> None:
        self.settings = settings
        self.members, self.action_size = nets["policy"]["mean.bias"].shape
        self.nets: Nets = {name: dict(nets[name]) for name in KEPT}
        self.nets["target"] = {name: value.detach().clone() for name, value in nets["critic"].items()}
        self.adam = Adam(self.nets, {"critic": settings.q_lr})

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> Tensor:
        """Standard normals `[E, B, A]` of the next actions; member `i` draws from `rngs[i]` alone."""
        shape = (batch_size, self.action_size)
        return torch.from_numpy(np.stack([rng.standard_normal(shape, np.float32) for rng in rngs]))

    def update(self, batch: Batch, noise: Tensor) -> Metrics:
        """One gradient step of the critics on a minibatch `[E, B, .]` a member, then the soft target update."""
        gradients, metrics = fqe_gradients(self.nets, batch, noise, self.settings.discount)
        self._apply(gradients, self.settings.tau)
        return metrics

    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """Actions of one member's policy, `[B, O]` -> `[B, A]`: a sample, or without noise tanh of its mean."""
        return member_action(self.nets["policy"], observations, noise, member)


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
    """`r + discount (1 - terminal) Q'_j(s', a')`, a' a sample of each member's policy: `[2, E, B]`."""
    next_actions, _ = sample(policy(nets["policy"], batch.next_observations, CQL_LOG_STD), noise)
    q_next = q_values(nets["target"], batch.next_observations, next_actions)
    return batch.rewards + (1 - batch.terminals) * discount * q_next
