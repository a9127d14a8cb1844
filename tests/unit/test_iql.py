"""IQL against the equations of its paper [S91-S94], and on the task with a known optimum."""

import numpy as np
import pytest
import torch
from torch import Tensor

from off2on.agents import iql
from off2on.agents.iql import IqlAgents
from off2on.nn.mlp import layer_names
from off2on.nn.state import flatten
from tests.conformance import tiny
from tests.conformance.agents import CASES, SIZES
from tests.conformance.test_learning import BEST, SETTINGS, solve_offline, solve_online

CASE = CASES["iql-offline"]
MEMBERS = 2


def network(params: dict[str, Tensor], row: int, x: Tensor) -> Tensor:
    """A ReLU network, written out."""
    *trunk, last = layer_names(params)
    for name in trunk:
        x = torch.relu(x @ params[f"{name}.weight"][row] + params[f"{name}.bias"][row])
    return (x @ params[f"{last}.weight"][row] + params[f"{last}.bias"][row]).squeeze(-1)


@pytest.fixture
def agent() -> IqlAgents:
    made: IqlAgents = CASE.make([0, 1])
    batch, _ = CASE.draw(made, [0, 1], 0)
    # away from zero, differing in every state, and errors of both signs
    with torch.no_grad():
        made.nets["value"]["layer2.weight"] *= 300
        made.nets["target"]["layer2.weight"] *= 0.5
        made.nets["policy"]["log_std"] -= 0.7
        error = iql.target_q(made.nets, batch) - iql.value(made.nets, batch.observations)
        made.nets["value"]["layer2.bias"] += error.mean(-1, keepdim=True)
    return made


def test_every_loss_is_the_papers(agent: IqlAgents) -> None:
    batch, _ = CASE.draw(agent, [0, 1], 0)
    expectile, beta, discount = agent.iql.expectile, agent.iql.beta, agent.iql.discount
    _, metrics = agent.gradients(batch, None)
    for i in range(MEMBERS):
        pairs = torch.cat([batch.observations[i], batch.actions[i]], -1)
        q_target = torch.minimum(*(network(agent.nets["target"], i + k * MEMBERS, pairs) for k in (0, 1)))
        v, v_next = (network(agent.nets["value"], i, s[i]) for s in (batch.observations, batch.next_observations))
        error = q_target - v
        assert 0 < (error > 0).float().mean() < 1
        value_loss = ((expectile - (error < 0).float()).abs() * error**2).mean()
        torch.testing.assert_close(metrics["value_loss"][i], value_loss)

        weights = torch.exp(beta * error).clamp(max=100.0)
        policy = agent.nets["policy"]
        trunk = batch.observations[i]
        for name in layer_names(policy):
            trunk = torch.relu(trunk @ policy[f"{name}.weight"][i] + policy[f"{name}.bias"][i])
        mean = torch.tanh(trunk @ policy["mean.weight"][i] + policy["mean.bias"][i])
        normal = torch.distributions.Normal(mean, policy["log_std"][i].exp().expand_as(mean))
        log_prob = normal.log_prob(batch.actions[i]).sum(-1)
        torch.testing.assert_close(metrics["policy_loss"][i], -(weights * log_prob).mean().detach())

        y = batch.rewards[i] + discount * (1 - batch.terminals[i]) * v_next
        for k in (0, 1):
            loss = (network(agent.nets["critic"], i + k * MEMBERS, pairs) - y).square().mean()
            torch.testing.assert_close(metrics["q_loss"][k, i], loss.detach())


def test_an_expectile_of_a_half_is_the_mean_and_a_high_one_the_largest_value() -> None:
    values = torch.tensor([0.0, 1.0, 5.0, 10.0])
    for expectile, expected in [(0.5, 4.0), (0.999, 10.0)]:
        v = torch.zeros(1, requires_grad=True)
        for _ in range(20_000):
            (gradient,) = torch.autograd.grad(iql.expectile_loss(values - v, expectile).mean(), [v])
            with torch.no_grad():
                v -= 0.1 * gradient
        assert v.item() == pytest.approx(expected, abs=0.1)


def test_the_policy_and_the_critics_look_at_the_value_after_its_step(agent: IqlAgents) -> None:
    batch, _ = CASE.draw(agent, [0, 1], 0)
    _, before = agent.gradients(batch, None)
    metrics = agent.update(batch, None)
    assert torch.equal(metrics["value_loss"], before["value_loss"])
    assert not torch.equal(metrics["policy_loss"], before["policy_loss"])
    assert not torch.equal(metrics["q_loss"], before["q_loss"])


def test_no_weight_of_a_transition_is_above_100(agent: IqlAgents) -> None:
    batch, _ = CASE.draw(agent, [0, 1], 0)
    with torch.no_grad():
        agent.nets["value"]["layer2.bias"] -= 1000
    policy_loss = agent.gradients(batch, None)[1]["policy_loss"]
    gaussian = iql.iql_policy(agent.nets["policy"], batch.observations)
    torch.testing.assert_close(policy_loss, -100 * iql.log_density(gaussian, batch.actions).mean(-1).detach())


def test_targets_start_as_copies_and_fine_tuning_keeps_those_of_the_offline_agents() -> None:
    offline: IqlAgents = CASE.make([0, 1])
    fresh = iql.init_nets(SIZES, CASE.settings, [np.random.default_rng(0)])
    assert all(torch.equal(value, fresh["critic"][key]) for key, value in fresh["target"].items())
    offline.update(*CASE.draw(offline, [0, 1], 0))
    online = iql.online_agent({name: offline.nets[name] for name in iql.KEPT}, CASE.settings)
    ours, theirs = flatten(online.nets), flatten(offline.nets)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


TINY = SETTINGS | {"iql": {"discount": tiny.DISCOUNT, "tau": 0.05, "lr": 5e-3, "expectile": 0.9, "beta": 10.0}}


def test_it_solves_the_corridor_offline() -> None:
    agent = solve_offline("iql", TINY)
    # in-sample: no action that is not in the data can raise a value above the best one
    assert (agent.q(torch.zeros(1, 1), torch.ones(1, 1)) < 1.1 * BEST).all()


def test_it_solves_the_corridor_online_from_data_of_others() -> None:
    solve_online("iql", TINY, members=3, offline=1000)
