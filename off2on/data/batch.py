"""A minibatch of transitions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

#: rewards `[T]` and marks of the last row of each episode `[T]` -> a further column of the transitions `[T]`
Column = Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]


class Batch(NamedTuple):
    """Leading shape `[..., B]`: that of the row numbers that drew it (`[E, B]`: one minibatch a member)."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminals: Tensor
    #: further columns that the agent asked for, by name (`TransitionStore`, `derived`)
    extra: Mapping[str, Tensor] = {}


def stacked(batch: Batch, members: int) -> Batch:
    """The same transitions `[B, ...]` for every member, `[E, B, ...]`, not copied."""
    fields = {name: getattr(batch, name) for name in Batch._fields if name != "extra"}
    return Batch(
        **{name: value.expand(members, *value.shape) for name, value in fields.items()},
        extra={name: value.expand(members, *value.shape) for name, value in batch.extra.items()},
    )
