"""Balanced replay: default priorities, and which rows get new ones."""

import numpy as np
import pytest
from torch import Tensor

from off2on.config import Network
from off2on.observations import ObservationSpec
from off2on.replay.balanced import BalancedSampler
from off2on.replay.inputs import SamplerInputs
from off2on.replay.store import Rows, TransitionStore
from off2on.samplers import Balanced
from off2on.settings import Finetuning, Settings

OBSERVATION = ObservationSpec((1,))
BATCH, EPOCH = 64, 100
BALANCED = Balanced(density_batch=32, density_depth=1)
SETTINGS = Settings(
    network=Network(width=16),
    balanced=BALANCED,
    finetuning=Finetuning(env_steps=200, epoch_steps=EPOCH, warmup_steps=0),
)


def rows_of(store: TransitionStore, count: int, center: float, rng: np.random.Generator) -> Rows:
    frames = rng.normal(center, 1.0, (count + 1, 1)).astype(np.float32)
    zeros = np.zeros(count, np.float32)
    return store.append(frames, zeros[:, None], zeros, zeros)


def balanced(offline: int, settings: Settings = SETTINGS) -> BalancedSampler:
    rng = np.random.default_rng(0)
    store = TransitionStore(OBSERVATION, 1, offline)
    rows_of(store, offline, 0.0, rng)
    inputs = SamplerInputs(store, offline, OBSERVATION, settings, BATCH, init_rng=rng, rng=rng)
    return BalancedSampler(inputs, mixture=False)


def arrive(sampler: BalancedSampler, count: int, center: float = 3.0) -> Rows:
    rows = rows_of(sampler.store, count, center, np.random.default_rng(1))
    sampler.append(rows)
    return rows


def step(sampler: BalancedSampler) -> Tensor:
    """The rows of a minibatch that the sampler has learned from."""
    numbers = sampler.numbers()
    rows = sampler.draw(numbers)
    sampler.update(sampler.store.batch(rows), rows, numbers)
    return rows


def test_the_first_default_priority() -> None:
    """The value of [S12]."""
    sampler = balanced(998_999, Settings())
    assert sampler.default == pytest.approx(2996.997)
    assert sampler.tree.total == 998_999


def test_the_first_minibatch_is_online_with_probability_rho() -> None:
    sampler = balanced(5000)
    arrive(sampler, EPOCH)
    share = np.mean([(sampler.draw(sampler.numbers()) >= 5000).double().mean() for _ in range(200)])
    # stratified: the share of each minibatch is rho but for one row
    assert share == pytest.approx(0.75, abs=1 / BATCH)


def test_only_the_drawn_rows_get_new_priorities() -> None:
    sampler = balanced(500)
    arrive(sampler, 50)
    before = sampler.tree.priorities(550).numpy().copy()
    rows = step(sampler).numpy()
    after = sampler.tree.priorities(550).numpy()
    rest = np.setdiff1d(np.arange(550), rows)
    assert (after[rest] == before[rest]).all()
    assert (after[np.unique(rows)] != before[np.unique(rows)]).all()
    # the network says about 1 everywhere before its first step
    assert after[rows] == pytest.approx(np.ones(len(rows)), abs=0.05)


def test_the_default_is_a_running_maximum_and_counts_for_later_rows() -> None:
    sampler = balanced(5, SETTINGS.model_copy(update={"finetuning": Finetuning(epoch_steps=1000)}))
    assert sampler.default == pytest.approx(0.015)
    first = arrive(sampler, 10)
    assert sampler.tree.priorities(15)[first] == pytest.approx(0.015)
    highest = []
    for _ in range(3):
        rows = step(sampler)
        highest.append(sampler.tree.priorities(15)[rows].max())
    assert sampler.default == max(highest) > 0.9
    later = arrive(sampler, 10)
    assert (sampler.tree.priorities(25)[later] == sampler.default).all()
    sampler.default.fill_(1e6)
    step(sampler)
    assert sampler.default == 1e6


def test_online_like_rows_gain_priority() -> None:
    faster = BALANCED.model_copy(update={"density_lr": 1e-2})
    sampler = balanced(500, SETTINGS.model_copy(update={"balanced": faster}))
    arrive(sampler, 200)
    for _ in range(150):
        numbers = sampler.numbers()
        rows = sampler.draw(numbers)
        metrics = sampler.update(sampler.store.batch(rows), rows, numbers)
    assert metrics.keys() == {"density_loss", "density_ratio_online", "density_ratio_offline"}
    assert all(value.dim() == 0 for value in metrics.values())
    assert metrics["density_ratio_online"] > 2 > 0.5 > metrics["density_ratio_offline"]
    positions = sampler.store.observations[sampler.store.frame[:500], 0]
    priorities = sampler.tree.priorities(700)
    assert np.corrcoef(positions, priorities[:500])[0, 1] > 0.5
    assert priorities[500:].mean() > 1.5 * priorities[:500].mean()
