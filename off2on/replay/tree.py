"""Which tree keeps the priorities: one interface, two machines."""

from typing import Protocol

import torch
from torch import Tensor

from off2on.replay.blocktree import BlockTree
from off2on.replay.sumtree import SumTree


class Tree(Protocol):
    """Non-negative priorities of rows `0 .. capacity - 1`, and draws proportional to them."""

    @property
    def total(self) -> float:
        """The sum of all priorities."""

    def priorities(self, size: int) -> Tensor:
        """A view of the priorities of rows `0 .. size - 1`."""

    def fill(self, start: int, values: Tensor) -> None:
        """Set the priorities of the consecutive rows from `start`."""

    def update(self, rows: Tensor, priorities: Tensor) -> None:
        """Set the priorities of single rows `[B]`; of a row that occurs twice the last value counts."""

    def draw(self, uniforms: Tensor) -> Tensor:
        """One row of each of B equal segments of the total, at `uniforms[b]` in [0, 1)."""


def make_tree(capacity: int, device: torch.device) -> Tree:
    """The tree of a device; on the CPU a binary one is faster."""
    return SumTree(capacity) if device.type == "cpu" else BlockTree(capacity, device)
