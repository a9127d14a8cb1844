"""Fine-tuning that keeps CQL's term: SAC plus the term, and nothing else."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from off2on.agents.cql_reg import CqlRegAgent, CqlRegNoise, cql_reg_gradients, online_agent
from off2on.agents.sac import EnsembleAgent, SacNoise, ensemble_policy, init_agent, sac_gradients
from off2on.agents.twins import q_values
from off2on.algorithms.cql import Cql
from off2on.algorithms.sac import Sac
from off2on.data.batch import Batch
from off2on.nn.gaussian import log_density
from off2on.nn.state import Nets
from off2on.settings import Settings

OBS, A, B, N, R = 4, 2, 6, 3, 5


def nets() -> Nets:
    made = init_agent(OBS, A, [16, 16], [np.random.default_rng([4, i]) for i in range(N)])
    made["critic"]["layer2.weight"] *= 100
    return made


def batch() -> Batch:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s, np.float32) for s in [(B, OBS), (B, A), (B,), (B, OBS)]]
    arrays[1] = np.tanh(arrays[1])
    return Batch(*(torch.from_numpy(a) for a in arrays), torch.zeros(B))


def agent(weight: float) -> CqlRegAgent:
    return CqlRegAgent(nets(), Sac(), Cql(min_q_weight=weight, sampled_actions=R))


def test_with_weight_zero_it_is_sac() -> None:
    regular, plain = agent(2.5), EnsembleAgent(nets(), Sac())
    noise = regular.draw_noise(np.random.default_rng(1), B)
    one = cql_reg_gradients(regular.nets, batch(), noise, 0.99, 0.0)[0]
    other = sac_gradients(plain.nets, batch(), SacNoise(noise.policy, noise.target), 0.99)[0]
    for net in other:
        for a, b in zip(one[net], other[net], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def conservative_term(
    critic: dict[str, Tensor], policy: dict[str, Tensor], noise: CqlRegNoise, weighted: bool
) -> Tensor:
    """Sum over members and twins of `mean_s[logsumexp - Q(s, a)]`, action by action."""
    data = batch()
    total, volume = torch.zeros(()), A * math.log(2.0)
    for b in range(B):
        state = data.observations[b : b + 1]
        logits = [q_values(critic, state, u[None])[..., 0] + weighted * volume for u in noise.uniform[b]]
        for where, normals in ((data.observations, noise.current), (data.next_observations, noise.following)):
            gaussian = ensemble_policy(policy, where[b : b + 1])
            for normal in normals[b]:
                z = gaussian.mean + gaussian.std * normal
                density = log_density(gaussian, z) - (1 - torch.tanh(z).square() + 1e-6).log().sum(-1)
                logits.append(
                    q_values(critic, state, torch.tanh(z).detach())[..., 0] - weighted * density.detach()
                )
        gap = torch.stack(logits).logsumexp(0) - q_values(critic, state, data.actions[b : b + 1])[..., 0]
        total = total + gap.sum() / B
    return total


@pytest.mark.parametrize("weighted", [True, False])
def test_the_term_is_that_of_cql_on_actions_of_the_ensemble_policy(weighted: bool) -> None:
    regular = agent(2.5)
    noise = regular.draw_noise(np.random.default_rng(1), B)
    with_term = cql_reg_gradients(regular.nets, batch(), noise, 0.99, 2.5, weighted)[0]["critic"]
    without = cql_reg_gradients(regular.nets, batch(), noise, 0.99, 0.0, weighted)[0]["critic"]
    critic = regular.nets["critic"]
    term = conservative_term(critic, regular.nets["policy"], noise, weighted)
    expected = torch.autograd.grad(term, list(critic.values()))
    for a, b, c in zip(with_term, without, expected, strict=True):
        torch.testing.assert_close(a - b, 2.5 * c, rtol=1e-3, atol=1e-4)


def test_the_term_has_the_settings_of_cql_and_the_rest_those_of_sac() -> None:
    settings = Settings(
        cql=Cql(min_q_weight=7.0, sampled_actions=3, discount=0.5, tau=0.5), sac=Sac(discount=0.8, tau=0.1)
    )
    made = online_agent(nets(), settings)
    assert (made.discount, made.tau) == (0.8, 0.1)
    assert (made.cql.min_q_weight, made.cql.importance_weights) == (7.0, True)
    assert made.draw_noise(np.random.default_rng(0), B).current.shape == (B, 3, A)


def test_the_temperature_starts_where_the_settings_say() -> None:
    assert EnsembleAgent(nets(), Sac()).nets["temperature"]["log_alpha"] == 0
    started = EnsembleAgent(nets(), Sac(initial_temperature=0.1)).nets["temperature"]["log_alpha"]
    assert started.shape == ()
    assert started.exp().item() == pytest.approx(0.1)
