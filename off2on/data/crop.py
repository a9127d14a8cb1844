"""Random crops of images, so that networks do not learn a dataset by heart [S135]."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from off2on.data.batch import Batch


def draw_corners(padding: int, count: int, rngs: Sequence[np.random.Generator]) -> Tensor | None:
    """Where the images of a minibatch are cut out: `[2, E, 2, B]`, of observations and next ones, down and right.

    Args:
        padding: pixels added on every side before an image is cut out again; 0: no crops, None.
        count: images of a minibatch.
        rngs: one generator a member; it draws first for the observations, then for the next ones.
    """
    if padding == 0:
        return None
    drawn = [[rng.integers(2 * padding + 1, size=(2, count)) for _ in range(2)] for rng in rngs]
    return torch.from_numpy(np.array(drawn)).transpose(0, 1)


def cropped(batch: Batch, padding: int, corners: Tensor | None) -> Batch:
    """The minibatch with every image shifted by up to `padding` pixels each way, black where nothing comes in.

    Args:
        batch: images `[E, B, H, H, C]` of E members, or `[B, H, H, C]`.
        padding: as the corners were drawn for.
        corners: from `draw_corners`, for E members or for one.
    """
    if corners is None:
        return batch
    return batch._replace(
        observations=_crop(batch.observations, padding, corners[0]),
        next_observations=_crop(batch.next_observations, padding, corners[1]),
    )


def _crop(images: Tensor, padding: int, corners: Tensor) -> Tensor:
    """`[.., B, H, H, C]`, each with a place of its own; corners `[E, 2, B]`."""
    count, side = corners[:, 0].numel(), images.shape[-2]
    padded = pad(images.flatten(0, -4), (0, 0, *([padding] * 4)))
    image, row, pixel, channel = padded.stride()
    # every window there is, as a view: an index of three axes copies one pixel after the other
    places = (2 * padding + 1,) * 2
    windows = padded.as_strided(
        (count, *places, side, side, images.shape[-1]), (image, row, pixel, row, pixel, channel)
    )
    down, right = corners.transpose(0, 1).flatten(1)
    return windows[torch.arange(count, device=images.device), down, right].view(images.shape)
