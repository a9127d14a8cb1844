"""What an observation is: a vector of floats, or an image."""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ObservationSpec:
    """Shape and type of one observation, as the store, the datasets and the networks have it."""

    shape: tuple[int, ...]
    #: "float32", or "uint8" of an image, which stays uint8 in memory and on disk
    dtype: str = "float32"
    #: the part of a dictionary observation that agents see; None: an observation is an array
    key: str | None = None

    @property
    def size(self) -> int:
        """Numbers in one observation."""
        return prod(self.shape)

    def read(self, observation: Any) -> "NDArray[Any]":
        """What the agent sees of an environment's observation."""
        # not at the top: jobs are planned without numpy
        import numpy as np

        array = observation if self.key is None else observation[self.key]
        return np.asarray(array).astype(self.dtype)
