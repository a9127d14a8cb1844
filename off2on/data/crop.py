"""Random crops of images, so that networks do not learn a dataset by heart [S135]."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from off2on.data.batch import Batch


def cropped(batch: Batch, padding: int, rngs: Sequence[np.random.Generator]) -> Batch:
    """The minibatch with every image shifted by up to `padding` pixels each way, black where nothing comes in.

    Args:
        batch: images `[E, B, H, H, C]` of E members, or `[B, H, H, C]`.
        padding: pixels added on every side before an image is cut out again; 0: no crops.
        rngs: one generator a member; it draws first for the observations, then for the next ones.
    """
    if padding == 0:
        return batch
    now, then = batch.observations, batch.next_observations
    if now.dim() == 4:
        return batch._replace(
            observations=_crop(now, padding, rngs[0]), next_observations=_crop(then, padding, rngs[0])
        )
    return batch._replace(
        observations=torch.stack([_crop(own, padding, rng) for own, rng in zip(now, rngs, strict=True)]),
        next_observations=torch.stack([_crop(own, padding, rng) for own, rng in zip(then, rngs, strict=True)]),
    )


def _crop(images: Tensor, padding: int, rng: np.random.Generator) -> Tensor:
    """`[B, H, H, C]`, each with a place of its own."""
    count, side = images.shape[:2]
    padded = pad(images, (0, 0, *([padding] * 4))).numpy()
    found = np.empty(images.shape, np.uint8)
    # a loop: an index of three axes takes ten times as long
    for i, (down, right) in enumerate(rng.integers(2 * padding + 1, size=(2, count)).T.tolist()):
        found[i] = padded[i, down : down + side, right : right + side]
    return torch.from_numpy(found)
