"""The samplers by name: which rows they draw, and what they need."""

import numpy as np
import pytest

from off2on.config import Network
from off2on.errors import Off2OnError
from off2on.observations import ObservationSpec
from off2on.replay.balanced import BalancedSampler
from off2on.replay.inputs import SamplerInputs
from off2on.replay.samplers import make_sampler
from off2on.replay.store import TransitionStore
from off2on.replay.uniform import UniformSampler
from off2on.settings import Settings

OBSERVATION = ObservationSpec((1,))


def inputs(offline: int = 6, batch: int = 4, settings: Settings | None = None, count: int = 10) -> SamplerInputs:
    """A store of so many rows, the first ones offline."""
    store = TransitionStore(OBSERVATION, 1, count)
    zeros = np.zeros(count, np.float32)
    store.append(np.zeros((count + 1, 1), np.float32), zeros[:, None], zeros, zeros)
    rng = np.random.default_rng(0)
    return SamplerInputs(store, offline, OBSERVATION, settings or Settings(), batch, init_rng=rng, rng=rng)


@pytest.mark.parametrize(("first", "expected"), [(0, 1.0), (6, 2.5)])
def test_uniform_draws_reach_every_row_from_the_first_on_equally(first: int, expected: float) -> None:
    sampler = UniformSampler(inputs(batch=1000), first)
    counts = np.bincount(sampler.draw(sampler.numbers()), minlength=10)
    assert counts[:first].sum() == 0
    assert np.abs(counts[first:] - 100 * expected).max() < 4 * np.sqrt(100 * expected)


@pytest.mark.parametrize(("name", "low"), [("uniform", 0), ("online-only", 6)])
def test_the_name_decides_the_first_row(name: str, low: int) -> None:
    sampler = make_sampler(name, inputs(batch=256))
    assert set(sampler.draw(sampler.numbers()).tolist()) == set(range(low, 10))


@pytest.mark.parametrize("batch", [8, 9])
def test_symmetric_draws_are_half_offline_half_online_and_reach_every_row(batch: int) -> None:
    sampler = make_sampler("symmetric", inputs(batch=batch))
    drawn = np.array([sampler.draw(sampler.numbers()).tolist() for _ in range(200)])
    assert ((drawn < 6).sum(1) == batch // 2).all()
    counts = np.bincount(drawn.ravel(), minlength=10)
    assert len(counts) == 10
    for part in (counts[:6], counts[6:]):
        assert np.abs(part - part.mean()).max() < 4 * np.sqrt(part.mean())


@pytest.mark.parametrize("name", ["balanced", "balanced-mixture", "symmetric"])
def test_a_sampler_of_both_kinds_of_rows_needs_offline_ones(name: str) -> None:
    with pytest.raises(Off2OnError, match=f"sampler '{name}' needs offline data; without any use 'online-only'"):
        make_sampler(name, inputs(offline=0))


def test_an_unknown_sampler_names_the_known_ones() -> None:
    with pytest.raises(Off2OnError, match="unknown sampler 'random'; known samplers: uniform, online-only"):
        make_sampler("random", inputs())


def test_the_density_network_keeps_its_depth_under_deeper_agents() -> None:
    sampler = make_sampler("balanced", inputs(settings=Settings(network=Network(width=8, depth=3))))
    weights = [name for name in sampler.state() if name.startswith("nets/") and name.endswith("weight")]
    assert len(weights) == 3


@pytest.mark.parametrize(("name", "mixture"), [("balanced", False), ("balanced-mixture", True)])
def test_the_name_of_balanced_replay_decides_the_ratio(name: str, mixture: bool) -> None:
    sampler = make_sampler(name, inputs())
    assert isinstance(sampler, BalancedSampler)
    assert sampler.density.mixture is mixture
    assert len(sampler.draw(sampler.numbers())) == 4
