"""Balanced replay: minibatches by priority, priorities by density ratio (facts 1.1-1.4)."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from off2on.config import Online
from off2on.data.batch import Batch
from off2on.replay.density import DensityNetwork, Pairs
from off2on.replay.store import Rows, TransitionStore
from off2on.replay.sumtree import SumTree


class BalancedSampler:
    """Prioritised draws over offline and online rows.

    Offline rows start at priority 1. New rows get the default priority: at first P0, which makes an epoch's
    fresh rows rho of all mass, then the largest priority so far. Drawn rows get their self-normalised ratio.

    Args:
        store: the transitions; its first `offline_size` rows are offline.
        offline_size: at least 1.
        settings: rho, the epoch's length, the density network's batch.
        batch: transitions of an RL minibatch.
        density: the density-ratio network.
        rng: draws rows; the loop owns and checkpoints it.
    """

    def __init__(
        self,
        store: TransitionStore,
        offline_size: int,
        settings: Online,
        batch: int,
        density: DensityNetwork,
        rng: np.random.Generator,
    ) -> None:
        self.store, self.offline_size, self.settings = store, offline_size, settings
        self.batch, self.density, self.rng = batch, density, rng
        self.default = offline_size * settings.rho / ((1.0 - settings.rho) * settings.epoch_steps)
        self.tree = SumTree(offline_size + settings.env_steps)
        self.tree.fill(0, np.ones(offline_size))

    def append(self, rows: Rows) -> None:
        """New online rows, consecutive, enter with the default priority."""
        self.tree.fill(int(rows[0]), np.full(len(rows), self.default))

    def draw(self) -> Rows:
        """Rows of an RL minibatch, `[batch]`: stratified, in proportion to the priorities."""
        return self.tree.draw(self.rng.random(self.batch))

    def update(self, batch: Batch, rows: Rows) -> dict[str, Tensor]:
        """A density step on fresh uniform minibatches, then new priorities of the drawn rows alone."""
        offline = self._uniform(0, self.offline_size)
        online = self._uniform(self.offline_size, self.store.size)
        step = self.density.update(offline, online, (batch.observations, batch.actions))
        priorities = step.priorities.numpy().astype(np.float64)
        self.tree.update(rows, priorities)
        self.default = max(self.default, float(priorities.max()))
        return {
            "density_loss": step.loss,
            "density_ratio_online": step.online,
            "density_ratio_offline": step.offline,
        }

    def _uniform(self, low: int, high: int) -> Pairs:
        return self.store.pairs(self.rng.integers(low, high, self.settings.density_batch))

    def state(self) -> dict[str, Tensor]:
        """Everything that further draws and updates depend on, but for the generator."""
        priorities = torch.from_numpy(self.tree.priorities(self.store.size).copy())
        default = torch.tensor(self.default, dtype=torch.float64)
        return self.density.state() | {"priorities": priorities, "default": default}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave; the store holds its rows already."""
        self.density.load_state(tensors)
        self.tree.fill(0, tensors["priorities"].numpy())
        self.default = float(tensors["default"])
