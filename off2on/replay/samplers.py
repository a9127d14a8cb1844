"""The samplers: which rows of the store an update is made of (facts 3.4)."""

from collections.abc import Mapping
from typing import Protocol, assert_never, get_args

import numpy as np
from torch import Tensor

from off2on.config import Settings
from off2on.data.batch import Batch
from off2on.errors import Off2OnError
from off2on.replay.balanced import BalancedSampler
from off2on.replay.density import DensityNetwork, init_density
from off2on.replay.kinds import SamplerKind
from off2on.replay.store import Rows, TransitionStore

SAMPLERS: tuple[SamplerKind, ...] = get_args(SamplerKind)


class Sampler(Protocol):
    """What fine-tuning asks of a sampler."""

    def append(self, rows: Rows) -> None:
        """Online rows were stored; they are consecutive."""

    def draw(self) -> Rows:
        """Rows of the next RL minibatch, `[batch]`."""

    def update(self, batch: Batch, rows: Rows) -> dict[str, Tensor]:
        """Learn from the minibatch just used; 0-dimensional metrics by name."""

    def state(self) -> dict[str, Tensor]:
        """Everything that further draws depend on, but for the store and the generator."""

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave; the store holds its rows already."""


class UniformSampler:
    """Uniform draws over the rows from `first` on: 0 for all, the offline size for the online ones alone."""

    def __init__(self, store: TransitionStore, first: int, batch: int, rng: np.random.Generator) -> None:
        self.store, self.first, self.batch, self.rng = store, first, batch, rng

    def append(self, rows: Rows) -> None:
        """Nothing to keep: the store knows its size."""

    def draw(self) -> Rows:
        """Rows of an RL minibatch, `[batch]`."""
        return self.rng.integers(self.first, self.store.size, self.batch)

    def update(self, batch: Batch, rows: Rows) -> dict[str, Tensor]:  # noqa: ARG002
        """Nothing to learn."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Nothing beyond the store."""
        return {}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Nothing to put back."""


def make_sampler(
    kind: SamplerKind,
    store: TransitionStore,
    offline_size: int,
    settings: Settings,
    batch: int,
    init_rng: np.random.Generator,
    rng: np.random.Generator,
) -> Sampler:
    """The sampler of a method.

    Args:
        kind: its name.
        store: the transitions; its first `offline_size` rows are offline.
        offline_size: number of offline rows.
        settings: `online` and `network` are read.
        batch: transitions of an RL minibatch.
        init_rng: draws the weights of the density network, where there is one.
        rng: draws rows; the loop owns and checkpoints it.

    Raises:
        Off2OnError: balanced replay without offline rows.
    """
    online = settings.online
    match kind:
        case "uniform":
            return UniformSampler(store, 0, batch, rng)
        case "online-only":
            return UniformSampler(store, offline_size, batch, rng)
        case "balanced" | "balanced-mixture":
            if offline_size == 0:
                raise Off2OnError(f"sampler '{kind}' needs offline data; without any use 'online-only'")
            widths = [settings.network.width] * online.density_depth
            sizes = store.observations.shape[1], store.actions.shape[1]
            params = init_density(*sizes, widths, init_rng)
            density = DensityNetwork(params, online.density_lr, online.temperature, kind == "balanced-mixture")
            return BalancedSampler(store, offline_size, online, batch, density, rng)
    assert_never(kind)
