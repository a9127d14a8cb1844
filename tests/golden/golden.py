"""Reading the golden files: flat keys of the reference implementations into the project's networks."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from off2on.data.batch import Batch
from off2on.nn.state import Nets

Golden = dict[str, Tensor]
#: where the steps are computed; tests/device/test_gpu.py sets it
DEVICE = os.environ.get("OFF2ON_TEST_DEVICE", "cpu")


def load(name: str) -> Golden:
    with np.load(Path(__file__).with_name(f"{name}.npz")) as file:
        return {key: torch.from_numpy(np.array(file[key])).to(DEVICE) for key in file.files}


def network(golden: Golden, prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix, by their own names."""
    return {key.removeprefix(prefix): value for key, value in golden.items() if key.startswith(prefix)}


def twins(first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.cat([first[name], second[name]]) for name in first}


def one_member(params: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.unsqueeze(0) for name, value in params.items()}


def ensemble(golden: Golden, when: str, members: int) -> Nets:
    """The networks of a fine-tuning file, `when` = before or after."""
    policies = [network(golden, f"{when}/policy{i}/") for i in range(members)]
    q = {name: network(golden, f"{when}/{name}/") for name in ("q1", "q2", "q1_target", "q2_target")}
    return {
        "policy": {name: torch.stack([p[name] for p in policies]) for name in policies[0]},
        "critic": twins(q["q1"], q["q2"]),
        "target": twins(q["q1_target"], q["q2_target"]),
        "temperature": {"log_alpha": golden[f"{when}/log_alpha"]},
        "density": one_member(network(golden, f"{when}/density/")),
    }


def cql_nets(golden: Golden) -> Nets:
    """The networks of a CQL file, with one member."""
    q = {name: one_member(network(golden, f"{name}/")) for name in ("q1", "q2", "q1_target", "q2_target")}
    nets = {
        "policy": one_member(network(golden, "policy/")),
        "critic": twins(q["q1"], q["q2"]),
        "target": twins(q["q1_target"], q["q2_target"]),
        "temperature": {"log_alpha": golden["log_alpha"].reshape(1)},
    }
    if "log_alpha_prime" in golden:
        nets["lagrange"] = {"log_multiplier": golden["log_alpha_prime"].reshape(1)}
    return nets


def batch(golden: Golden, prefix: str = "") -> Batch:
    """The minibatch below a prefix, `[B, .]`."""
    fields = {name: golden[f"{prefix}{name}"] for name in Batch._fields if name != "extra"}
    for name in ("rewards", "terminals"):
        fields[name] = fields[name].squeeze(-1)
    return Batch(**fields)


def check(actual: Tensor, expected: Tensor, name: str, rtol: float = 1e-4, atol: float = 0.0) -> None:
    """The largest error is at most `rtol` of the largest value, or `atol`."""
    error = (actual.detach().reshape(expected.shape) - expected).abs().max().item()
    allowed = max(rtol * expected.abs().max().item(), atol)
    assert error <= allowed, f"{name}: off by {error:.2e}, allowed {allowed:.2e}"
