"""Agents solve a task whose optimum is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from off2on.agents import awac, bcq
from off2on.agents.cql import CqlAgent, CqlSettings
from off2on.agents.cql_reg import CqlRegAgent
from off2on.agents.ensemble import EnsembleAgent, SacSettings, init_agent
from off2on.config import Settings
from tests.conformance import tiny

BATCH, WIDTHS = 64, [32, 32]
NETWORK = {"width": 32, "depth": 2}
POSITIONS = torch.linspace(0, 0.75, 16).unsqueeze(1)


BEST = tiny.optimal_value(0.0)

#: generators of the members -> the agent, or the independent agents
Make = Callable[[list[np.random.Generator]], Any]


def test_the_optimum_is_a_short_step_and_three_long_ones() -> None:
    def optimal(position: tiny.Floats) -> tiny.Floats:
        return np.where(position == 0, 0.2, 1.0).astype(np.float32)

    assert tiny.walk(optimal) == pytest.approx(BEST)
    assert tiny.walk(lambda position: np.ones(1, np.float32)) < BEST
    assert tiny.walk(lambda position: -np.ones(1, np.float32), 200) < 0.5 * BEST


RATES = {"discount": tiny.DISCOUNT, "tau": 0.05}
SETTINGS = Settings.model_validate(
    {
        "offline": RATES,
        "online": RATES,
        "awac": {"policy": NETWORK, "critic": NETWORK, "policy_lr": 5e-3, "q_lr": 5e-3, "beta": 0.1},
        # the perturbation may be large here: the best actions are the largest ones of the data
        "bcq": {"lr": 5e-3, "widths": WIDTHS, "vae_widths": WIDTHS, "phi": 0.3, "acting_candidates": 20},
    }
)


def exploit(agent: Any, *member: int) -> Callable[[tiny.Floats], tiny.Floats]:
    """The policy that an evaluation looks at: of an online agent, or of one member of an offline one."""
    rng = np.random.default_rng(2)

    def act(position: tiny.Floats) -> tiny.Floats:
        observations = torch.from_numpy(position[:, None])
        noise = agent.acting_noise(rng, len(position), explore=False)
        acted: tiny.Floats = agent.act(observations, noise, *member).numpy()[:, 0]
        return acted

    return act


# ---------------------------------------------------------------------------------------------- online agents

SAC = SacSettings(policy_lr=5e-3, q_lr=5e-3, discount=tiny.DISCOUNT, tau=0.05)
#: online agent -> how it is made
ONLINE: dict[str, Make] = {
    "sac": lambda rngs: EnsembleAgent(init_agent(1, 1, WIDTHS, rngs), SAC),
    "cql-reg": lambda rngs: CqlRegAgent(init_agent(1, 1, WIDTHS, rngs), SAC, min_q_weight=0.02, cql_actions=4),
    "awac-online": lambda rngs: awac.online_agent(awac.init_nets(1, 1, SETTINGS, rngs), SETTINGS),
    "bcq-ft": lambda rngs: bcq.online_agent(bcq.init_nets(1, 1, SETTINGS, rngs), SETTINGS),
}


@pytest.mark.parametrize(
    ("name", "members", "offline"),
    # AWAC explores little and BCQ stays with what it has seen: they start from data of others
    [("sac", 1, 0), ("sac", 3, 0), ("cql-reg", 3, 0), ("awac-online", 3, 1000), ("bcq-ft", 3, 1000)],
)
def test_online_agents_solve_it(name: str, members: int, offline: int) -> None:
    rng = np.random.default_rng(0)
    agent = ONLINE[name]([np.random.default_rng([1, i]) for i in range(members)])
    store = tiny.mixed_store(offline, rng) if offline else tiny.empty_store()
    assert tiny.walk(exploit(agent)) < 0.5 * BEST
    position = rng.uniform(0, tiny.START, 4).astype(np.float32)
    for _ in range(400):
        noise = agent.acting_noise(rng, 4, explore=True)
        action = agent.act(torch.from_numpy(position[:, None]), noise).numpy()[:, 0]
        _, position = tiny.record(store, position, action)
        ended = position >= tiny.END
        position[ended] = rng.uniform(0, tiny.START, ended.sum())
        agent.update(store.batch(rng.integers(store.size, size=BATCH)), agent.draw_noise(rng, BATCH))

    assert tiny.walk(exploit(agent)) > 0.97 * BEST
    values = agent.q(torch.zeros(1, 1), torch.ones(1, 1))
    assert values.tolist() == [[pytest.approx(BEST, rel=0.15)]] * members


# --------------------------------------------------------------------------------------------- offline agents


def cql(rngs: list[np.random.Generator]) -> CqlAgent:
    settings = CqlSettings(
        policy_lr=5e-3,
        q_lr=5e-3,
        discount=tiny.DISCOUNT,
        tau=0.05,
        min_q_weight=0.5,
        cql_actions=4,
        bc_steps=50,
    )
    return CqlAgent(init_agent(1, 1, WIDTHS, rngs), settings)


#: offline algorithm -> its two agents
OFFLINE: dict[str, Make] = {
    "cql": cql,
    "awac": lambda rngs: awac.offline_agent(awac.init_nets(1, 1, SETTINGS, rngs), SETTINGS),
    "bcq": lambda rngs: bcq.offline_agent(bcq.init_nets(1, 1, SETTINGS, rngs), SETTINGS),
}


def from_mixed_data(name: str) -> Any:
    rng = np.random.default_rng(0)
    rngs = [np.random.default_rng([1, i]) for i in range(2)]
    agent = OFFLINE[name](rngs)
    store = tiny.mixed_store(2000, rng)
    for _ in range(400):
        rows = rng.integers(store.size, size=(2, BATCH))
        agent.update(store.batch(rows), agent.draw_noise(rngs, BATCH))
    return agent


@pytest.mark.parametrize("name", OFFLINE)
def test_offline_agents_solve_it_from_mixed_data(name: str) -> None:
    agent = from_mixed_data(name)
    for member in range(2):
        assert tiny.walk(exploit(agent, member)) > 0.97 * BEST
    ones = torch.ones_like(POSITIONS)
    assert (agent.q(POSITIONS, ones) > agent.q(POSITIONS, -ones)).all()
    if name == "cql":
        # conservative: the truth is approached from below
        assert (agent.q(torch.zeros(1, 1), torch.ones(1, 1)) < BEST).all()
