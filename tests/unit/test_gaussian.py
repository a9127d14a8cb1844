"""Tanh-Gaussian policies: mixture moments and densities."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, TanhTransform, TransformedDistribution

from off2on.nn.gaussian import (
    CQL_LOG_STD,
    Gaussian,
    init_policy,
    log_density_with_epsilon,
    mixture,
    policy,
    sample,
    sample_with_epsilon,
)


def test_mixture_moments_of_two_members() -> None:
    """The value of [S22]."""
    members = Gaussian(torch.tensor([[[0.0]], [[1.0]]]), torch.tensor([[[0.5]], [[1.0]]]))
    combined = mixture(members)
    assert combined.mean.item() == pytest.approx(0.5)
    assert combined.std.item() ** 2 == pytest.approx(0.875)
    assert combined.std.item() == pytest.approx(0.935414, abs=1e-6)


def test_mixture_of_one_member_is_the_member_and_its_std_is_clamped() -> None:
    mean, std = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0)), torch.full((1, 4, 3), 0.3)
    combined = mixture(Gaussian(mean, std))
    torch.testing.assert_close(combined.mean, mean[0])
    torch.testing.assert_close(combined.std, std[0])
    far = Gaussian(torch.tensor([[[-100.0]], [[100.0]]]), torch.ones(2, 1, 1))
    assert mixture(far).std.item() == pytest.approx(math.exp(2.0))


def test_samples_have_the_density_of_the_tanh_gaussian_of_torch() -> None:
    generator = torch.Generator().manual_seed(1)
    gaussian = Gaussian(torch.randn(2, 5, 3, generator=generator), torch.rand(2, 5, 3, generator=generator) + 0.3)
    noise = torch.randn(2, 5, 3, generator=generator)
    reference = TransformedDistribution(Normal(gaussian.mean, gaussian.std), [TanhTransform(cache_size=1)])
    z = gaussian.mean + gaussian.std * noise
    expected = (
        Normal(gaussian.mean, gaussian.std).log_prob(z) - TanhTransform().log_abs_det_jacobian(z, None)
    ).sum(-1)
    actions, log_pi = sample(gaussian, noise)
    torch.testing.assert_close(log_pi, expected)
    torch.testing.assert_close(reference.log_prob(actions).sum(-1), log_pi, rtol=1e-3, atol=1e-3)
    assert torch.equal(sample_with_epsilon(gaussian, noise)[0], actions)
    torch.testing.assert_close(sample_with_epsilon(gaussian, noise)[1], log_pi, rtol=1e-3, atol=1e-3)


def test_the_epsilon_bounds_the_correction_of_a_saturated_action() -> None:
    gaussian = Gaussian(torch.full((1, 1), 50.0), torch.ones(1, 1))
    _, exact = sample(gaussian, torch.zeros(1, 1))
    _, bounded = sample_with_epsilon(gaussian, torch.zeros(1, 1))
    base = -0.5 * math.log(2 * math.pi)
    assert bounded.item() == pytest.approx(base - math.log(1e-6), rel=1e-4)
    assert exact.item() == pytest.approx(base - 2 * (math.log(2) - 50), rel=1e-4)


def test_density_of_given_actions_is_that_of_the_sample() -> None:
    generator = torch.Generator().manual_seed(2)
    gaussian = Gaussian(torch.randn(5, 3, generator=generator), torch.rand(5, 3, generator=generator) + 0.3)
    actions, log_pi = sample_with_epsilon(gaussian, 0.5 * torch.randn(5, 3, generator=generator))
    torch.testing.assert_close(log_density_with_epsilon(gaussian, actions), log_pi, rtol=1e-4, atol=1e-4)


def test_density_of_given_actions_clamps_the_mean_and_floors_the_inverse_tanh() -> None:
    """Mean in [-9, 9]; for action 1 the floor gives z = log(2 / 1e-6) / 2 [S53]."""
    density = log_density_with_epsilon(Gaussian(torch.tensor([[30.0]]), torch.ones(1, 1)), torch.ones(1, 1))
    z = 0.5 * math.log(2e6)
    expected = -0.5 * (z - 9.0) ** 2 - 0.5 * math.log(2 * math.pi) - math.log(1e-6)
    assert density.item() == pytest.approx(expected, rel=1e-5)


def test_policy_clamps_its_log_std() -> None:
    params = init_policy(4, 2, [8], [np.random.default_rng(0)])
    assert params["mean.weight"].abs().max() <= 1e-3
    for bias, expected in [(-100.0, -5.0), (100.0, 2.0)]:
        params["log_std.bias"].fill_(bias)
        std = policy(params, torch.ones(3, 4), CQL_LOG_STD).std
        torch.testing.assert_close(std, torch.full((1, 3, 2), math.exp(expected)))
