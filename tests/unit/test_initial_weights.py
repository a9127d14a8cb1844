"""Fresh networks start as those of the reference code that each follows [S2, S45-S50, S100]."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor

from off2on.agents.interface import agent_module
from off2on.algorithms.algorithm import Sizes
from off2on.nn.mlp import BATCHED, init_mlp, layer_names
from off2on.observations import ObservationSpec
from off2on.replay.density import init_density
from off2on.settings import Settings

#: far from each other, so that inputs and outputs of a layer cannot be mixed up
OBSERVATION, ACTION, WIDTH = 30, 4, 400
NETWORK = {"width": WIDTH, "depth": 2}
SETTINGS = Settings.model_validate({"network": NETWORK, "awac": {"policy": NETWORK, "critic": NETWORK}})
SIZES = Sizes(ObservationSpec((OBSERVATION,)), ACTION)


def uniform_within(weight: Tensor, bound: float) -> bool:
    """Whether a weight looks drawn uniformly from +-bound: its largest value and its spread say so."""
    largest, spread = weight.abs().max().item(), weight.std().item()
    return 0.99 * bound < largest <= bound and spread == pytest.approx(bound / math.sqrt(3), rel=0.05)


def networks(algorithm: str) -> dict[str, dict[str, Tensor]]:
    return agent_module(algorithm).init_nets(SIZES, SETTINGS, [np.random.default_rng(i) for i in range(2)])


@pytest.mark.parametrize(
    ("algorithm", "network", "bias"),
    [
        *((name, net, 0.0) for name in ("sac", "cql_reg", "fqe", "awac", "iql") for net in ("policy", "critic")),
        ("awac", "target", 0.0),
        ("iql", "value", 0.0),
        ("cql", "policy", 0.1),
        ("cql", "critic", 0.1),
    ],
)
def test_hidden_layers_are_drawn_by_their_output_width(algorithm: str, network: str, bias: float) -> None:
    params = networks(algorithm)[network]
    hidden = layer_names(params)[: None if network == "policy" else -1]
    assert len(hidden) == 2
    for name in hidden:
        # both layers have as many outputs, but not as many inputs
        assert uniform_within(params[f"{name}.weight"], 1 / math.sqrt(WIDTH)), name
        assert params[f"{name}.bias"].eq(bias).all()


@pytest.mark.parametrize("algorithm", ["sac", "cql", "cql_reg", "fqe", "awac", "iql"])
def test_last_layers_start_small(algorithm: str) -> None:
    nets = networks(algorithm)
    for name in (key for key in nets["policy"] if key in {"mean.weight", "log_std.weight"}):
        assert uniform_within(nets["policy"][name], 1e-3)
    last = layer_names(nets["critic"])[-1]
    assert uniform_within(nets["critic"][f"{last}.weight"], 3e-3)
    assert nets["critic"][f"{last}.bias"].eq(0).all()


def test_the_density_network_is_drawn_by_its_output_width_and_starts_at_ratio_one() -> None:
    params = init_density(OBSERVATION, ACTION, [WIDTH, WIDTH], np.random.default_rng(0))
    for name in ("layer0", "layer1"):
        assert uniform_within(params[f"{name}.weight"], 1 / math.sqrt(WIDTH))
        assert params[f"{name}.bias"].eq(0).all()
    assert uniform_within(params["layer2.weight"], 3e-3)
    assert params["layer2.bias"].eq(1).all()


def inputs_of(layer: Tensor) -> int:
    return layer.shape[-2]


@pytest.mark.parametrize("network", ["vae_encoder", "vae_decoder", "critic", "perturbation"])
def test_bcq_is_drawn_by_its_input_width_weights_and_biases(network: str) -> None:
    params = networks("bcq")[network]
    # a width is padded with units that stay zero: these are the drawn ones
    inputs = {"layer0": None, "layer1": (750 if network.startswith("vae") else 400)}
    for name, drawn in inputs.items():
        weight, bias = params[f"{name}.weight"], params[f"{name}.bias"]
        bound = 1 / math.sqrt(drawn or inputs_of(weight))
        assert 0.99 * bound < weight.abs().max() <= bound
        assert 0.9 * bound < bias.abs().max() <= bound


def test_batched_layers_of_an_ensemble_are_drawn_by_their_input_width() -> None:
    params = init_mlp([OBSERVATION, WIDTH, 1], [np.random.default_rng(0)], BATCHED)
    assert uniform_within(params["layer0.weight"], 1 / math.sqrt(OBSERVATION))


def test_a_member_draws_alone() -> None:
    make: Callable[[int], dict[str, dict[str, Tensor]]] = lambda count: agent_module("cql").init_nets(  # noqa: E731
        SIZES, SETTINGS, [np.random.default_rng(i) for i in range(count)]
    )
    three, one = make(3)["policy"], make(1)["policy"]
    assert all((three[name][:1] == one[name]).all() for name in one)
