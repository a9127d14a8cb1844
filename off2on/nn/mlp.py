"""Member-batched dense networks: every parameter has a leading member axis `[E, ...]`.

A network is a flat dictionary of tensors (`layer0.weight [E, in, out]`, `layer0.bias [E, out]`, ...), a
forward pass is a function of it: `E` members cost one batched matrix product a layer, never a Python loop.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Params = dict[str, Tensor]


def dense(params: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Affine map `x @ weight + bias` of one layer: `[E, B, in]` (or `[B, in]`, shared) -> `[E, B, out]`."""
    weight, bias = params[f"{name}.weight"], params[f"{name}.bias"]
    if x.dim() == 2:
        x = x.expand(weight.shape[0], *x.shape)
    if weight.shape[-1] == 1:
        # matrix products with one column run at a tenth of this, forward and backward
        return (x * weight.mT).sum(-1, keepdim=True) + bias.unsqueeze(1)
    return torch.baddbmm(bias.unsqueeze(1), x, weight)


def hidden(params: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """ReLU trunk through `layer0 .. layer{H-1}`; `[E, B, in]` or `[B, in]` -> `[E, B, width]`."""
    for name in layer_names(params):
        x = torch.relu_(dense(params, name, x))
    return x


def mlp(params: Mapping[str, Tensor], x: Tensor, start: int = 0) -> Tensor:
    """ReLU network with a linear last layer, from layer `start` on; `[E, B, in]` or `[B, in]` -> `[E, B, out]`."""
    *trunk, last = layer_names(params)[start:]
    for name in trunk:
        x = torch.relu_(dense(params, name, x))
    return dense(params, last, x)


def joined(features: Tensor, actions: Tensor) -> Tensor:
    """Features beside actions, `[.., B, F + A]`; what members share, `[B, .]`, goes to each of the other's."""
    if features.dim() < actions.dim():
        features = features.expand(len(actions), *features.shape)
    if actions.dim() < features.dim():
        actions = actions.expand(len(features), *actions.shape)
    return torch.cat([features, actions], -1)


def layer_names(params: Mapping[str, Tensor]) -> list[str]:
    """The numbered layers of a network, in order."""
    count = sum(key.startswith("layer") and key.endswith(".weight") for key in params)
    return [f"layer{j}" for j in range(count)]


@dataclass(frozen=True)
class HiddenInit:
    """How hidden layers start: weights uniform in +-1/sqrt(inputs or outputs of the layer), a constant bias."""

    width: Literal["inputs", "outputs"]
    bias: float = 0.0
    #: the largest weight, whatever the layer's size
    fixed: float | None = None

    def bound(self, shape: tuple[int, int]) -> float:
        """The largest weight of a layer `(in, out)`."""
        return 1.0 / math.sqrt(shape[self.width == "outputs"]) if self.fixed is None else self.fixed


#: rlkit's plain layers [S45]; those of the older rlkit inside CQL [S47]; batched layers of an ensemble [S46]
RLKIT = HiddenInit("outputs")
OLD_RLKIT = HiddenInit("outputs", bias=0.1)
BATCHED = HiddenInit("inputs")


def init_dense(
    shape: tuple[int, int], bound: float, rngs: Sequence[np.random.Generator], bias: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Weight `[E, in, out]` uniform in +-bound and a constant bias `[E, out]`.

    Member `i` draws from `rngs[i]` alone, so that it does not depend on how many members there are.
    """
    weight = np.stack([rng.uniform(-bound, bound, size=shape) for rng in rngs]).astype(np.float32)
    return torch.from_numpy(weight), torch.full((len(rngs), shape[1]), bias)


def init_trunk(sizes: Sequence[int], rngs: Sequence[np.random.Generator], init: HiddenInit) -> Params:
    """Hidden layers `layer0`, `layer1`, ... of `sizes[0] -> ... -> sizes[-1]`."""
    params: Params = {}
    for j, shape in enumerate(pairwise(sizes)):
        weight, bias = init_dense(shape, init.bound(shape), rngs, init.bias)
        params[f"layer{j}.weight"], params[f"layer{j}.bias"] = weight, bias
    return params


def init_mlp(
    sizes: Sequence[int],
    rngs: Sequence[np.random.Generator],
    init: HiddenInit = RLKIT,
    last_bound: float = 3e-3,
    last_bias: float = 0.0,
) -> Params:
    """A network with layers `sizes[0] -> ... -> sizes[-1]`; the last one starts small [S48]."""
    params, last = init_trunk(sizes[:-1], rngs, init), f"layer{len(sizes) - 2}"
    weight, bias = init_dense((sizes[-2], sizes[-1]), last_bound, rngs, last_bias)
    return params | {f"{last}.weight": weight, f"{last}.bias": bias}
