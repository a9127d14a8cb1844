"""The density ratio: its loss, its priorities, and a ratio known in closed form."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from off2on.replay.density import (
    DensityNetwork,
    density_gradients,
    density_loss,
    density_ratio,
    init_density,
    mixture_ratio,
    self_normalised,
)


@pytest.mark.parametrize(
    ("w", "f_prime", "f_star"), [(1, 0, 0), (3, 0.405465, 0.693147), (0.5, -0.405465, -0.287682)]
)
def test_values_of_the_generator(w: float, f_prime: float, f_star: float) -> None:
    """The loss is mean f*(f'(w)) over offline minus mean f'(w) over online pairs [S3, S5]."""
    ratio, one = torch.tensor([float(w)]), torch.ones(1)
    assert density_loss(ratio, one).item() == pytest.approx(f_star, abs=1e-6)
    assert density_loss(one, ratio).item() == pytest.approx(-f_prime, abs=1e-6)


def test_priorities() -> None:
    """The values of [S9], and the bounds."""
    offline = torch.tensor([1.0, 0.0, 32.0])
    priorities = self_normalised(torch.tensor([32.0, 0.0, 1e30]), offline, temperature=5.0)
    assert priorities.tolist() == pytest.approx([2.0, 1e-3, 1e3], rel=1e-6)


def test_a_fresh_network_gives_ratio_one_and_is_alive() -> None:
    params = init_density(3, 2, [16, 16], np.random.default_rng(0))
    ratio = density_ratio(
        params, torch.randn(100, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(100, 2)
    )
    assert ratio.shape == (100,)
    assert (ratio - 1).abs().max() < 0.1


def test_priorities_are_those_of_the_parameters_before_the_step() -> None:
    generator = torch.Generator().manual_seed(0)
    offline, online, batch = (
        (torch.randn(8, 3, generator=generator), torch.randn(8, 2, generator=generator)) for _ in range(3)
    )
    network = DensityNetwork(init_density(3, 2, [16], np.random.default_rng(0)), 0.1, 5.0)
    params = network.nets["density"]
    with torch.no_grad():
        expected = self_normalised(density_ratio(params, *batch), density_ratio(params, *offline), 5.0)
    before = {name: value.detach().clone() for name, value in params.items()}
    step = network.update(offline, online, batch)
    torch.testing.assert_close(step.priorities, expected)
    assert not step.priorities.requires_grad
    assert not torch.equal(params["layer0.weight"], before["layer0.weight"])


def test_the_rl_minibatch_has_no_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    pairs = [(torch.randn(8, 3, generator=generator), torch.randn(8, 2, generator=generator)) for _ in range(4)]
    params = init_density(3, 2, [16], np.random.default_rng(0))
    for value in params.values():
        value.requires_grad_(True)
    one = density_gradients(params, pairs[0], pairs[1], pairs[2], 5.0)
    other = density_gradients(params, pairs[0], pairs[1], pairs[3], 5.0)
    assert all(torch.equal(a, b) for a, b in zip(one.gradients, other.gradients, strict=True))


def test_recovers_the_ratio_of_two_gaussians() -> None:
    """Online N(1, 1), offline N(0, 1): the ratio is exp(x - 0.5) and the loss is -2 JS [S5]."""
    rng = np.random.default_rng(0)
    network = DensityNetwork(init_density(1, 1, [32, 32], rng), 2e-3, 5.0)

    def draw(mean: float, count: int = 2048) -> tuple[torch.Tensor, torch.Tensor]:
        x = rng.normal(mean, 1.0, (count, 1)).astype(np.float32)
        return torch.from_numpy(x), torch.zeros(count, 1)

    for _ in range(400):
        network.update(draw(0.0), draw(1.0), draw(1.0))
    x = torch.linspace(-1.0, 2.0, 31).unsqueeze(1)
    with torch.no_grad():
        learnt = density_ratio(network.nets["density"], x, torch.zeros_like(x)).log()
    assert (learnt - (x[:, 0] - 0.5)).abs().max() < 0.25

    def divergence(t: float) -> float:
        p, q = norm.pdf(t, 1), norm.pdf(t)
        return 0.5 * (p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q)))

    js = quad(divergence, -8, 9)[0]
    with torch.no_grad():
        ratios = [density_ratio(network.nets["density"], *draw(mean, 100_000)) for mean in (0.0, 1.0)]
    assert density_loss(*ratios).item() == pytest.approx(-2 * js, abs=0.01)


def test_stays_finite_where_the_ratio_is_zero_or_huge() -> None:
    network = DensityNetwork(init_density(1, 1, [8], np.random.default_rng(0)), 3e-4, 5.0)
    extreme = torch.tensor([[1e6], [-1e6], [0.0]]), torch.zeros(3, 1)
    for _ in range(5):
        step = network.update(extreme, extreme, extreme)
        assert torch.isfinite(step.loss)
        assert ((step.priorities >= 1e-3) & (step.priorities <= 1e3)).all()
    assert all(torch.isfinite(value).all() for value in network.nets["density"].values())


def test_the_ratio_to_the_mixture_tends_to_two() -> None:
    """Fig. 14: `2w / (1 + w)`."""
    found = mixture_ratio(torch.tensor([0.0, 1.0, 3.0, 1e9]))
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 1.5, 2.0]))


def test_priorities_by_the_mixture_have_its_ratio_above_and_below_and_the_same_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    offline, online, batch = (
        (torch.randn(8, 3, generator=generator), torch.randn(8, 2, generator=generator)) for _ in range(3)
    )
    params = init_density(3, 2, [16], np.random.default_rng(0))
    for value in params.values():
        value.requires_grad_(True)
    plain, mixed = (density_gradients(params, offline, online, batch, 5.0, kind) for kind in (False, True))
    with torch.no_grad():
        w, at_offline = density_ratio(params, *batch), density_ratio(params, *offline)
    expected = (2 * w / (1 + w)).pow(0.2) / (2 * at_offline / (1 + at_offline)).pow(0.2).mean()
    torch.testing.assert_close(mixed.priorities, expected)
    assert not torch.allclose(mixed.priorities, plain.priorities)
    assert torch.equal(mixed.loss, plain.loss)
