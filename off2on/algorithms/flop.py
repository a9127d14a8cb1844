"""FLOP of network passes: a forward pass of one sample takes 2 FLOP a weight, a backward pass twice as many."""

from collections.abc import Sequence
from itertools import pairwise

from off2on.algorithms.algorithm import Sizes

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


def passes(count: float, batch: int, sizes: Sizes, widths: Sequence[int]) -> float:
    """FLOP of `count` forward passes of a minibatch through a network with hidden layers `widths`."""
    return 2.0 * count * batch * weights(sizes, widths)
