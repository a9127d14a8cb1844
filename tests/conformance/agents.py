"""Every agent behind one small face, so that one suite serves them all.

To add an agent, add a `Case` to `CASES`; if it learns a policy, add it to `test_learning` too, offline or online.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from off2on.agents import awac, bcq, cql_reg, fqe
from off2on.agents.cql import CqlAgent, CqlSettings, cql_gradients, policy_draws, temperature_gradient
from off2on.agents.ensemble import EnsembleAgent, SacSettings, init_agent, sac_gradients
from off2on.config import Bcq, Settings
from off2on.data.batch import Batch
from off2on.nn.adam import Gradients

OBSERVATION, ACTION, WIDTHS, SIZE = 5, 2, [16, 16], 12


@dataclass(frozen=True)
class Case:
    """How the suite builds an agent, and what differs between agents."""

    #: members' numbers -> agent
    make: Callable[[list[int]], Any]
    #: agent, minibatch, noise -> gradients of one update by network; the agent stays as it is
    gradients: Callable[[Any, Batch, Any], Gradients]
    #: an `OfflineAgent`: members have minibatch and noise of their own and never meet; else an `OnlineAgent`
    independent: bool
    #: the noise with another draw of what the policy's loss alone samples; None: it samples nothing of its own
    other_policy_noise: Callable[[Any], Any] | None = None
    #: network of the policy's loss
    policy: str = "policy"
    #: networks whose loss looks at rewards and next observations
    looks_ahead: frozenset[str] = frozenset({"critic"})
    #: networks that an update leaves as they are
    fixed: frozenset[str] = frozenset()

    def draw(self, agent: Any, members: list[int], k: int) -> tuple[Batch, Any]:
        """Minibatch and noise of update `k`; those of a member depend on its number alone."""
        if not self.independent:
            rng = np.random.default_rng(k)
            return transitions(rng), agent.draw_noise(rng, SIZE)
        rngs = [np.random.default_rng([k, i]) for i in members]
        batches = [transitions(rng) for rng in rngs]
        return Batch(*(torch.stack(field) for field in zip(*batches, strict=True))), agent.draw_noise(rngs, SIZE)

    def act(self, agent: Any, observations: Tensor, *, explore: bool) -> Tensor:
        """Actions of the agent; of an offline one, of its second member."""
        noise = agent.acting_noise(np.random.default_rng(0), len(observations), explore=explore)
        acted: Tensor = agent.act(observations, noise, *([1] if self.independent else []))
        return acted


def transitions(rng: np.random.Generator) -> Batch:
    fields = [(SIZE, OBSERVATION), (SIZE, ACTION), (SIZE,), (SIZE, OBSERVATION)]
    observations, actions, rewards, following = (rng.standard_normal(s, np.float32) for s in fields)
    terminals = (rng.random(SIZE) < 0.2).astype(np.float32)
    arrays = (observations, np.tanh(actions), rewards, following, terminals)
    return Batch(*(torch.from_numpy(array) for array in arrays))


def generators(members: list[int]) -> list[np.random.Generator]:
    """Of the initial networks."""
    return [np.random.default_rng([9, i]) for i in members]


def nets(members: list[int]) -> dict[str, dict[str, Tensor]]:
    """Fresh networks whose critics do not start near zero, as they would."""
    made = init_agent(OBSERVATION, ACTION, WIDTHS, generators(members))
    made["critic"]["layer2.weight"] *= 100
    return made


def sac(members: list[int]) -> EnsembleAgent:
    return EnsembleAgent(nets(members), SacSettings())


def sac_grads(agent: EnsembleAgent, batch: Batch, noise: Tensor) -> Gradients:
    return sac_gradients(agent.nets, batch, noise, agent.settings.discount)[0]


def cql_grads(agent: CqlAgent, batch: Batch, noise: Any) -> Gradients:
    draws = policy_draws(agent.nets["policy"], batch, noise)
    cloning = agent.steps < agent.settings.bc_steps
    gradients = cql_gradients(agent.nets, batch, draws, agent.settings, cloning)[0]
    return gradients | {"temperature": temperature_gradient(draws)}


def cql(**settings: Any) -> Case:
    return Case(
        lambda members: CqlAgent(nets(members), CqlSettings(cql_actions=3, **settings)),
        cql_grads,
        independent=True,
        other_policy_noise=lambda noise: noise._replace(policy=noise.policy + 1),
        # the conservative term has the policy's actions at the next observations
        looks_ahead=frozenset({"critic", "lagrange"}),
    )


# three members and one have the same candidates
BCQ = Settings(bcq=Bcq(widths=(16, 16), vae_widths=(16, 16), target_candidates=3, acting_candidates=12))


def bcq_grads(agent: bcq.OfflineBcq | bcq.OnlineBcq, batch: Batch, noise: bcq.BcqNoise) -> Gradients:
    if isinstance(agent, bcq.OnlineBcq):
        batch, noise = bcq.shared(batch, noise, agent.members)
    gradients = bcq.vae_gradients(agent.nets, batch, noise.vae)[0]
    gradients |= bcq.critic_gradients(agent.nets, batch, noise.target, agent.bcq, agent.discount)[0]
    return gradients | bcq.perturbation_gradients(agent.nets, batch, noise.perturbation, agent.bcq.phi)[0]


def bcq_case(make: Callable[..., Any], *, independent: bool) -> Case:
    return Case(
        lambda members: make(bcq.init_nets(OBSERVATION, ACTION, BCQ, generators(members)), BCQ),
        bcq_grads,
        independent=independent,
        other_policy_noise=lambda noise: noise._replace(perturbation=noise.perturbation + 1),
        policy="perturbation",
    )


def awac_grads(agent: Any, batch: Batch, noise: awac.AwacNoise) -> Gradients:
    return awac.awac_gradients(agent.nets, agent.terms(batch, noise))[0]


def awac_case(make: Callable[[Any, Settings], Any], *, independent: bool) -> Case:
    network = {"width": 16, "depth": 2}
    settings = Settings.model_validate({"awac": {"policy": network, "critic": network}})

    def agent(members: list[int]) -> Any:
        made = awac.init_nets(OBSERVATION, ACTION, settings, generators(members))
        made["critic"]["layer2.weight"] *= 100
        return make(made, settings)

    return Case(
        agent,
        awac_grads,
        independent=independent,
        other_policy_noise=lambda noise: noise._replace(policy=noise.policy + 1),
    )


def cql_reg_grads(agent: cql_reg.CqlRegAgent, batch: Batch, noise: cql_reg.CqlRegNoise) -> Gradients:
    return cql_reg.cql_reg_gradients(agent.nets, batch, noise, agent.settings.discount, agent.min_q_weight)[0]


def fqe_grads(agent: fqe.FqeAgent, batch: Batch, noise: Tensor) -> Gradients:
    return fqe.fqe_gradients(agent.nets, batch, noise, agent.settings.discount)[0]


CASES: Mapping[str, Case] = {
    "sac": Case(
        sac,
        sac_grads,
        independent=False,
        other_policy_noise=lambda noise: torch.stack([noise[0] + 1, noise[1]]),
    ),
    "cql": cql(bc_steps=0),
    "cql-cloning": cql(bc_steps=7),
    "cql-lagrange": cql(bc_steps=0, lagrange_threshold=1.0, entropy_in_backup=True),
    "cql-reg": Case(
        lambda members: cql_reg.CqlRegAgent(nets(members), SacSettings(), min_q_weight=5.0, cql_actions=3),
        cql_reg_grads,
        independent=False,
        other_policy_noise=lambda noise: noise._replace(sac=torch.stack([noise.sac[0] + 1, noise.sac[1]])),
    ),
    "fqe": Case(
        lambda members: fqe.FqeAgent(nets(members), fqe.FqeSettings()),
        fqe_grads,
        independent=True,
        fixed=frozenset({"policy"}),
    ),
    "awac": awac_case(awac.offline_agent, independent=True),
    "awac-online": awac_case(awac.online_agent, independent=False),
    "bcq": bcq_case(bcq.offline_agent, independent=True),
    "bcq-ft": bcq_case(bcq.online_agent, independent=False),
}


def train(case: Case, agent: Any, members: list[int], first: int, last: int) -> None:
    """Updates `first .. last - 1`."""
    for k in range(first, last):
        agent.update(*case.draw(agent, members, k))
