"""BCQ's production step and action selection against its authors' code (tests/golden/README.md, section 4)."""

from itertools import chain

import pytest
import torch
from torch import Tensor

from off2on.agents.bcq import (
    TRAINED,
    BcqNoise,
    OfflineBcq,
    candidates,
    critic_gradients,
    perturb,
    perturbation_gradients,
    td_target,
    vae_gradients,
)
from off2on.agents.twins import q_values
from off2on.algorithms.bcq import Bcq
from off2on.data.batch import Batch, stacked
from off2on.nn.action_vae import KL_WEIGHT, LATENT_CLIP, LOG_STD, decode, encode, sample_actions
from off2on.nn.adam import Gradients
from off2on.nn.state import Nets
from tests.golden import golden as g

SINGLE = ("vae_encoder", "vae_decoder", "perturbation", "perturbation_target")


def nets_of(golden: g.Golden, when: str = "") -> Nets:
    """The networks below a prefix, with one member."""
    q = {
        name: g.one_member(g.network(golden, f"{when}{name}/")) for name in ("q1", "q2", "q1_target", "q2_target")
    }
    nets = {name: g.one_member(g.network(golden, f"{when}{name}/")) for name in SINGLE}
    return nets | {"critic": g.twins(q["q1"], q["q2"]), "target": g.twins(q["q1_target"], q["q2_target"])}


@pytest.fixture
def golden() -> g.Golden:
    return g.load("bcq_step")


@pytest.fixture
def agent(golden: g.Golden) -> OfflineBcq:
    value = {name: golden[name].item() for name in ("critic_lr", "phi", "lmbda", "discount", "soft_target_tau")}
    bcq = Bcq(
        lr=value["critic_lr"],
        phi=value["phi"],
        soft_minimum=value["lmbda"],
        target_candidates=int(golden["num_candidates"]),
        discount=value["discount"],
        tau=value["soft_target_tau"],
    )
    return OfflineBcq(nets_of(golden), bcq)


@pytest.fixture
def batch(golden: g.Golden) -> Batch:
    return stacked(g.batch(golden), 1)


@pytest.fixture
def noise(golden: g.Golden) -> BcqNoise:
    drawn = (golden[f"noise_{name}"] for name in ("vae", "next_candidates", "actor"))
    return BcqNoise(*(normals.reshape(1, -1, normals.shape[-1]) for normals in drawn))


def check_gradients(agent: OfflineBcq, gradients: Gradients, golden: g.Golden) -> None:
    for net, found in gradients.items():
        names = ("q1", "q2") if net == "critic" else (net,)
        for key, gradient in zip(agent.nets[net], found, strict=True):
            expected = torch.cat([golden[f"grad_{name}/{key}"].unsqueeze(0) for name in names])
            g.check(gradient, expected, f"grad {net}/{key}")


def actor_actions(agent: OfflineBcq, batch: Batch, noise: BcqNoise) -> tuple[Tensor, Tensor]:
    decoded = sample_actions(agent.nets["vae_decoder"], batch.observations, noise.perturbation)
    return decoded, perturb(agent.nets["perturbation"], batch.observations, decoded, agent.bcq.phi)


def test_constants_are_those_of_the_reference(golden: g.Golden) -> None:
    assert [golden[name].item() for name in ("kl_weight", "latent_clip")] == [KL_WEIGHT, LATENT_CLIP]
    assert [golden[name].item() for name in ("log_std_min", "log_std_max")] == list(LOG_STD)
    assert golden["max_action"] == 1
    assert golden["vae_lr"] == golden["critic_lr"] == golden["actor_lr"]


def test_vae(agent: OfflineBcq, golden: g.Golden, batch: Batch, noise: BcqNoise) -> None:
    latents = encode(agent.nets["vae_encoder"], batch.observations, batch.actions)
    decoded = decode(agent.nets["vae_decoder"], batch.observations, latents.mean + latents.std * noise.vae)
    g.check(latents.mean, golden["vae_mean"], "vae_mean")
    g.check(latents.std, golden["vae_std"], "vae_std")
    g.check(decoded, golden["vae_reconstruction"], "vae_reconstruction")
    gradients, metrics = vae_gradients(agent.nets, batch, noise.vae)
    g.check(metrics["vae_error"], golden["vae_reconstruction_loss"], "vae_reconstruction_loss")
    g.check(metrics["vae_kl"], golden["vae_kl"], "vae_kl")
    g.check(metrics["vae_loss"], golden["vae_loss"], "vae_loss")
    assert list(gradients) == ["vae_encoder", "vae_decoder"]
    check_gradients(agent, gradients, golden)


