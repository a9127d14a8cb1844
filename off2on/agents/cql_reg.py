"""The ensemble agent whose critics keep CQL's conservative term while they are fine-tuned (Fig. 8).

Policy, temperature and TD targets are those of `ensemble`, so that the term is all that differs from it.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.agents.cql import Penalty, critic_gradients, penalty_draws
from off2on.agents.ensemble import (
    EnsembleAgent,
    SacSettings,
    actor_gradients,
    ensemble_policy,
    sac_settings,
    td_target,
)
from off2on.agents.twins import Metrics
from off2on.config import Settings
from off2on.data.batch import Batch
from off2on.nn.adam import Gradients
from off2on.nn.state import Nets


class CqlRegNoise(NamedTuple):
    """What is random in one update: standard normals, and uniform actions."""

    #: `[2, B, A]`, as in `ensemble`
    sac: Tensor
    #: `[B, R, A]`, of the policy's actions in the conservative term, at the observations and at the next ones
    current: Tensor
    following: Tensor
    #: `[B, R, A]`, actions uniform in (-1, 1)
    uniform: Tensor


class CqlRegAgent(EnsembleAgent):
    """SAC updates with `min_q_weight` times the conservative term in every critic's loss."""

    def __init__(self, nets: Nets, settings: SacSettings, min_q_weight: float, cql_actions: int) -> None:
        super().__init__(nets, settings)
        self.min_q_weight, self.cql_actions = min_q_weight, cql_actions

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> CqlRegNoise:  # type: ignore[override]
        """The noise of one update."""
        sac = super().draw_noise(rng, batch_size)
        shape = (batch_size, self.cql_actions, sac.shape[-1])
        current, following = (torch.from_numpy(rng.standard_normal(shape, np.float32)) for _ in range(2))
        return CqlRegNoise(sac, current, following, torch.from_numpy(2.0 * rng.random(shape, np.float32) - 1.0))

    def gradients(self, batch: Batch, noise: CqlRegNoise) -> tuple[Gradients, Metrics]:
        """Gradients by network on `[B, .]` transitions, and metrics."""
        return cql_reg_gradients(self.nets, batch, noise, self.settings.discount, self.min_q_weight)


def online_agent(nets: Nets, settings: Settings) -> CqlRegAgent:
    """SAC's settings of section `online`; weight and actions of the term as in section `offline`."""
    return CqlRegAgent(nets, sac_settings(settings), settings.offline.min_q_weight, settings.offline.cql_actions)


def cql_reg_gradients(
    nets: Nets, batch: Batch, noise: CqlRegNoise, discount: float, min_q_weight: float
) -> tuple[Gradients, Metrics]:
    """Gradients by network, and metrics; all members see the same minibatch and sampled actions."""
    gradients, metrics = actor_gradients(nets, batch, noise.sac[0])
    y = td_target(nets, batch, noise.sac[1], discount)
    weight = torch.full(y.shape[:1], min_q_weight)
    stacked = Batch(*(field.expand(len(y), *field.shape) for field in batch))
    with torch.no_grad():
        here, there = (
            ensemble_policy(nets["policy"], observations)
            for observations in (batch.observations, batch.next_observations)
        )
    drawn = penalty_draws(here, there, noise.current, noise.following, noise.uniform)
    penalty = Penalty(*(field.expand(len(y), *field.shape) for field in drawn))
    gradients["critic"], td, gap, q_mean = critic_gradients(nets["critic"], stacked, penalty, y, weight)
    metrics |= {"q_loss": td, "conservative_loss": min_q_weight * gap, "q_mean": q_mean}
    return gradients, metrics
