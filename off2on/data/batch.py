"""A minibatch of transitions."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Leading shape `[..., B]`: that of the row numbers that drew it (`[E, B]`: one minibatch a member)."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminals: Tensor
