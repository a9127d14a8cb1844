"""The trunks of networks that see images, as data: the planner counts with them. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Layer(NamedTuple):
    """A ReLU convolution."""

    channels: int
    #: width of the kernels, steps between them, zeros around the image
    kernel: int = 3
    stride: int = 1
    border: int = 1
    #: a 2x2 maximum of its outputs, before the ReLU
    pooled: bool = False


@dataclass(frozen=True)
class Convolutions:
    """A trunk: convolutions that end in a flat vector."""

    layers: tuple[Layer, ...]
    #: both critics of a member have one trunk
    shared: bool
    #: largest weight of the hidden layers of CQL's heads; None: as in networks of vectors
    head_bound: float | None = None

    def sides(self, side: int) -> Iterator[tuple[int, int]]:
        """Of every layer, the side of its outputs before and after the maximum, for square images of that side."""
        for layer in self.layers:
            whole = (side + 2 * layer.border - layer.kernel) // layer.stride + 1
            side = whole // 2 if layer.pooled else whole
            yield whole, side

    def features(self, side: int) -> int:
        """Features of an image."""
        *_, (_, last) = self.sides(side)
        return last * last * self.layers[-1].channels

    def multiplications(self, side: int, channels: int) -> int:
        """What a forward pass of one image takes."""
        total = 0
        for layer, (whole, _) in zip(self.layers, self.sides(side), strict=True):
            total += whole * whole * layer.channels * channels * layer.kernel**2
            channels = layer.channels
        return total


KINDS = {
    # the paper's: every network has its own [S134]
    "cog": Convolutions((Layer(16, pooled=True), Layer(16, pooled=True), Layer(16)), False, 1e-4),
    # for a laptop
    "small": Convolutions((Layer(24, 4, 4, 0), Layer(32, 3, 2)), True),
}
