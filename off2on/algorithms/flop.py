"""FLOP of network passes: a forward pass of one sample takes 2 FLOP a weight, a backward pass twice as many."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from off2on.algorithms.algorithm import Sizes
from off2on.convolutions import KINDS
from off2on.observations import ObservationSpec

#: forward-pass equivalents a sample and member of SAC's losses: policy and twin critics, forward and backward
SAC_PASSES = 16
#: an action of CQL's term goes through both critics, forward and backward, in three kinds
CQL_PASSES_AN_ACTION = 18


def weights(sizes: Sizes, widths: Sequence[int]) -> float:
    """Weights of one network: the mean of a policy's and a critic's, which differ little."""
    hidden = sum(inner * outer for inner, outer in pairwise(widths))
    inputs = sizes.observation.size + sizes.action / 2
    outputs = sizes.action + 0.5
    return hidden + inputs * widths[0] + outputs * widths[-1]


def convolutions(settings: Any, sizes: Sizes) -> float:
    """Multiplications of an image's way to the features, where observations are images."""
    shape = sizes.observation.shape
    return KINDS[settings.images.encoder].multiplications(*shape[1:]) if sizes.observation.is_image else 0.0


def head(settings: Any, sizes: Sizes, image_widths: Sequence[int], vector_widths: Sequence[int]) -> float:
    """Weights of what comes after them; of vectors, of the whole network."""
    if not sizes.observation.is_image:
        return weights(sizes, vector_widths)
    features = KINDS[settings.images.encoder].features(sizes.observation.shape[0])
    return weights(replace(sizes, observation=ObservationSpec((features,))), image_widths)


def actor_critic(settings: Any, sizes: Sizes, count: float, more_actions: float = 0.0) -> float:
    """FLOP of `count` passes of an observation and an action through policy or critic.

    `more_actions` are passes with further actions at an observation, whose features are there already.
    """
    one = head(settings, sizes, settings.images.head, settings.network.widths)
    return 2.0 * (count * (convolutions(settings, sizes) + one) + more_actions * one)


def passes(count: float, batch: int, sizes: Sizes, widths: Sequence[int]) -> float:
    """FLOP of `count` forward passes of a minibatch through a network with hidden layers `widths`."""
    return 2.0 * count * batch * weights(sizes, widths)
