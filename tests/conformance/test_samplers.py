"""What every sampler must satisfy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from off2on.config import Network
from off2on.errors import Off2OnError
from off2on.observations import ObservationSpec
from off2on.replay.inputs import SamplerInputs
from off2on.replay.samplers import Sampler, make_sampler
from off2on.replay.store import Rows, TransitionStore
from off2on.samplers import SAMPLERS, Balanced
from off2on.settings import Finetuning, Settings
from tests.conformance.agents import columns

OFFLINE_ROWS, SIZE = 40, 16
OBSERVATION = ObservationSpec((3,))
# few environment steps: the prioritised rows outgrow what is reserved for them
SETTINGS = Settings(
    network=Network(width=8, depth=1),
    finetuning=Finetuning(env_steps=10, epoch_steps=10, warmup_steps=0),
    balanced=Balanced(density_batch=SIZE),
)

kinds = pytest.mark.parametrize("kind", SAMPLERS)


class Run:
    """A store, a sampler and its generator, driven as the fine-tuning loop does."""

    def __init__(
        self,
        kind: str,
        offline: int = OFFLINE_ROWS,
        seed: int = 0,
        settings: Callable[[Settings], Any] = lambda given: given,
    ) -> None:
        self.rng, self.data = np.random.default_rng([seed, 0]), np.random.default_rng(1)
        self.store = TransitionStore(OBSERVATION, 2, 1)
        self.grow(offline)
        init = np.random.default_rng([seed, 2])
        inputs = SamplerInputs(self.store, offline, OBSERVATION, settings(SETTINGS), SIZE, init, self.rng)
        self.sampler: Sampler = make_sampler(kind, inputs)

    def grow(self, count: int) -> Rows:
        data = self.data.standard_normal((2, count + 1, 3)).astype(np.float32)
        return self.store.append(data[0], np.tanh(data[1, :-1, :2]), data[1, :-1, 2], np.zeros(count, np.float32))

    def steps(self, count: int) -> list[list[int]]:
        """That many rounds of: ten new rows, a draw, an update."""
        drawn = []
        for _ in range(count):
            self.sampler.append(self.grow(10))
            numbers = self.sampler.numbers()
            rows = self.sampler.draw(numbers)
            self.sampler.update(self.store.batch(rows), rows, numbers)
            drawn.append(rows.tolist())
        return drawn

    def states(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.sampler.state().items()}


@kinds
def test_draws_rows_of_the_store_and_reaches_the_new_ones(kind: str) -> None:
    run = Run(kind)
    drawn = np.array(run.steps(60))
    assert drawn.shape == (60, SIZE)
    assert drawn.min() >= (OFFLINE_ROWS if kind == "online-only" else 0)
    for step, rows in enumerate(drawn):
        assert rows.max() < OFFLINE_ROWS + 10 * (step + 1)
    assert drawn.max() > OFFLINE_ROWS + 500


@kinds
def test_metrics_are_finite_scalars_and_the_minibatch_stays_as_it_was(kind: str) -> None:
    run = Run(kind)
    run.sampler.append(run.grow(10))
    numbers = run.sampler.numbers()
    rows = run.sampler.draw(numbers)
    batch, kept = run.store.batch(rows), rows.clone()
    metrics = run.sampler.update(batch, rows, numbers)
    assert all(value.dim() == 0 and torch.isfinite(value) for value in metrics.values())
    assert (rows == kept).all()
    again = run.store.batch(rows)
    assert all(torch.equal(getattr(batch, name), getattr(again, name)) for name in columns(batch))


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
    fresh = make_sampler(
        kind, SamplerInputs(run.store, OFFLINE_ROWS, OBSERVATION, SETTINGS, SIZE, init, resumed.rng)
    )
    resumed.sampler = fresh
    fresh.load_state(load(file))
    resumed.rng.bit_generator.state = generator
    assert first + resumed.steps(5) == expected
    one, other = whole.states(), resumed.states()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@kinds
def test_without_offline_rows_it_works_or_says_what_it_needs(kind: str) -> None:
    if SAMPLERS[kind].needs_offline:
        with pytest.raises(Off2OnError, match=f"'{kind}' needs offline data; without any use 'online-only'"):
            Run(kind, offline=0)
    else:
        assert min(map(min, Run(kind, offline=0).steps(20))) == 0


def test_symmetric_draws_are_half_offline() -> None:
    drawn = np.array(Run("symmetric").steps(20))
    assert ((drawn < OFFLINE_ROWS).sum(1) == SIZE // 2).all()
