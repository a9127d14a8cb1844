"""Fitted Q evaluation against values known by arithmetic."""

import numpy as np
import torch

from off2on.agents.fqe import FqeAgent, fqe_target, init_nets, offline_agent
from off2on.algorithms.algorithm import Sizes
from off2on.algorithms.fqe import Fqe
from off2on.config import Network
from off2on.data.batch import Batch
from off2on.observations import ObservationSpec
from off2on.settings import Settings
from tests.conformance import tiny

SETTINGS = Settings(network=Network(width=32, depth=2))


def rngs(members: int) -> list[np.random.Generator]:
    return [np.random.default_rng([3, i]) for i in range(members)]


def walker(members: int) -> dict[str, dict[str, torch.Tensor]]:
    """Agents on the corridor whose policies nearly always take 0.76 of a stride to the right."""
    nets = init_nets(Sizes(ObservationSpec((1,)), 1), SETTINGS, rngs(members))
    for name, value in nets["policy"].items():
        value.zero_()
        if name == "mean.bias":
            value.fill_(1.0)
        if name == "log_std.bias":
            value.fill_(-10.0)
    return nets


def value_of_walking(position: float) -> float:
    """The discounted return of that policy."""
    step = float(np.tanh(1.0))
    total, discount = 0.0, 1.0
    while True:
        reward, following, terminal = tiny.move(np.array([position], np.float32), np.array([step], np.float32))
        total += discount * float(reward[0])
        if terminal[0]:
            return total
        position, discount = float(following[0]), discount * tiny.DISCOUNT


def test_the_critics_learn_the_value_of_the_policy_and_not_the_best_one() -> None:
    agent = FqeAgent(walker(2), Fqe(q_lr=5e-3, discount=tiny.DISCOUNT, tau=0.05))
    store = tiny.mixed_store(2000, np.random.default_rng(0))
    generators = rngs(2)
    for _ in range(600):
        rows = np.stack([rng.integers(store.size, size=64) for rng in generators])
        agent.update(store.batch(rows), agent.draw_noise(generators, 64))
    action = torch.full((1, 1), float(np.tanh(1.0)))
    for position in (0.0, 0.3, 0.6):
        learned = agent.q(torch.full((1, 1), position), action)
        expected = value_of_walking(position)
        torch.testing.assert_close(learned, torch.full((2, 1), expected), rtol=0.1, atol=0.1)
    assert value_of_walking(0.0) < 0.97 * tiny.optimal_value(0.0)


def test_each_twin_has_its_own_target_and_no_entropy() -> None:
    agent = offline_agent(walker(2), SETTINGS)
    rng = np.random.default_rng(1)
    batch = Batch(
        torch.zeros(2, 3, 1),
        torch.zeros(2, 3, 1),
        torch.tensor([[1.0, 2.0, 3.0]] * 2),
        torch.from_numpy(rng.random((2, 3, 1), np.float32)),
        torch.tensor([[0.0, 0.0, 1.0]] * 2),
    )
    with torch.no_grad():
        for name, value in agent.nets["target"].items():
            value.zero_()
            if name == "layer2.bias":
                # first critics of both members, then their second ones
                value.copy_(torch.tensor([[5.0], [7.0], [6.0], [4.0]]))
    target = fqe_target(agent.nets, batch, torch.zeros(2, 3, 1), 0.5)
    first, second = [[3.5, 4.5, 3.0], [4.5, 5.5, 3.0]], [[4.0, 5.0, 3.0], [3.0, 4.0, 3.0]]
    torch.testing.assert_close(target, torch.tensor([first, second]))


def test_the_policy_stays_as_it_is() -> None:
    nets = walker(1)
    agent = offline_agent(nets, SETTINGS)
    store = tiny.mixed_store(64, np.random.default_rng(0))
    before = {name: value.clone() for name, value in nets["policy"].items()}
    agent.update(store.batch(np.arange(64)[None]), agent.draw_noise(rngs(1), 64))
    assert all(torch.equal(agent.nets["policy"][name], value) for name, value in before.items())
