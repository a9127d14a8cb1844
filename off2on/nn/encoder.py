"""What stands before every head: observations -> features, once a state and never once an action.

A vector of floats is its own feature, so networks of vectors have no parameters for it. An encoder of images finds
its own among the parameters of the network that it belongs to, as `encoder.<kind><layer>...`, before `layer0...`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from off2on.convolutions import KINDS
from off2on.errors import Off2OnError
from off2on.nn.mlp import OLD_RLKIT, HiddenInit, Params
from off2on.nn.state import Nets
from off2on.observations import ObservationSpec


def feature_size(observation: ObservationSpec) -> int:
    """Features of an observation that is a vector of floats.

    Raises:
        Off2OnError: it is something else.
    """
    if len(observation.shape) != 1 or observation.dtype != "float32":
        raise Off2OnError(
            f"no encoder for observations of shape {observation.shape} and type {observation.dtype}; tasks with a "
            "vector of float32 can be trained on by every algorithm, images by those of SAC and CQL"
        )
    return observation.size


@dataclass(frozen=True)
class Encoder:
    """The trunk of a task's networks, and the sizes of what follows it."""

    observation: ObservationSpec
    #: hidden layers of policy and critic
    widths: Sequence[int]
    #: a key of `KINDS`; None: a vector of floats
    kind: str | None = None

    @property
    def features(self) -> int:
        """Features of one observation."""
        if self.kind is None:
            return feature_size(self.observation)
        return KINDS[self.kind].features(self.observation.shape[0])

    @property
    def heads(self) -> HiddenInit:
        """How the hidden layers of CQL's networks start."""
        bound = KINDS[self.kind].head_bound if self.kind else None
        return OLD_RLKIT if bound is None else HiddenInit("inputs", fixed=bound)

    def before(self, head: Params, rngs: Sequence[np.random.Generator]) -> Params:
        """A network `[E, ...]` with a fresh trunk before its head; member `i` draws from `rngs[i]`."""
        return self._fresh(rngs) | head

    def before_all(self, nets: Nets, rngs: Sequence[np.random.Generator]) -> Nets:
        """The same for each of `policy [E]` and the twins of `critic [2E]`."""
        found = {name: self.before(head, rngs) for name, head in nets.items()}
        if self.kind is not None and not KINDS[self.kind].shared:
            second = self._fresh(rngs)
            found["critic"] |= {name: torch.cat([found["critic"][name], second[name]]) for name in second}
        return found

    def _fresh(self, rngs: Sequence[np.random.Generator]) -> Params:
        """Weights `[E, out, in, K, K]` by Glorot's uniform rule, and biases of zero `[E, out]`."""
        params: Params = {}
        inputs = self.observation.shape[-1]
        for j, layer in enumerate(KINDS[self.kind].layers if self.kind else ()):
            shape = (outputs := layer.channels, inputs, layer.kernel, layer.kernel)
            bound = math.sqrt(6.0 / ((inputs + outputs) * layer.kernel**2))
            weight = np.stack([rng.uniform(-bound, bound, shape) for rng in rngs]).astype(np.float32)
            name = f"encoder.{self.kind}{j}"
            params[f"{name}.weight"], params[f"{name}.bias"] = (
                torch.from_numpy(weight),
                torch.zeros(len(rngs), outputs),
            )
            inputs = outputs
        return params


class Dense(Protocol):
    """What `off2on.config.Network` has."""

    @property
    def widths(self) -> Sequence[int]: ...  # noqa: D102


class Seen(Protocol):
    """What `off2on.config.Images` has."""

    @property
    def encoder(self) -> str: ...  # noqa: D102
    @property
    def head(self) -> Sequence[int]: ...  # noqa: D102


class NetworkSettings(Protocol):
    """What `off2on.settings` has."""

    @property
    def network(self) -> Dense: ...  # noqa: D102
    @property
    def images(self) -> Seen: ...  # noqa: D102


def encoder_of(observation: ObservationSpec, settings: NetworkSettings) -> Encoder:
    """The encoder of a task's observations: square images of uint8, or vectors of float32.

    Raises:
        Off2OnError: there is none for such observations.
    """
    if not observation.is_image:
        feature_size(observation)
        return Encoder(observation, settings.network.widths)
    return Encoder(observation, settings.images.head, settings.images.encoder)


def parts(params: Mapping[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The parameters of a network's encoder, and those of its head; together in their order."""
    trunk = [value for name, value in params.items() if name.startswith("encoder.")]
    return trunk, [value for name, value in params.items() if not name.startswith("encoder.")]


def encode(params: Mapping[str, Tensor], observations: Tensor) -> Tensor:
    """Features of observations `[B, ...]`, shared by members, or `[E, B, ...]`.

    Vectors are returned as they are. Of images `[B, H, W, C]` or `[E, B, H, W, C]` every network of `params` has
    its own features, `[E, B, F]`, or `[2E, B, F]` of twins with two trunks.
    """
    kind = next((kind for kind in KINDS if f"encoder.{kind}0.weight" in params), None)
    if kind is None:
        return observations
    pixels = observations.to(torch.float32, copy=True).div_(255)
    # a loop: groups lose the channels-last layout, and a forward pass of `cog` takes three times as long
    found = []
    for row in range(len(params[f"encoder.{kind}0.bias"])):
        own = pixels if pixels.dim() == 4 else pixels[row % len(pixels)]
        found.append(_convolved(params, kind, row, own.permute(0, 3, 1, 2)))
    return torch.stack(found)


def _convolved(params: Mapping[str, Tensor], kind: str, row: int, x: Tensor) -> Tensor:
    """`[B, C, H, W]` in channels-last layout -> features `[B, F]`, channels last."""
    for j, layer in enumerate(KINDS[kind].layers):
        name = f"encoder.{kind}{j}"
        x = conv2d(x, params[f"{name}.weight"][row], params[f"{name}.bias"][row], layer.stride, layer.border)
        x = torch.relu(max_pool2d(x, 2) if layer.pooled else x)
    return x.permute(0, 2, 3, 1).flatten(1)
