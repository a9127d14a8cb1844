import numpy as np
import pytest

from off2on.config import Network, Settings
from off2on.errors import Off2OnError
from off2on.replay.balanced import BalancedSampler
from off2on.replay.samplers import UniformSampler, make_sampler
from off2on.replay.store import TransitionStore


def store(count: int) -> TransitionStore:
    made = TransitionStore(1, 1, count)
    zeros = np.zeros(count, np.float32)
    made.append(np.zeros((count + 1, 1), np.float32), zeros[:, None], zeros, zeros)
    return made


@pytest.mark.parametrize(("first", "expected"), [(0, 1.0), (6, 2.5)])
def test_uniform_draws_reach_every_row_from_the_first_on_alike(first: int, expected: float) -> None:
    sampler = UniformSampler(store(10), first, 1000, np.random.default_rng(0))
    counts = np.bincount(sampler.draw(), minlength=10)
    assert counts[:first].sum() == 0
    assert np.abs(counts[first:] - 100 * expected).max() < 4 * np.sqrt(100 * expected)


@pytest.mark.parametrize(("kind", "low"), [("uniform", 0), ("online-only", 6)])
def test_the_kind_decides_the_first_row(kind: str, low: int) -> None:
    rng = np.random.default_rng(0)
    sampler = make_sampler(kind, store(10), 6, Settings(), 256, init_rng=rng, rng=rng)
    assert set(sampler.draw().tolist()) == set(range(low, 10))


def test_balanced_replay_needs_offline_rows() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(Off2OnError, match="needs offline data"):
        make_sampler("balanced", store(2), 0, Settings(), 256, init_rng=rng, rng=rng)


def test_the_density_network_keeps_its_depth_under_deeper_agents() -> None:
    rng = np.random.default_rng(0)
    deep = Settings(network=Network(width=8, depth=3))
    sampler = make_sampler("balanced", store(10), 6, deep, 4, init_rng=rng, rng=rng)
    weights = [name for name in sampler.state() if name.startswith("nets/") and name.endswith("weight")]
    assert len(weights) == 3


@pytest.mark.parametrize(("kind", "mixture"), [("balanced", False), ("balanced-mixture", True)])
def test_the_kind_of_balanced_replay_decides_the_ratio(kind: str, mixture: bool) -> None:
    rng = np.random.default_rng(0)
    sampler = make_sampler(kind, store(10), 6, Settings(), 4, init_rng=rng, rng=rng)
    assert isinstance(sampler, BalancedSampler)
    assert sampler.density.mixture is mixture
    assert len(sampler.draw()) == 4
