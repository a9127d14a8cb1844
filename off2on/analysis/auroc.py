"""How well a Q-function tells real actions from random ones (facts, section 9, Figs 4b and 10)."""

import numpy as np
from numpy.typing import NDArray

from off2on.seeding import stream

Floats = NDArray[np.floating]
#: random actions per pair
NEGATIVES = 5


def auroc(real: Floats, random: Floats) -> float:
    """Area under the ROC curve of scores `real [n]` (positives) against `random [m]` (negatives)."""
    from sklearn.metrics import roc_auc_score

    labels = np.concatenate([np.ones(real.size), np.zeros(random.size)])
    return float(roc_auc_score(labels, np.concatenate([real.ravel(), random.ravel()])))


def fixed_subset(count: int, most: int, *key: str | int) -> NDArray[np.int64]:
    """At most `most` of `count` rows, at random; as rows are added, only newer ones push a chosen one out."""
    order = np.argsort(stream(*key, "auroc-rows").random(count), kind="stable")
    return np.sort(order[:most])


def random_actions(count: int, action_size: int, *key: str | int) -> NDArray[np.float32]:
    """Uniform actions in [-1, 1], `[NEGATIVES, count, action_size]`."""
    draws = stream(*key, "auroc-actions").uniform(-1, 1, (NEGATIVES, count, action_size))
    return draws.astype(np.float32)
