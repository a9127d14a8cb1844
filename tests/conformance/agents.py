"""Every agent behind one small face, so that one suite serves them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from off2on.agents.cql import CqlAgent, CqlSettings, cql_gradients, policy_draws, temperature_gradient
from off2on.agents.ensemble import EnsembleAgent, SacSettings, init_agent, sac_gradients
from off2on.data.batch import Batch
from off2on.nn.adam import Gradients

OBSERVATION, ACTION, WIDTHS, SIZE = 5, 2, [16, 16], 12

Agent = EnsembleAgent | CqlAgent


@dataclass(frozen=True)
class Case:
    """How the suite builds an agent, draws the input of update `k` and asks for gradients."""

    make: Callable[[list[int]], Agent]
    #: agent, members' numbers, number of the update -> minibatch and noise
    draw: Callable[[Any, list[int], int], tuple[Batch, Any]]
    gradients: Callable[[Any, Batch, Any], Gradients]


def transitions(rng: np.random.Generator) -> Batch:
    fields = [(SIZE, OBSERVATION), (SIZE, ACTION), (SIZE,), (SIZE, OBSERVATION)]
    observations, actions, rewards, following = (rng.standard_normal(s, np.float32) for s in fields)
    terminals = (rng.random(SIZE) < 0.2).astype(np.float32)
    arrays = (observations, np.tanh(actions), rewards, following, terminals)
    return Batch(*(torch.from_numpy(array) for array in arrays))


def nets(members: list[int]) -> dict[str, dict[str, Tensor]]:
    """Fresh networks whose critics do not start near zero, as they would."""
    made = init_agent(OBSERVATION, ACTION, WIDTHS, [np.random.default_rng([9, i]) for i in members])
    made["critic"]["layer2.weight"] *= 100
    return made


def sac_draw(agent: EnsembleAgent, members: list[int], k: int) -> tuple[Batch, Tensor]:
    rng = np.random.default_rng(k)
    return transitions(rng), agent.draw_noise(rng, SIZE)


def sac_grads(agent: EnsembleAgent, batch: Batch, noise: Tensor) -> Gradients:
    return sac_gradients(agent.nets, batch, noise, agent.settings.discount)[0]


def cql_draw(agent: CqlAgent, members: list[int], k: int) -> tuple[Batch, Any]:
    rngs = [np.random.default_rng([k, i]) for i in members]
    batches = [transitions(rng) for rng in rngs]
    return Batch(*(torch.stack(field) for field in zip(*batches, strict=True))), agent.draw_noise(rngs, SIZE)


def cql_grads(agent: CqlAgent, batch: Batch, noise: Any) -> Gradients:
    draws = policy_draws(agent.nets["policy"], batch, noise)
    cloning = agent.steps < agent.settings.bc_steps
    gradients = cql_gradients(agent.nets, batch, draws, agent.settings, cloning)[0]
    return gradients | {"temperature": temperature_gradient(draws)}


def sac(members: list[int]) -> Agent:
    return EnsembleAgent(nets(members), SacSettings())


def cql(**settings: Any) -> Callable[[list[int]], Agent]:
    return lambda members: CqlAgent(nets(members), CqlSettings(cql_actions=3, **settings))


CASES: Mapping[str, Case] = {
    "sac": Case(sac, sac_draw, sac_grads),
    "cql": Case(cql(bc_steps=0), cql_draw, cql_grads),
    "cql-cloning": Case(cql(bc_steps=7), cql_draw, cql_grads),
    "cql-lagrange": Case(cql(bc_steps=0, lagrange_threshold=1.0, entropy_in_backup=True), cql_draw, cql_grads),
}


def train(case: Case, agent: Any, members: list[int], first: int, last: int) -> None:
    """Updates `first .. last - 1`."""
    for k in range(first, last):
        agent.update(*case.draw(agent, members, k))
