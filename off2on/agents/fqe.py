"""Fitted Q evaluation: neutral critics of a fixed offline policy [S85, S86].

Twin critics of E independent members; the policies are those of the offline algorithm it starts from. The target
takes no entropy, as CQL's does not, and each twin follows its own target: the smaller of two would be pessimistic.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from off2on.agents.sac import init_nets
from off2on.agents.twins import Metrics, TwinAgent, member_action, q_values
from off2on.algorithms.fqe import Fqe
from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.encoder import encode
from off2on.nn.gaussian import CQL_LOG_STD, policy, sample
from off2on.nn.state import Nets
from off2on.settings import Settings

__all__ = ["KEPT", "FqeAgent", "init_nets", "offline_agent"]

#: fresh policies of `init_nets` are there for their shapes: those to evaluate take their place
KEPT = ("policy", "critic")


class FqeAgent(TwinAgent):
    """E members with networks `policy`, which stays as it is, `critic` and `target`."""

    def __init__(self, nets: Nets, fqe: Fqe) -> None:
        self.discount, self.tau = fqe.discount, fqe.tau
        self.members, self.action_size = nets["policy"]["mean.bias"].shape
        self.nets: Nets = {name: dict(nets[name]) for name in KEPT}
        self.nets["target"] = {name: value.detach().clone() for name, value in nets["critic"].items()}
        self.adam = Adam(self.nets, {"critic": fqe.q_lr})

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> Tensor:
        """Standard normals `[E, B, A]` of the next actions; member `i` draws from `rngs[i]` alone."""
        shape = (batch_size, self.action_size)
        return torch.from_numpy(np.stack([rng.standard_normal(shape, np.float32) for rng in rngs]))

    def stages(self, batch: Batch, noise: Tensor) -> Iterator[tuple[Gradients, Metrics]]:
        """The critics' gradients, on a minibatch `[E, B, .]` a member."""
        yield fqe_gradients(self.nets, batch, noise, self.discount)

    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """Actions of one member's policy, `[B, O]` -> `[B, A]`: a sample, or without noise tanh of its mean."""
        return member_action(self.nets["policy"], observations, noise, member)


def offline_agent(nets: Nets, settings: Settings) -> FqeAgent:
    """The agents with networks `KEPT`."""
    return FqeAgent(nets, settings.of(Fqe))


def fqe_gradients(nets: Nets, batch: Batch, noise: Tensor, discount: float) -> tuple[Gradients, Metrics]:
    """Gradient of every critic's mean squared TD error, and metrics."""
    q = q_values(nets["critic"], encode(nets["critic"], batch.observations), batch.actions)
    losses = (q - fqe_target(nets, batch, noise, discount)).square().mean(-1)
    gradients: Gradients = {"critic": torch.autograd.grad(losses.sum(), list(nets["critic"].values()))}
    return gradients, {"q_loss": losses.detach(), "q_mean": q.detach().mean()}


@torch.no_grad()
def fqe_target(nets: Nets, batch: Batch, noise: Tensor, discount: float) -> Tensor:
    """`r + discount (1 - terminal) Q'_j(s', a')`, a' a sample of each member's policy: `[2, E, B]`."""
    next_actions, _ = sample(policy(nets["policy"], batch.next_observations, CQL_LOG_STD), noise)
    q_next = q_values(nets["target"], encode(nets["target"], batch.next_observations), next_actions)
    return batch.rewards + (1 - batch.terminals) * discount * q_next
