"""AWAC's production update against rlkit (tests/golden/README.md, section 3)."""

import torch

from off2on.agents.awac import AwacAgents, AwacEnsemble, AwacNoise, awac_gradients
from off2on.algorithms.awac import Awac
from off2on.data.batch import Batch, stacked
from off2on.nn.state import Nets, flatten
from tests.golden import golden as g

GOLDEN = g.load("awac_step")
AWAC = Awac(
    policy_lr=GOLDEN["policy_lr"].item(),
    q_lr=GOLDEN["qf_lr"].item(),
    policy_weight_decay=GOLDEN["policy_weight_decay"].item(),
    beta=GOLDEN["beta"].item(),
    discount=GOLDEN["discount"].item(),
    tau=GOLDEN["soft_target_tau"].item(),
)


def nets(prefix: str = "") -> Nets:
    names = ("policy", "q1", "q2", "q1_target", "q2_target")
    policy, *q = (g.one_member(g.network(GOLDEN, f"{prefix}{name}/")) for name in names)
    return {"policy": policy, "critic": g.twins(q[0], q[1]), "target": g.twins(q[2], q[3])}


def fresh() -> Nets:
    return {net: {name: value.clone() for name, value in params.items()} for net, params in nets().items()}


def offline_inputs() -> tuple[Batch, AwacNoise]:
    batch, noise = online_inputs()
    return stacked(batch, 1), AwacNoise(*(normal.unsqueeze(0) for normal in noise))


def online_inputs() -> tuple[Batch, AwacNoise]:
    return g.batch(GOLDEN), AwacNoise(GOLDEN["noise_policy"], GOLDEN["noise_td_target"])


def test_every_term_loss_and_gradient() -> None:
    agent = AwacAgents(fresh(), AWAC)
    terms = agent.terms(*offline_inputs())
    gradients, metrics = awac_gradients(agent.nets, terms)

    for ours, key in [
        (terms.gaussian.mean, "policy_mean"),
        (terms.gaussian.std, "policy_std"),
        (terms.log_prob, "log_prob_data_actions"),
        (terms.q[0], "q1_pred"),
        (terms.q[1], "q2_pred"),
        (terms.q_target, "q_target"),
        (terms.advantage, "advantage"),
        (terms.weights, "advantage_weights"),
        (metrics["policy_loss"], "policy_loss"),
        (metrics["q_loss"][0], "qf1_loss"),
        (metrics["q_loss"][1], "qf2_loss"),
    ]:
        g.check(ours, GOLDEN[key], key)
    for key, gradient in zip(agent.nets["policy"], gradients["policy"], strict=True):
        g.check(gradient, GOLDEN[f"grad_policy/{key}"], f"policy {key}")
    for key, gradient in zip(agent.nets["critic"], gradients["critic"], strict=True):
        expected = torch.stack([GOLDEN[f"grad_q{k}/{key}"] for k in (1, 2)])
        g.check(gradient, expected, f"critic {key}")


def test_every_parameter_after_an_update() -> None:
    agent = AwacAgents(fresh(), AWAC)
    agent.update(*offline_inputs())
    ours, after = flatten(agent.nets), flatten(nets("after/"))
    assert ours.keys() == after.keys()
    for key, expected in after.items():
        g.check(ours[key], expected, f"after/{key}", rtol=0.0, atol=2e-6)


def test_an_ensemble_of_one_member_is_the_offline_agent_bit_for_bit() -> None:
    offline, online = AwacAgents(fresh(), AWAC), AwacEnsemble(fresh(), AWAC)
    for _ in range(3):
        offline.update(*offline_inputs())
        online.update(*online_inputs())
    ours, theirs = online.state(), offline.state()
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []
    observations, noise = GOLDEN["observations"], GOLDEN["noise_policy"]
    for normals in (None, noise):
        assert torch.equal(online.act(observations, normals), offline.act(observations, normals, 0))
