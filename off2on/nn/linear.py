"""Networks that start as PyTorch's `Linear` layers do."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from off2on.nn.mlp import Params, init_dense


def init_linear(layers: Mapping[str, tuple[int, int]], rngs: Sequence[np.random.Generator]) -> Params:
    """Weights `[E, in, out]` and biases `[E, out]` of named layers, all uniform in +-1/sqrt(in).

    Member `i` draws from `rngs[i]` alone.
    """
    params: Params = {}
    for name, (inner, outer) in layers.items():
        params[f"{name}.weight"], _ = init_dense((inner, outer), None, rngs)
        bias, _ = init_dense((1, outer), 1.0 / math.sqrt(inner), rngs)
        params[f"{name}.bias"] = bias.flatten(1)
    return params


def numbered(sizes: Sequence[int]) -> dict[str, tuple[int, int]]:
    """The layers `layer0`, `layer1`, ... of `sizes[0] -> sizes[1] -> ...`, as `init_linear` takes them."""
    return {f"layer{j}": shape for j, shape in enumerate(pairwise(sizes))}
