"""What a sampler is made from."""

from dataclasses import dataclass

import numpy as np

from off2on.observations import ObservationSpec
from off2on.replay.store import TransitionStore
from off2on.settings import Settings


@dataclass(frozen=True)
class SamplerInputs:
    """The run that a sampler serves."""

    #: the transitions; the first `offline_size` rows are offline
    store: TransitionStore
    offline_size: int
    observation: ObservationSpec
    settings: Settings
    #: transitions of an RL minibatch
    batch: int
    #: draws the weights of what the sampler learns
    init_rng: np.random.Generator
    #: draws rows; the loop owns and checkpoints it
    rng: np.random.Generator
