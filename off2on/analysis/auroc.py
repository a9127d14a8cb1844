"""How well a Q-function separates real actions from random ones (Figs 4b and 10) [S114]."""

import numpy as np
from numpy.typing import NDArray

from off2on.seeding import stream

Floats = NDArray[np.floating]
#: random actions per pair
NEGATIVES = 5


def auroc(real: Floats, random: Floats) -> float:
    """Area under the ROC curve: how often a score of `real` is above one of `random`; a tie is half.

    Args:
        real: scores of the positives, of any shape.
        random: scores of the negatives, of any shape.

    Raises:
        ValueError: a score is NaN, or there are none of one kind.
    """
    positives, negatives = np.ravel(real), np.sort(random, axis=None)
    if not (positives.size and negatives.size) or np.isnan(positives).any() or np.isnan(negatives[-1]):
        raise ValueError("AUROC needs scores of both kinds, and none of them NaN")
    below, not_above = (np.searchsorted(negatives, positives, side) for side in ("left", "right"))
    # whole numbers up to the division: exact, whatever the order of the scores
    return float((below.sum() + not_above.sum()) / (2 * positives.size * negatives.size))


def fixed_subset(count: int, most: int, *key: str | int) -> NDArray[np.int64]:
    """At most `most` of `count` rows, at random; as rows are added, only newer ones push a chosen one out."""
    order = np.argsort(stream(*key, "auroc-rows").random(count), kind="stable")
    return np.sort(order[:most])


def random_actions(count: int, action_size: int, *key: str | int) -> NDArray[np.float32]:
    """Uniform actions in [-1, 1], `[NEGATIVES, count, action_size]`."""
    draws = stream(*key, "auroc-actions").uniform(-1, 1, (NEGATIVES, count, action_size))
    return draws.astype(np.float32)
