"""The production fine-tuning step against the authors' code (tests/golden/README.md, section 1)."""

import pytest

from off2on.agents.sac import EnsembleAgent, SacNoise
from off2on.algorithms.sac import Sac
from off2on.nn.state import flatten
from off2on.replay.density import DensityNetwork
from tests.golden import golden as g

FILES = [("finetune_step", 3), ("finetune_stress", 2)]
MEMBERS = 3


@pytest.mark.parametrize(("name", "steps"), FILES)
def test_every_step_and_the_parameters_after_the_last(name: str, steps: int) -> None:
    golden = g.load(name)
    nets = g.ensemble(golden, "before", MEMBERS)
    density = DensityNetwork(nets.pop("density"), learning_rate=3e-4, temperature=5.0)
    agent = EnsembleAgent(nets, Sac())
    for s in range(steps):
        at = f"step{s}/"
        batch = g.batch(golden, f"{at}rl_")
        noise = SacNoise(golden[f"{at}noise_at_observations"], golden[f"{at}noise_at_next_observations"])
        offline, online = (
            (golden[f"{at}{kind}_observations"], golden[f"{at}{kind}_actions"]) for kind in ("offline", "online")
        )
        step = density.update(offline, online, (batch.observations, batch.actions))
        metrics = agent.update(batch, noise)
        for ours, theirs in [
            ("policy_mean", "policy_mean"),
            ("policy_std", "policy_std"),
            ("policy_loss", "policy_loss"),
            ("q1_loss", "qf1_loss"),
            ("q2_loss", "qf2_loss"),
        ]:
            g.check(metrics[ours], golden[at + theirs], at + theirs)
        g.check(metrics["alpha_loss"], golden[f"{at}alpha_loss"], f"{at}alpha_loss", atol=1e-8)
        g.check(step.loss, golden[f"{at}weight_loss"], f"{at}weight_loss", rtol=0.0, atol=1e-6)
        g.check(step.priorities, golden[f"{at}priority"], f"{at}priority")
    after = flatten(g.ensemble(golden, "after", MEMBERS))
    ours = flatten(agent.nets | density.nets)
    assert ours.keys() == after.keys()
    for key, expected in after.items():
        g.check(ours[key], expected, f"after/{key}", rtol=0.0, atol=2e-6)
