"""What stands before every head: observations -> features, once a state and never once an action.

A vector of floats is its own feature, so networks of vectors have no parameters for it. An encoder of images finds
its own among the parameters of the network that it belongs to, as `encoder...`, beside `layer0...`.
"""

from collections.abc import Mapping

from torch import Tensor

from off2on.errors import Off2OnError
from off2on.observations import ObservationSpec


def feature_size(observation: ObservationSpec) -> int:
    """Features of one observation.

    Raises:
        Off2OnError: there is no encoder for such observations.
    """
    if len(observation.shape) != 1 or observation.dtype != "float32":
        raise Off2OnError(
            f"no encoder for observations of shape {observation.shape} and type {observation.dtype}; tasks with a "
            "vector of float32 can be trained on"
        )
    return observation.size


def encode(params: Mapping[str, Tensor], observations: Tensor) -> Tensor:  # noqa: ARG001 - an encoder's are in there
    """Features `[B, F]` or `[E, B, F]` of observations `[B, ...]`, shared by members, or `[E, B, ...]`."""
    return observations
