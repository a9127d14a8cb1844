"""AWAC: fresh networks, the range of its std, and the ensemble written out member by member."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from off2on.agents.awac import KEPT, AwacNoise, init_nets, offline_agent, online_agent
from off2on.algorithms.algorithm import Sizes
from off2on.data.batch import Batch
from off2on.nn.state import Nets
from off2on.observations import ObservationSpec
from off2on.settings import Settings

SETTINGS = Settings.model_validate(
    {
        "awac": {
            "policy": {"width": 8, "depth": 3},
            "critic": {"width": 6, "depth": 1},
            "beta": 0.3,
            "discount": 0.9,
            "tau": 0.2,
        },
        "cql": {"discount": 0.8, "tau": 0.1},
        "sac": {"discount": 0.7, "tau": 0.3},
    }
)
GENERATOR = torch.Generator().manual_seed(0)
N, B, A = 3, 9, 2


def nets(members: int = N) -> Nets:
    sizes = Sizes(ObservationSpec((4,)), A)
    return init_nets(sizes, SETTINGS, [np.random.default_rng(i) for i in range(members)])


def different_nets() -> Nets:
    """Members that disagree: fresh ones all act near zero and value everything near zero."""
    made = nets()
    for values in made.values():
        for value in values.values():
            value.add_(torch.randn(value.shape, generator=GENERATOR))
    return made


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=GENERATOR)


def test_fresh_networks() -> None:
    made = nets()
    assert tuple(made) == KEPT
    assert made["policy"]["layer2.weight"].shape == (N, 8, 8)
    assert made["policy"]["mean.weight"].abs().max() <= 1e-3
    assert made["critic"]["layer1.weight"].shape == (2 * N, 6, 1)
    # targets have weights of their own; no two critics are alike
    weights = torch.cat([made["critic"]["layer0.weight"], made["target"]["layer0.weight"]])
    assert len({tuple(w.flatten().tolist()) for w in weights}) == 4 * N
    alone = nets(1)
    for net in KEPT:
        assert all(torch.equal(made[net][name][::N], alone[net][name]) for name in alone[net])


def test_the_std_starts_at_exp_minus_3_and_stays_in_its_range() -> None:
    agent = online_agent(nets(1), SETTINGS)
    observations = normal(B, 4)
    with torch.no_grad():
        for logit, expected in [(0.0, math.exp(-3)), (-1e6, math.exp(-6)), (1e6, 1.0)]:
            agent.nets["policy"]["log_std_logits"].fill_(logit)
            deviation = agent.act(observations, torch.full((B, A), 0.1)) - agent.act(observations, None)
            torch.testing.assert_close(deviation, torch.full((B, A), 0.1 * expected), rtol=1e-3, atol=1e-6)


def test_acting_clips_its_samples() -> None:
    observations, noise = normal(B, 4), torch.full((B, A), 1e3)
    for sign in (1.0, -1.0):
        assert online_agent(nets(), SETTINGS).act(observations, sign * noise).eq(sign).all()
        assert offline_agent(nets(), SETTINGS).act(observations, sign * noise, 2).eq(sign).all()


@pytest.mark.parametrize("make", [offline_agent, online_agent])
def test_discount_and_tau_are_its_own_and_the_targets_are_kept(make: Callable[..., Any]) -> None:
    made = nets()
    agent = make(made, SETTINGS)
    assert (agent.discount, agent.tau) == (0.9, 0.2)
    assert all(torch.equal(agent.nets["target"][name], made["target"][name]) for name in made["target"])


def test_the_ensemble_is_the_one_of_facts_4_4() -> None:
    """Mixture policy, own targets, one advantage [S76, S77]."""
    agent = online_agent(different_nets(), SETTINGS)
    batch = Batch(normal(B, 4), normal(B, A).tanh(), normal(B), normal(B, 4), (normal(B) > 0.5).float())
    noise = AwacNoise(normal(B, A), normal(B, A))
    terms = agent.terms(batch, noise)
    policy = {name: value.detach() for name, value in agent.nets["policy"].items()}

    def member(i: int, x: Tensor) -> tuple[Tensor, Tensor]:
        for j in range(3):
            x = torch.relu(x @ policy[f"layer{j}.weight"][i] + policy[f"layer{j}.bias"][i])
        mean = torch.tanh(x @ policy["mean.weight"][i] + policy["mean.bias"][i])
        return mean, (-6 + 6 * torch.sigmoid(policy["log_std_logits"][i])).exp()

    def mixed(x: Tensor, normals: Tensor) -> Tensor:
        means, stds = (torch.stack(kind) for kind in zip(*(member(i, x) for i in range(N)), strict=True))
        mean = means.mean(0)
        variance = (means.square() + stds.square().unsqueeze(1)).mean(0) - mean.square()
        return mean + variance.sqrt() * normals

    def value(net: str, i: int, x: Tensor, actions: Tensor) -> Tensor:
        params = {name: value.detach() for name, value in agent.nets[net].items()}
        pair = []
        for row in (i, i + N):
            h = torch.cat([x, actions], -1) @ params["layer0.weight"][row] + params["layer0.bias"][row]
            pair.append((torch.relu(h) @ params["layer1.weight"][row] + params["layer1.bias"][row])[:, 0])
        return torch.minimum(*pair)

    drawn = mixed(batch.observations, noise.policy)
    advantages = [
        value("critic", i, batch.observations, batch.actions) - value("critic", i, batch.observations, drawn)
        for i in range(N)
    ]
    advantage = torch.stack(advantages).mean(0)
    torch.testing.assert_close(terms.advantage, advantage, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(terms.weights, (advantage / 0.3).softmax(0), rtol=1e-3, atol=1e-5)
    following = mixed(batch.next_observations, noise.target)
    for i in range(N):
        y = batch.rewards + (1 - batch.terminals) * 0.9 * value("target", i, batch.next_observations, following)
        torch.testing.assert_close(terms.q_target[i], y, rtol=1e-4, atol=1e-4)
        density = torch.distributions.Normal(*member(i, batch.observations)).log_prob(batch.actions).sum(-1)
        torch.testing.assert_close(terms.log_prob[i], density, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        agent.act(batch.observations, noise.policy), drawn.clamp(-1, 1), rtol=1e-4, atol=1e-5
    )