def test_critics(agent: OfflineBcq, golden: g.Golden, batch: Batch, noise: BcqNoise) -> None:
    nets, following = agent.nets, batch.next_observations.repeat_interleave(agent.bcq.target_candidates, 1)
    decoded = sample_actions(nets["vae_decoder"], following, noise.target)
    actions = perturb(nets["perturbation_target"], following, decoded, agent.bcq.phi)
    values = q_values(nets["target"], following, actions)
    g.check(decoded, golden["candidate_decoded_actions"], "candidate_decoded_actions")
    g.check(actions, golden["candidate_actions"], "candidate_actions")
    for k in (0, 1):
        g.check(values[k], golden[f"candidate_q{k + 1}_target"], f"candidate_q{k + 1}_target")
    y = td_target(nets, batch, noise.target, agent.bcq)
    g.check(y, golden["q_target"], "q_target")
    gradients, metrics = critic_gradients(nets, batch, noise.target, agent.bcq)
    for k in (0, 1):
        g.check(metrics["q_loss"][k], golden[f"q{k + 1}_loss"], f"q{k + 1}_loss")
    g.check(metrics["q_loss"].sum(), golden["critic_loss"], "critic_loss")
    check_gradients(agent, gradients, golden)


def test_perturbation(agent: OfflineBcq, golden: g.Golden, batch: Batch, noise: BcqNoise) -> None:
    decoded, actions = actor_actions(agent, batch, noise)
    g.check(decoded, golden["actor_decoded_actions"], "actor_decoded_actions")
    g.check(actions, golden["actor_actions"], "actor_actions")
    gradients, metrics = perturbation_gradients(agent.nets, batch, noise.perturbation, agent.bcq.phi)
    g.check(metrics["perturbation_loss"], golden["actor_loss"], "actor_loss")
    check_gradients(agent, gradients, golden)


def test_action_selection(agent: OfflineBcq, golden: g.Golden) -> None:
    observations, normals = golden["select_observations"], golden["select_noise"]
    _, values = candidates(agent.nets, slice(0, 1), observations, normals, agent.bcq.phi)
    g.check(values, golden["select_q1"], "select_q1")
    assert values.argmax(-1).tolist() == golden["select_index"].tolist()
    g.check(agent.act(observations, normals, 0), golden["select_actions"], "select_actions")


def test_the_order_of_an_iteration(agent: OfflineBcq, golden: g.Golden, batch: Batch, noise: BcqNoise) -> None:
    """Each part sees the networks as the steps before it left them."""
    agent.adam.step(vae_gradients(agent.nets, batch, noise.vae)[0])
    y = td_target(agent.nets, batch, noise.target, agent.bcq)
    g.check(y, golden["sequential/q_target"], "sequential/q_target")
    decoded, actions = actor_actions(agent, batch, noise)
    g.check(decoded, golden["sequential/actor_decoded_actions"], "sequential/actor_decoded_actions")
    g.check(actions, golden["sequential/actor_actions"], "sequential/actor_actions")


def test_the_parameters_after_an_iteration(
    agent: OfflineBcq, golden: g.Golden, batch: Batch, noise: BcqNoise
) -> None:
    metrics = agent.update(batch, noise)
    g.check(metrics["vae_loss"], golden["vae_loss"], "vae_loss")
    g.check(metrics["q_loss"].sum(), golden["sequential/critic_loss"], "sequential/critic_loss")
    g.check(metrics["perturbation_loss"], golden["sequential/actor_loss"], "sequential/actor_loss")
    after = nets_of(golden, "after/")
    assert after.keys() == agent.nets.keys()
    assert set(TRAINED) < after.keys()
    for net, params in after.items():
        assert params.keys() == agent.nets[net].keys()
        for key, expected in params.items():
            g.check(agent.nets[net][key], expected, f"after/{net}/{key}", rtol=0.0, atol=2e-6)
    keys = [key for key in golden if key.startswith("after/")]
    assert sum(value.numel() for value in chain(*(p.values() for p in after.values()))) == sum(
        golden[key].numel() for key in keys
    )
