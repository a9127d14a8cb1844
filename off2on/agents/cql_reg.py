"""The ensemble agent whose critics keep CQL's conservative term while they are fine-tuned (Fig. 8).

Policy, temperature and TD targets are those of `sac`, so that the term is all that differs from it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.agents.cql import Penalty, critic_gradients, penalty_draws
from off2on.agents.sac import (
    KEPT,
    EnsembleAgent,
    actor_gradients,
    ensemble_policy,
    init_nets,
    td_target,
)
from off2on.agents.twins import Metrics
from off2on.algorithms.cql import Cql
from off2on.algorithms.sac import Sac
from off2on.data.batch import Batch, stacked
from off2on.nn.adam import Gradients
from off2on.nn.encoder import encode
from off2on.nn.state import Nets
from off2on.settings import Settings

__all__ = ["KEPT", "CqlRegAgent", "init_nets", "online_agent"]


class CqlRegNoise(NamedTuple):
    """What is random in one update: standard normals, and uniform actions."""

    #: `[B, A]` each, as in `sac`
    policy: Tensor
    target: Tensor
    #: `[B, R, A]`, of the policy's actions in the conservative term, at the observations and at the next ones
    current: Tensor
    following: Tensor
    #: `[B, R, A]`, actions uniform in (-1, 1)
    uniform: Tensor


class CqlRegAgent(EnsembleAgent):
    """SAC updates with `min_q_weight` times the conservative term in every critic's loss."""

    def __init__(self, nets: Nets, sac: Sac, cql: Cql) -> None:
        super().__init__(nets, sac)
        self.cql = cql

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> CqlRegNoise:  # type: ignore[override]
        """The noise of one update."""
        sac = super().draw_noise(rng, batch_size)
        shape = (batch_size, self.cql.sampled_actions, self.action_size)
        current, following = (torch.from_numpy(rng.standard_normal(shape, np.float32)) for _ in range(2))
        return CqlRegNoise(*sac, current, following, torch.from_numpy(2.0 * rng.random(shape, np.float32) - 1.0))

    def stages(self, batch: Batch, noise: CqlRegNoise) -> Iterator[tuple[Gradients, Metrics]]:
        """All gradients at once, on `[B, .]` transitions."""
        term = self.cql.min_q_weight, self.cql.importance_weights
        yield cql_reg_gradients(self.nets, batch, noise, self.discount, *term)


def online_agent(nets: Nets, settings: Settings) -> CqlRegAgent:
    """The agent that starts from networks `KEPT`; weight and actions of the term are those of CQL."""
    return CqlRegAgent(nets, settings.of(Sac), settings.of(Cql))


def cql_reg_gradients(
    nets: Nets, batch: Batch, noise: CqlRegNoise, discount: float, min_q_weight: float, weighted: bool = True
) -> tuple[Gradients, Metrics]:
    """Gradients by network, and metrics; all members see the same minibatch and sampled actions."""
    features = encode(nets["critic"], batch.observations)
    gradients, metrics = actor_gradients(nets, batch, features.detach(), noise.policy)
    y = td_target(nets, batch, noise.target, discount)
    weight = y.new_full(y.shape[:1], min_q_weight)
    with torch.no_grad():
        here, there = (
            ensemble_policy(nets["policy"], observations)
            for observations in (batch.observations, batch.next_observations)
        )
    drawn = penalty_draws(here, there, noise.current, noise.following, noise.uniform, weighted)
    penalty = Penalty(*(field.expand(len(y), *field.shape) for field in drawn))
    own = features if features.dim() == 3 else features.expand(len(y), *features.shape)
    gradients["critic"], td, gap, q_mean = critic_gradients(
        nets["critic"], own, stacked(batch, len(y)), penalty, y, weight
    )
    metrics |= {"q_loss": td, "conservative_loss": min_q_weight * gap, "q_mean": q_mean}
    return gradients, metrics
