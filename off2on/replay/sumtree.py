"""A binary sum tree on the CPU, vectorised over the batch: one numpy pass a level [S14, S15]."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class SumTree:
    """Non-negative priorities of rows `0 .. capacity - 1` with draws proportional to them.

    `nodes[1]` is the root, the children of node i are 2i and 2i + 1, the leaves are the last `capacity` nodes.
    Every inner node is the sum of its two children, recomputed and never adjusted, so that rounding errors do
    not add up over a run. Rows are int64, priorities float64.
    """

    def __init__(self, capacity: int) -> None:
        self.nodes: NDArray[np.float64] = np.zeros(2 << (capacity - 1).bit_length())

    @property
    def capacity(self) -> int:
        """The number of leaves, a power of two."""
        return len(self.nodes) // 2

    @property
    def total(self) -> float:
        """The sum of all priorities."""
        return float(self.nodes[1])

    def priorities(self, size: int) -> Tensor:
        """A view of the priorities of rows `0 .. size - 1`."""
        return torch.from_numpy(self.nodes[self.capacity : self.capacity + size])

    def fill(self, start: int, values: Tensor) -> None:
        """Set the priorities of the consecutive rows from `start`; the capacity doubles until they fit."""
        if len(values) == 0:
            return
        self._reserve(start + len(values))
        low, high = self.capacity + start, self.capacity + start + len(values)
        self.nodes[low:high] = values.numpy()
        while low > 1:
            low, high = low // 2, (high + 1) // 2
            np.add(
                self.nodes[2 * low : 2 * high : 2], self.nodes[2 * low + 1 : 2 * high : 2], self.nodes[low:high]
            )

    def update(self, rows: Tensor, priorities: Tensor) -> None:
        """Set the priorities of single rows `[B]`; of a row that occurs twice the last value counts."""
        nodes = rows.numpy() + self.capacity
        self.nodes[nodes] = priorities.numpy()
        pairs = self.nodes.reshape(-1, 2)
        for _ in range(self.capacity.bit_length() - 1):
            nodes >>= 1
            children = pairs.take(nodes, 0)
            self.nodes[nodes] = children[:, 0] + children[:, 1]

    def draw(self, uniforms: Tensor) -> Tensor:
        """Stratified draw: row b comes from the b-th of B equal segments of the total, at `uniforms[b]` in [0, 1).

        A row of priority zero is never returned, whatever the rounding. The total must be positive.
        """
        count = len(uniforms)
        values = (np.arange(count) + uniforms.numpy()) * (self.total / count)
        nodes = np.ones(count, np.int64)
        pairs = self.nodes.reshape(-1, 2)
        for _ in range(self.capacity.bit_length() - 1):
            children = pairs.take(nodes, 0)
            left = children[:, 0]
            right = (values >= left) & (children[:, 1] > 0.0)
            values -= left * right
            nodes = 2 * nodes + right
        return torch.from_numpy(nodes - self.capacity)

    def _reserve(self, size: int) -> None:
        if size > self.capacity:
            leaves = self.priorities(self.capacity)
            self.nodes = np.zeros(2 << (size - 1).bit_length())
            self.fill(0, leaves)
