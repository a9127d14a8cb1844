"""Networks as flat dictionaries of tensors, for safetensors files."""

from collections.abc import Mapping

import torch
from torch import Tensor

Nets = dict[str, dict[str, Tensor]]


def flatten(nets: Mapping[str, Mapping[str, Tensor]], prefix: str = "") -> dict[str, Tensor]:
    """`{net: {parameter: tensor}}` -> `{prefix + net/parameter: tensor}`, detached."""
    return {
        f"{prefix}{net}/{name}": tensor.detach() for net, params in nets.items() for name, tensor in params.items()
    }


def unflatten(tensors: Mapping[str, Tensor]) -> Nets:
    """The inverse of `flatten`."""
    nets: Nets = {}
    for key, tensor in tensors.items():
        net, name = key.split("/", 1)
        nets.setdefault(net, {})[name] = tensor
    return nets


@torch.no_grad()
def copy_into(nets: Mapping[str, Mapping[str, Tensor]], tensors: Mapping[str, Tensor], prefix: str = "") -> None:
    """Copy flat tensors into the networks, in place (their optimisers keep pointing at them)."""
    for net, params in nets.items():
        for name, tensor in params.items():
            tensor.copy_(tensors[f"{prefix}{net}/{name}"])
