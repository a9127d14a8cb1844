"""CQL's production gradients against its authors' code (tests/golden/README.md, section 2)."""

import pytest
import torch

from off2on.agents.cql import CqlNoise, cql_gradients, policy_draws, temperature_gradient
from off2on.algorithms.cql import Cql
from off2on.data.batch import stacked
from tests.golden import golden as g

FILES = [("cql_step", 1e-4), ("cql_lagrange_step", 1e-4), ("cql_stress", 5e-4)]


@pytest.mark.parametrize(("name", "rtol"), FILES)
@pytest.mark.parametrize("chunk_floats", [2**20, 2**14])
def test_losses_and_every_gradient(
    name: str, rtol: float, chunk_floats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("off2on.agents.cql.CHUNK_FLOATS", chunk_floats)
    golden = g.load(name)
    nets = g.cql_nets(golden)
    for net in ("policy", "critic"):
        for tensor in nets[net].values():
            tensor.requires_grad_(True)
    threshold = golden.get("lagrange_threshold")
    settings = Cql(
        discount=golden["discount"].item(),
        min_q_weight=golden["min_q_weight"].item(),
        lagrange_threshold=None if threshold is None else threshold.item(),
        sampled_actions=golden["random_actions"].shape[1],
        entropy_in_backup=bool(golden["entropy_in_backup"]),
    )
    kinds = ("policy_loss", "td_target", "current_actions", "next_actions")
    normals = [golden[f"noise_{kind}"].unsqueeze(0) for kind in kinds]
    noise = CqlNoise(*normals, golden["random_actions"].unsqueeze(0))
    batch = stacked(g.batch(golden), 1)

    draws = policy_draws(nets["policy"], batch, noise)
    (log_alpha,) = temperature_gradient(draws)
    gradients, metrics = cql_gradients(nets, batch, draws, settings, cloning=False)

    g.check(log_alpha, golden["grad_log_alpha"], "grad_log_alpha", rtol)
    if threshold is not None:
        g.check(gradients["lagrange"][0], golden["grad_log_alpha_prime"], "grad_log_alpha_prime", rtol)
    for k in (0, 1):
        g.check(metrics["q_loss"][k], golden[f"qf{k + 1}_loss"], f"qf{k + 1}_loss", rtol)
        g.check(metrics["conservative_loss"][k], golden[f"min_qf{k + 1}_loss"], f"min_qf{k + 1}_loss", rtol)
    for key, gradient in zip(nets["policy"], gradients["policy"], strict=True):
        g.check(gradient, golden[f"grad_policy/{key}"], f"policy {key}", rtol)
    for key, gradient in zip(nets["critic"], gradients["critic"], strict=True):
        expected = torch.stack([golden[f"grad_q{k}/{key}"] for k in (1, 2)])
        g.check(gradient, expected, f"critic {key}", rtol)
