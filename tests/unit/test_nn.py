"""Member-batched networks and their optimiser."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from off2on.nn.adam import Adam
from off2on.nn.memory import keep_freed_memory
from off2on.nn.mlp import hidden, init_mlp, layer_names, mlp


def rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(i) for i in range(count)]


@pytest.mark.parametrize("outputs", [1, 3])
def test_every_member_is_its_own_network(outputs: int) -> None:
    params = init_mlp([5, 7, 6, outputs], rngs(3))
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    for i in range(3):
        h = x[i]
        for name in ("layer0", "layer1"):
            h = torch.relu(h @ params[f"{name}.weight"][i] + params[f"{name}.bias"][i])
        torch.testing.assert_close(hidden({k: v for k, v in params.items() if "layer2" not in k}, x)[i], h)
        expected = h @ params["layer2.weight"][i] + params["layer2.bias"][i]
        torch.testing.assert_close(mlp(params, x)[i], expected)


def test_a_shared_batch_reaches_every_member() -> None:
    params = init_mlp([5, 7, 1], rngs(3))
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mlp(params, x), mlp(params, x.expand(3, 4, 5)))


def test_gradient_of_a_network_with_one_output() -> None:
    params = init_mlp([3, 4, 1], rngs(2), last_bound=0.5)
    params = {name: value.double().requires_grad_(True) for name, value in params.items()}
    x = torch.randn(2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_(True)

    def network(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return mlp(dict(zip(params, values, strict=True)), x)

    assert torch.autograd.gradcheck(network, (x, *params.values()))


def test_initialisation_has_the_documented_bounds_and_ignores_the_other_members() -> None:
    params = init_mlp([16, 100, 1], rngs(3), last_bias=1.0)
    assert layer_names(params) == ["layer0", "layer1"]
    assert 0.09 < params["layer0.weight"].abs().max() <= 0.1
    assert 2.5e-3 < params["layer1.weight"].abs().max() <= 3e-3
    assert params["layer0.bias"].eq(0).all()
    assert params["layer1.bias"].eq(1).all()
    alone = init_mlp([16, 100, 1], rngs(1), last_bias=1.0)
    assert all(torch.equal(params[name][:1], alone[name]) for name in params)


def test_adam_follows_its_formula_with_a_rate_a_network() -> None:
    rates = {"a": 1e-2, "b": 1e-3}
    nets = {name: {"x": torch.linspace(-1, 1, 5)} for name in rates}
    expected = {name: nets[name]["x"].double().numpy() for name in rates}
    first, second = ({name: np.zeros(5) for name in rates} for _ in range(2))
    adam = Adam(nets, rates)
    for step in range(1, 6):
        gradients = {name: np.sin(expected[name] + step) for name in rates}
        adam.step({name: (torch.from_numpy(gradient).float(),) for name, gradient in gradients.items()})
        for name, gradient in gradients.items():
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.999 * second[name] + 0.001 * gradient**2
            m, v = first[name] / (1 - 0.9**step), second[name] / (1 - 0.999**step)
            expected[name] = expected[name] - rates[name] * m / (np.sqrt(v) + 1e-8)
    for name in rates:
        np.testing.assert_allclose(nets[name]["x"].detach().numpy(), expected[name], rtol=1e-4, atol=1e-6)


def test_no_step_imports_the_compiler() -> None:
    """Its import takes seconds of every job: why there is an `Adam` at all."""
    program = (
        "import sys, torch; from off2on.nn.adam import Adam; nets = {'a': {'x': torch.zeros(1)}};"
        "Adam(nets, {'a': 0.1}).step({'a': (torch.ones(1),)}); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_adam_makes_trainable_what_has_a_rate() -> None:
    nets = {"a": {"x": torch.zeros(1), "y": torch.zeros(2)}, "b": {"x": torch.zeros(1)}}
    Adam(nets, {"a": 0.1})
    assert {name for name in nets if any(t.requires_grad for t in nets[name].values())} == {"a"}
    assert all(tensor.requires_grad for tensor in nets["a"].values())


def test_adam_steps_only_the_networks_it_is_given_gradients_of() -> None:
    nets = {"a": {"x": torch.zeros(1)}, "b": {"x": torch.zeros(1)}}
    adam = Adam(nets, {"a": 0.1, "b": 0.1})
    adam.step({"a": (torch.ones(1),)})
    assert nets["a"]["x"].item() == pytest.approx(-0.1, rel=1e-4)
    assert nets["b"]["x"].item() == 0.0


def test_memory_setting_can_be_repeated() -> None:
    keep_freed_memory()
    keep_freed_memory()
    assert torch.ones(1 << 20).sum().item() == 1 << 20


def test_weight_decay_is_an_l2_term_of_the_networks_that_are_named() -> None:
    nets = {name: {"x": torch.tensor([2.0, -2.0, 0.0])} for name in ("decayed", "plain")}
    adam = Adam(nets, {"decayed": 0.1, "plain": 0.1}, {"decayed": 1e-4})
    # the decay of the second entry is a hundredth of its gradient; without a gradient, a decay however small
    # is a whole step (a decoupled one would be 1e-5 of a step)
    gradient = torch.tensor([0.0, 2e-2, 0.0])
    for _ in range(2):
        adam.step(dict.fromkeys(nets, (gradient,)))
    assert nets["plain"]["x"].tolist() == pytest.approx([2.0, -2.2, 0.0], abs=1e-5)
    assert nets["decayed"]["x"].tolist() == pytest.approx([1.8, -2.2, 0.0], abs=1e-3)
    first = 0.1 * (2e-2 - 2e-4)
    expected = 0.9 * first + 0.1 * (2e-2 - 1e-4 * 2.1)
    assert adam.first["decayed"]["x"][1].item() == pytest.approx(expected, rel=1e-5)
