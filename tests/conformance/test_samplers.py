"""What every sampler must satisfy."""

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from off2on.config import Network, Online, Settings
from off2on.replay.samplers import SAMPLERS, Sampler, make_sampler
from off2on.replay.store import Rows, TransitionStore

OFFLINE, SIZE = 40, 16
# few environment steps: the prioritised rows outgrow what is reserved for them
ONLINE = Online(env_steps=10, epoch_steps=10, batch=SIZE, density_batch=SIZE)
SETTINGS = Settings(network=Network(width=8, depth=1), online=ONLINE)

kinds = pytest.mark.parametrize("kind", SAMPLERS)


class Run:
    """A store, a sampler and its generator, driven as the fine-tuning loop does."""

    def __init__(self, kind: str, offline: int = OFFLINE, seed: int = 0) -> None:
        self.rng, self.data = np.random.default_rng([seed, 0]), np.random.default_rng(1)
        self.store = TransitionStore(3, 2, 1)
        self.grow(offline)
        init = np.random.default_rng([seed, 2])
        self.sampler: Sampler = make_sampler(
            kind, self.store, offline, SETTINGS, SETTINGS.online.batch, init_rng=init, rng=self.rng
        )

    def grow(self, count: int) -> Rows:
        data = self.data.standard_normal((2, count + 1, 3)).astype(np.float32)
        return self.store.append(data[0], np.tanh(data[1, :-1, :2]), data[1, :-1, 2], np.zeros(count, np.float32))

    def steps(self, count: int) -> list[list[int]]:
        """That many rounds of: ten new rows, a draw, an update."""
        drawn = []
        for _ in range(count):
            self.sampler.append(self.grow(10))
            rows = self.sampler.draw()
            self.sampler.update(self.store.batch(rows), rows)
            drawn.append(rows.tolist())
        return drawn

    def states(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.sampler.state().items()}


@kinds
def test_draws_rows_of_the_store_and_reaches_the_new_ones(kind: str) -> None:
    run = Run(kind)
    drawn = np.array(run.steps(60))
    assert drawn.shape == (60, SIZE)
    assert drawn.min() >= (OFFLINE if kind == "online-only" else 0)
    for step, rows in enumerate(drawn):
        assert rows.max() < OFFLINE + 10 * (step + 1)
    assert drawn.max() > OFFLINE + 500


@kinds
def test_metrics_are_finite_scalars_and_the_minibatch_stays_as_it_was(kind: str) -> None:
    run = Run(kind)
    run.sampler.append(run.grow(10))
    rows = run.sampler.draw()
    batch, kept = run.store.batch(rows), rows.copy()
    metrics = run.sampler.update(batch, rows)
    assert all(value.dim() == 0 and torch.isfinite(value) for value in metrics.values())
    assert (rows == kept).all()
    assert all(torch.equal(a, b) for a, b in zip(batch, run.store.batch(rows), strict=True))


@kinds
def test_the_generator_alone_decides(kind: str) -> None:
    assert Run(kind).steps(5) == Run(kind).steps(5)
    assert Run(kind).steps(5) != Run(kind, seed=1).steps(5)


@kinds
def test_saved_and_loaded_it_goes_on_bit_by_bit(kind: str) -> None:
    whole = Run(kind)
    expected = whole.steps(10)
    run = Run(kind)
    first = run.steps(5)
    file, generator = save(run.states()), run.rng.bit_generator.state
    # the loop puts back store and generator itself
    resumed = Run(kind, seed=7)
    resumed.store, resumed.data = run.store, run.data
    init = np.random.default_rng(3)
    fresh = make_sampler(kind, run.store, OFFLINE, SETTINGS, SETTINGS.online.batch, init_rng=init, rng=resumed.rng)
    resumed.sampler = fresh
    fresh.load_state(load(file))
    resumed.rng.bit_generator.state = generator
    assert first + resumed.steps(5) == expected
    one, other = whole.states(), resumed.states()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", ["uniform", "online-only"])
def test_works_without_offline_rows(kind: str) -> None:
    drawn = Run(kind, offline=0).steps(20)
    assert min(map(min, drawn)) == 0
