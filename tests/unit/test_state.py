"""Networks as flat tensors, and an optimiser that continues from its state."""

import numpy as np
import pytest
import torch

from off2on.agents.sac import init_agent
from off2on.nn.adam import Adam
from off2on.nn.state import copy_into, flatten, unflatten


def test_flatten_and_unflatten_are_inverse() -> None:
    nets = init_agent(3, 2, [4], [np.random.default_rng(0)])
    flat = flatten(nets)
    assert "policy/layer0.weight" in flat
    back = unflatten(flat)
    assert back.keys() == nets.keys()
    assert all(torch.equal(back[net][name], value) for net in nets for name, value in nets[net].items())


def test_flattened_tensors_carry_no_graph() -> None:
    assert not flatten({"a": {"x": torch.ones(1, requires_grad=True)}})["a/x"].requires_grad


def test_copy_into_keeps_the_tensors_and_changes_their_values() -> None:
    tensor = torch.zeros(2, requires_grad=True)
    copy_into({"a": {"x": tensor}}, {"p/a/x": torch.tensor([1.0, 2.0])}, "p/")
    assert tensor.tolist() == [1.0, 2.0]
    assert tensor.requires_grad
    with pytest.raises(RuntimeError):
        copy_into({"a": {"x": tensor}}, {"a/x": torch.zeros(3)})


def test_adam_continues_from_its_state_bit_for_bit() -> None:
    def start() -> tuple[dict[str, dict[str, torch.Tensor]], Adam]:
        nets = {"a": {"x": torch.linspace(-1, 1, 5), "y": torch.ones(2)}}
        return nets, Adam(nets, {"a": 1e-2})

    def steps(nets: dict[str, dict[str, torch.Tensor]], adam: Adam, count: int) -> None:
        for _ in range(count):
            adam.step({"a": tuple(torch.sin(3 * value) for value in nets["a"].values())})

    whole, adam = start()
    steps(whole, adam, 6)
    first, adam = start()
    steps(first, adam, 3)
    saved = {name: value.clone() for name, value in adam.state("adam/").items()}
    second, fresh = start()
    copy_into(second, flatten(first))
    fresh.load_state(saved, "adam/")
    steps(second, fresh, 3)
    assert all(torch.equal(whole["a"][name], second["a"][name]) for name in ("x", "y"))
