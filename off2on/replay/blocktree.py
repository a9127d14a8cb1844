"""A sum tree on a device: two levels, so that a draw takes some twenty kernels of any capacity [S14, S15]."""

import math

import torch
from torch import Tensor

#: the largest factor below 1: times a sum, it stays below the sum
BELOW_ONE = 1.0 - torch.finfo(torch.float64).eps


class BlockTree:
    """Does what `SumTree` does, in tensors that keep their addresses and without a wait for the device.

    Row r is leaf `[r // width, r % width]` of blocks of about the square root of the capacity; `sums` has the sum
    of each block, computed anew from its leaves, so that rounding errors do not add up.
    """

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.width = math.isqrt(capacity - 1) + 1
        blocks = -(-capacity // self.width)
        self.leaves = torch.zeros(blocks, self.width, dtype=torch.float64, device=device)
        self.sums = torch.zeros(blocks, dtype=torch.float64, device=device)

    @property
    def total(self) -> float:
        """The sum of all priorities."""
        return float(self.sums.cumsum(0)[-1])

    def priorities(self, size: int) -> Tensor:
        """A view of the priorities of rows `0 .. size - 1`."""
        return self.leaves.view(-1)[:size]

    def fill(self, start: int, values: Tensor) -> None:
        """Set the priorities of the consecutive rows from `start`, which must fit."""
        self.leaves.view(-1)[start : start + len(values)] = values
        self.sums.copy_(self.leaves.sum(1))

    def update(self, rows: Tensor, priorities: Tensor) -> None:
        """Set the priorities of single rows `[B]`; of a row that occurs twice the last value counts."""
        order = torch.arange(len(rows), device=rows.device)
        last = ((rows.unsqueeze(1) == rows) * order).amax(1)
        self.leaves.view(-1).index_put_((rows,), priorities[last])
        blocks = rows // self.width
        self.sums.index_put_((blocks,), self.leaves[blocks].sum(1))

    def draw(self, uniforms: Tensor) -> Tensor:
        """Stratified draw: row b comes from the b-th of B equal segments of the total, at `uniforms[b]` in [0, 1).

        A row of priority zero is never returned, whatever the rounding. The total must be positive.
        """
        count, running = len(uniforms), self.sums.cumsum(0)
        steps = torch.arange(count, device=uniforms.device)
        values = torch.minimum((steps + uniforms) * (running[-1] / count), running[-1] * BELOW_ONE)
        blocks = torch.searchsorted(running, values, right=True)
        inside = values - (running - self.sums)[blocks]
        running = self.leaves[blocks].cumsum(1)
        inside = torch.minimum(inside.clamp(min=0.0), running[:, -1] * BELOW_ONE)
        return blocks * self.width + torch.searchsorted(running, inside.unsqueeze(1), right=True).squeeze(1)
