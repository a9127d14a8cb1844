"""One gradient step of each loop, in two parts: what is drawn on the host, and what is computed on the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.agents.interface import OfflineAgent, OnlineAgent
from off2on.data.crop import cropped, draw_corners
from off2on.replay.origins import Origins
from off2on.replay.samplers import Sampler
from off2on.replay.store import TransitionStore
from off2on.seeding import Rng
from off2on.training.evaluate import Averages


class Numbers(NamedTuple):
    """What is random in a step."""

    #: offline the rows `[E, B]`, online what the sampler draws them by
    rows: Any
    #: of crops; None: there are none
    corners: Tensor | None
    #: of the agent's update
    noise: Any


@dataclass(frozen=True)
class OfflineStep:
    """An update of all members, each on a uniform minibatch of its own."""

    agent: OfflineAgent
    store: TransitionStore
    averages: Averages
    #: transitions of a minibatch, padding of crops
    batch: int
    crop: int
    #: one a member
    row_rngs: Sequence[Rng]
    noise_rngs: Sequence[Rng]

    def draw(self) -> Numbers:
        """The numbers of the next step."""
        rows = np.stack([rng.integers(self.store.size, size=self.batch) for rng in self.row_rngs])
        corners = draw_corners(self.crop, self.batch, self.noise_rngs)
        return Numbers(torch.from_numpy(rows), corners, self.agent.draw_noise(self.noise_rngs, self.batch))

    def learn(self, numbers: Numbers) -> None:
        """Everything else."""
        seen = cropped(self.store.batch(numbers.rows), self.crop, numbers.corners)
        self.averages.add(self.agent.update(seen, numbers.noise))


@dataclass(frozen=True)
class OnlineStep:
    """An update of the agent on a minibatch that the sampler chooses, and one of the sampler."""

    agent: OnlineAgent
    store: TransitionStore
    sampler: Sampler
    origins: Origins
    averages: Averages
    #: transitions of a minibatch, padding of crops
    batch: int
    crop: int
    rng: Rng

    def draw(self) -> Numbers:
        """The numbers of the next step."""
        corners = draw_corners(self.crop, self.batch, [self.rng])
        return Numbers(self.sampler.numbers(), corners, self.agent.draw_noise(self.rng, self.batch))

    def learn(self, numbers: Numbers) -> None:
        """Everything else."""
        rows = self.sampler.draw(numbers.rows)
        batch = self.store.batch(rows)
        metrics = self.agent.update(cropped(batch, self.crop, numbers.corners), numbers.noise)
        # the density network sees whole images, those it is asked about too
        metrics |= self.sampler.update(batch, rows, numbers.rows) | self.origins.shares(rows)
        self.averages.add(metrics)
