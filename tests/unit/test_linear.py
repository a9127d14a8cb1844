"""The units that fill up BCQ's hidden layers do nothing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from off2on.agents import bcq
from off2on.algorithms.bcq import Bcq
from off2on.data.batch import Batch
from off2on.nn import linear
from off2on.nn.linear import init_linear
from off2on.nn.mlp import init_dense
from off2on.nn.state import flatten
from off2on.settings import Settings
from tests.conformance.agents import ACTION, OBSERVATION, SIZE, SIZES, transitions

#: 70 -> 80, 66 -> 80, 100 -> 112
SETTINGS = Settings.model_validate({"bcq": Bcq(widths=(70, 66), vae_widths=(100, 70), target_candidates=3)})
MEMBERS = range(2)


def rngs(k: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([k, i]) for i in MEMBERS]


def fresh(dtype: torch.dtype = torch.float32) -> bcq.OfflineBcq:
    nets = bcq.init_nets(SIZES, SETTINGS, rngs())
    return bcq.offline_agent(tree_map_only(Tensor, lambda value: value.to(dtype), nets), SETTINGS)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bcq.OfflineBcq]:
    """Makes agents with the configured units alone."""

    def make(dtype: torch.dtype = torch.float32) -> bcq.OfflineBcq:
        with monkeypatch.context() as patch:
            patch.setattr(linear, "NARROW", 10_000)
            return fresh(dtype)

    return make


def minibatch(k: int) -> Batch:
    members = [transitions(rng) for rng in rngs(k + 1)]
    return Batch(*(torch.stack(list(field)) for field in zip(*(member[:5] for member in members), strict=True)))


def split(tensors: dict[str, Tensor], plain: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Of each tensor the part that the plain agents have, and all others."""
    assert tensors.keys() == plain.keys()
    parts = {}
    for name, value in tensors.items():
        own = tuple(slice(size) for size in plain[name].shape)
        other = torch.ones_like(value, dtype=torch.bool)
        other[own] = False
        parts[name] = value[own], value[other]
    return parts


def test_the_units_of_a_configuration_start_as_if_they_were_alone(plain: Callable[..., bcq.OfflineBcq]) -> None:
    agent, expected = fresh(), flatten(plain().nets)
    for name, (own, added) in split(flatten(agent.nets), expected).items():
        assert torch.equal(own, expected[name])
        assert (added == 0).all()
    assert agent.nets["vae_encoder"]["layer1.weight"].shape == (2, 112, 80)
    assert agent.nets["vae_encoder"]["log_std.weight"].shape == (2, 80, 2 * ACTION)
    assert agent.nets["critic"]["layer0.weight"].shape == (4, OBSERVATION + ACTION, 80)


# what is left of the difference is rounding, which Adam and the best candidate can make larger in every step
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_added_units_stay_zero_and_losses_stay_those_of_plain_agents(
    plain: Callable[..., bcq.OfflineBcq], dtype: torch.dtype, tolerance: float
) -> None:
    agent, other = fresh(dtype), plain(dtype)
    for k in range(20):
        inputs = minibatch(k), agent.draw_noise(rngs(k + 1), SIZE)
        inputs = tree_map_only(Tensor, lambda value: value.to(dtype), inputs)
        for net, found in agent.gradients(*inputs)[0].items():
            named = dict(zip(agent.nets[net], found, strict=True))
            assert all((added == 0).all() for _, added in split(named, other.nets[net]).values())
        losses, expected = agent.update(*inputs), other.update(*inputs)
        for name, loss in losses.items():
            torch.testing.assert_close(loss, expected[name], rtol=tolerance, atol=tolerance)
    # networks, targets and the optimiser's moments
    parts = split(agent.state(), other.state())
    assert sum(len(added) for _, added in parts.values()) > 0
    assert all((added == 0).all() for _, added in parts.values())
    assert all(own.any() for own, _ in parts.values())


@pytest.mark.parametrize(
    ("width", "filled"), [(16, 16), (33, 33), (64, 64), (65, 80), (256, 256), (300, 304), (400, 400), (750, 752)]
)
def test_narrow_layers_and_whole_lines_stay_as_they_are(width: int, filled: int) -> None:
    params = init_linear(70, (width, width), {"mean": 70, "log_std": 70}, rngs())
    assert params["layer0.weight"].shape == (2, 70, filled)
    assert params["layer1.weight"].shape == (2, filled, filled)
    assert params["log_std.weight"].shape == (2, filled, 70)
    assert params["log_std.bias"].shape == (2, 70)


def test_members_draw_weights_and_bias_of_layer_after_layer() -> None:
    params, one = init_linear(3, (100, 70), 2, rngs()), rngs()
    for name, (inner, outer) in {"layer0": (3, 100), "layer1": (100, 70), "layer2": (70, 2)}.items():
        weight, bias = init_dense((inner, outer), inner**-0.5, one)[0], init_dense((1, outer), inner**-0.5, one)[0]
        assert torch.equal(params[f"{name}.weight"][:, :inner, :outer], weight)
        assert torch.equal(params[f"{name}.bias"][:, :outer], bias.flatten(1))
