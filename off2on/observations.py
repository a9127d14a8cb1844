"""What an observation is: a vector of floats, or an image."""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class ObservationSpec:
    """Shape and type of one observation, as the store, the datasets and the networks have it."""

    shape: tuple[int, ...]
    #: "float32", or "uint8" of an image, which stays uint8 in memory and on disk
    dtype: str = "float32"
    #: the part of a dictionary observation that agents see; None: an observation is an array
    key: str | None = None

    @property
    def is_image(self) -> bool:
        """Whether it is a square image, `[H, H, C]` uint8."""
        return self.dtype == "uint8" and len(self.shape) == 3 and self.shape[0] == self.shape[1]

    @property
    def size(self) -> int:
        """Numbers in one observation."""
        return prod(self.shape)
