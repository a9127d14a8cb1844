"""Agents solve a task whose optimum is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from off2on.agents.interface import agent_module
from off2on.algorithms.algorithm import Sizes
from off2on.observations import ObservationSpec
from off2on.settings import Settings
from tests.conformance import tiny

BATCH, WIDTHS = 64, [32, 32]
NETWORK = {"width": 32, "depth": 2}
POSITIONS = torch.linspace(0, 0.75, 16).unsqueeze(1)
SIZES = Sizes(ObservationSpec((1,)), 1)


BEST = tiny.optimal_value(0.0)


def test_the_optimum_is_a_short_step_and_three_long_ones() -> None:
    def optimal(position: tiny.Floats) -> tiny.Floats:
        return np.where(position == 0, 0.2, 1.0).astype(np.float32)

    assert tiny.walk(optimal) == pytest.approx(BEST)
    assert tiny.walk(lambda position: np.ones(1, np.float32)) < BEST
    assert tiny.walk(lambda position: -np.ones(1, np.float32), 200) < 0.5 * BEST


RATES = {"discount": tiny.DISCOUNT, "tau": 0.05, "q_lr": 5e-3}
SETTINGS: dict[str, Any] = {
    "network": NETWORK,
    "sac": RATES | {"policy_lr": 5e-3},
    "cql": RATES | {"policy_lr": 5e-3, "min_q_weight": 0.5, "sampled_actions": 4, "bc_steps": 50},
    "awac": RATES | {"policy": NETWORK, "critic": NETWORK, "policy_lr": 5e-3, "beta": 0.1},
    # the perturbation may be large here: the best actions are the largest ones of the data
    "bcq": {
        "discount": tiny.DISCOUNT,
        "tau": 0.05,
        "lr": 5e-3,
        "widths": WIDTHS,
        "vae_widths": WIDTHS,
        "phi": 0.3,
        "acting_candidates": 20,
    },
}


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


@pytest.mark.parametrize(
    ("name", "members", "offline"),
    # AWAC explores little and BCQ stays with what it has seen: they start from data of others
    [("sac", 1, 0), ("sac", 3, 0), ("cql_reg", 3, 0), ("awac", 3, 1000), ("bcq", 3, 1000)],
)
def test_online_agents_solve_it(name: str, members: int, offline: int) -> None:
    # the conservative term stays small beside the return
    solve_online(name, SETTINGS | {"cql": {"min_q_weight": 0.02, "sampled_actions": 4}}, members, offline)


def solve_online(name: str, settings: dict[str, Any], members: int, offline: int) -> None:
    """Train an ensemble on the corridor, from offline transitions on, and check what it does and values."""
    given = Settings.model_validate(settings)
    rng = np.random.default_rng(0)
    module, rngs = agent_module(name), [np.random.default_rng([1, i]) for i in range(members)]
    agent = module.online_agent(module.init_nets(SIZES, given, rngs), given)
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


def solve_offline(name: str, settings: dict[str, Any]) -> Any:
    """Train two agents on mixed data of the corridor, and check what they do; their last is given back."""
    given = Settings.model_validate(settings)
    rng = np.random.default_rng(0)
    module, rngs = agent_module(name), [np.random.default_rng([1, i]) for i in range(2)]
    agent = module.offline_agent(module.init_nets(SIZES, given, rngs), given)
    store = tiny.mixed_store(2000, rng)
    for _ in range(400):
        rows = rng.integers(store.size, size=(2, BATCH))
        agent.update(store.batch(rows), agent.draw_noise(rngs, BATCH))
    for member in range(2):
        assert tiny.walk(exploit(agent, member)) > 0.97 * BEST
    ones = torch.ones_like(POSITIONS)
    assert (agent.q(POSITIONS, ones) > agent.q(POSITIONS, -ones)).all()
    return agent


@pytest.mark.parametrize("name", ["cql", "awac", "bcq"])
def test_offline_agents_solve_it_from_mixed_data(name: str) -> None:
    agent = solve_offline(name, SETTINGS)
    if name == "cql":
        # conservative: the truth is approached from below
        assert (agent.q(torch.zeros(1, 1), torch.ones(1, 1)) < BEST).all()
