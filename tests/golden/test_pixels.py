"""One step from pixels, recomputed in float64 by formulas of its own: no member axis, no shared trunk, no chunks.

Both encoders, two members. Only the random numbers are the agent's.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, softplus

from off2on.agents import cql, cql_reg, sac
from off2on.algorithms.algorithm import Sizes
from off2on.data.batch import Batch
from off2on.nn.encoder import encoder_of
from off2on.nn.state import Nets
from off2on.observations import ObservationSpec
from off2on.replay.density import density_gradients, init_density
from off2on.settings import Settings

MEMBERS, BATCH, ACTION, SIDE = 2, 5, 3, 24
IMAGE = ObservationSpec((SIDE, SIDE, 3), "uint8")
#: of every convolution stride, zeros around the image, and whether a maximum follows
LAYERS = {"cog": ((1, 1, True), (1, 1, True), (1, 1, False)), "small": ((4, 0, False), (2, 1, False))}
GAMMA, WEIGHT, SAMPLED = 0.99, 1.7, 2
Network = Callable[..., Tensor]


@pytest.fixture(params=LAYERS)
def settings(request: pytest.FixtureRequest) -> Settings:
    return Settings.model_validate(
        {
            "members": MEMBERS,
            "images": {"encoder": request.param, "head": (24, 16, 8), "density_head": (16, 8)},
            "cql": {"min_q_weight": WEIGHT, "sampled_actions": SAMPLED, "bc_steps": 0, "discount": GAMMA},
            "sac": {"discount": GAMMA},
        }
    )


@pytest.fixture
def nets(settings: Settings) -> Nets:
    """Networks whose values are not near zero, as the fresh ones of the paper's encoder are."""
    rngs = [np.random.default_rng(i) for i in range(MEMBERS)]
    found = cql.init_nets(Sizes(IMAGE, ACTION), settings, rngs)
    generator = torch.Generator().manual_seed(0)
    for params in found.values():
        for value in params.values():
            scale = 1.5 / math.sqrt(value[0, 0].numel() * value.shape[2]) if value.dim() > 2 else 0.1
            value.copy_(scale * torch.randn(value.shape, generator=generator))
    return found


def minibatch(*lead: int) -> Batch:
    rng = np.random.default_rng(1)
    shape = (*lead, BATCH)
    now, then = (torch.from_numpy(rng.integers(0, 256, (*shape, *IMAGE.shape), np.uint8)) for _ in range(2))
    actions, rewards = rng.uniform(-0.9, 0.9, (*shape, ACTION)), rng.integers(0, 2, shape)
    terminals = rng.integers(0, 2, shape)
    return Batch(
        now,
        *(torch.from_numpy(x.astype(np.float32)) for x in (actions, rewards)),
        then,
        torch.from_numpy(terminals.astype(np.float32)),
    )


# ------------------------------------------------------------------------------------ the networks, one by one


def doubled(params: dict[str, Tensor], row: int) -> dict[str, Tensor]:
    """The parameters of one network, as float64 leaves."""
    return {name: value[row].detach().double().requires_grad_() for name, value in params.items()}


def features(net: dict[str, Tensor], images: Tensor) -> Tensor:
    (kind,) = (kind for kind in LAYERS if f"encoder.{kind}0.weight" in net)
    x = images.double().movedim(-1, -3) / 255
    for j, (stride, zeros, pooled) in enumerate(LAYERS[kind]):
        x = conv2d(x, net[f"encoder.{kind}{j}.weight"], net[f"encoder.{kind}{j}.bias"], stride, zeros)
        x = (max_pool2d(x, 2, 2) if pooled else x).clamp(min=0)
    return x.movedim(1, -1).reshape(len(x), -1)


def head(net: dict[str, Tensor], x: Tensor, layers: int) -> Tensor:
    for j in range(layers):
        x = x @ net[f"layer{j}.weight"] + net[f"layer{j}.bias"]
        x = x.clamp(min=0) if j < 3 else x
    return x


def value(net: dict[str, Tensor], images: Tensor, actions: Tensor) -> Tensor:
    return head(net, torch.cat([features(net, images), actions.double()], 1), 4)[:, 0]


def gaussian(net: dict[str, Tensor], images: Tensor, low: float) -> tuple[Tensor, Tensor]:
    x = head(net, features(net, images), 3)
    mean, log_std = (x @ net[f"{name}.weight"] + net[f"{name}.bias"] for name in ("mean", "log_std"))
    return mean, log_std.clamp(low, 2.0).exp()


def drawn(mean: Tensor, std: Tensor, noise: Tensor, epsilon: bool) -> tuple[Tensor, Tensor]:
    """An action and its log density; CQL's code adds 1e-6 where the tanh saturates."""
    noise = noise.double()
    z = mean + std * noise
    density = (-0.5 * noise**2 - std.log() - 0.5 * math.log(2 * math.pi)).sum(-1)
    slope = (1 - torch.tanh(z) ** 2 + 1e-6).log() if epsilon else 2 * (math.log(2) - z - softplus(-2 * z))
    return torch.tanh(z), density - slope.sum(-1)


def rows(critic: dict[str, Tensor], member: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The twins of a member; what they have in common has one row for both."""
    first = doubled(critic, member)
    own = {name: value for name, value in critic.items() if len(value) > MEMBERS}
    return first, first | doubled(own, MEMBERS + member)


def compare(
    found: tuple[Tensor, ...], params: dict[str, Tensor], row: int, loss: Tensor, own: dict[str, Tensor]
) -> None:
    """A network's gradient with that of the loss; twins may have a row of the trunk in common."""
    expected = torch.autograd.grad(loss, list(own.values()), retain_graph=True)
    for name, gradient, right in zip(params, found, expected, strict=True):
        torch.testing.assert_close(
            gradient[row % len(gradient)].double(), right, rtol=1e-4, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )
    assert max(right.abs().max() for right in expected) > 1e-2


# --------------------------------------------------------------------------------------------------- the steps


def test_a_step_of_cql(settings: Settings, nets: Nets) -> None:
    agent = cql.offline_agent(nets, settings)
    with torch.no_grad():
        agent.nets["temperature"]["log_alpha"].copy_(torch.tensor([0.3, -0.4]))
        for target in agent.nets["target"].values():
            target.mul_(0.9)
    batch = minibatch(MEMBERS)
    noise = agent.draw_noise([np.random.default_rng(7 + i) for i in range(MEMBERS)], BATCH)
    gradients, metrics = agent.gradients(batch, noise)
    for m in range(MEMBERS):
        alpha = math.exp((0.3, -0.4)[m])
        policy, critics, targets = (
            doubled(nets["policy"], m),
            rows(nets["critic"], m),
            rows(agent.nets["target"], m),
        )
        now, then, acted = batch.observations[m], batch.next_observations[m], batch.actions[m]
        here, there = gaussian(policy, now, -5.0), gaussian(policy, then, -5.0)
        actions, log_pi = drawn(*here, noise.policy[m], epsilon=True)
        smaller = torch.minimum(*(value(net, now, actions) for net in critics))
        compare(gradients["policy"], nets["policy"], m, (alpha * log_pi - smaller).mean(), policy)
        torch.testing.assert_close(
            gradients["temperature"][0][m].double(), ACTION - log_pi.mean(), rtol=1e-4, atol=1e-4
        )
        following, _ = drawn(*there, noise.target[m], epsilon=True)
        y = torch.minimum(*(value(net, then, following) for net in targets))
        y = (batch.rewards[m] + (1 - batch.terminals[m]) * GAMMA * y).detach()
        losses = []
        for j, net in enumerate(critics):
            q = value(net, now, acted)
            logits = []
            for k in range(SAMPLED):
                logits.append(value(net, now, noise.uniform[m][:, k]) - math.log(0.5**ACTION))
                for at, normals in ((here, noise.current), (there, noise.following)):
                    other, density = (x.detach() for x in drawn(*at, normals[m][:, k], epsilon=True))
                    logits.append(value(net, now, other) - density)
            gap = (torch.stack(logits).logsumexp(0) - q).mean()
            losses.append(loss := (q - y).square().mean() + WEIGHT * gap)
            torch.testing.assert_close(metrics["q_loss"][j, m].double(), loss.detach(), rtol=1e-4, atol=1e-4)
        for j, net in enumerate(critics):
            compare(gradients["critic"], nets["critic"], j * MEMBERS + m, losses[0] + losses[1], net)


@pytest.mark.parametrize("term", [False, True])
def test_a_step_of_fine_tuning(settings: Settings, nets: Nets, term: bool) -> None:
    """SAC's losses, alone and with CQL's term."""
    agent: Any = (cql_reg if term else sac).online_agent(nets, settings)
    with torch.no_grad():
        agent.nets["temperature"]["log_alpha"].fill_(math.log(alpha := 1.4))
        for target in agent.nets["target"].values():
            target.mul_(0.9)
    batch, noise = minibatch(), agent.draw_noise(np.random.default_rng(3), BATCH)
    gradients, _ = agent.gradients(batch, noise)
    now, then = batch.observations, batch.next_observations
    policies = [doubled(nets["policy"], m) for m in range(MEMBERS)]
    twins, targets = ([rows(agent.nets[name], m) for m in range(MEMBERS)] for name in ("critic", "target"))

    def ensemble(images: Tensor) -> tuple[Tensor, Tensor]:
        means, stds = (torch.stack(x) for x in zip(*(gaussian(p, images, -20.0) for p in policies), strict=True))
        mean = means.mean(0)
        return mean, ((means**2 + stds**2).mean(0) - mean**2).sqrt()

    actions, log_pi = drawn(*ensemble(now), noise.policy, epsilon=False)
    q = torch.stack([torch.minimum(*(value(net, now, actions) for net in twin)) for twin in twins]).mean(0)
    for m, policy in enumerate(policies):
        compare(gradients["policy"], nets["policy"], m, (alpha * log_pi - q).mean(), policy)
    entropy = gradients["temperature"][0].double()
    torch.testing.assert_close(entropy, ACTION - log_pi.mean().detach(), rtol=1e-4, atol=1e-4)
    following, next_log_pi = (x.detach() for x in drawn(*ensemble(then), noise.target, epsilon=False))
    for m, twin in enumerate(twins):
        y = torch.minimum(*(value(net, then, following) for net in targets[m])) - alpha * next_log_pi
        y = (batch.rewards + (1 - batch.terminals) * GAMMA * y).detach()
        losses = []
        for net in twin:
            at_data = value(net, now, batch.actions)
            loss = (at_data - y).square().mean()
            if term:
                loss = loss + WEIGHT * gap_of(net, now, noise, (ensemble(now), ensemble(then)), at_data)
            losses.append(loss)
        for j, net in enumerate(twin):
            compare(gradients["critic"], nets["critic"], j * MEMBERS + m, losses[0] + losses[1], net)


def gap_of(net: dict[str, Tensor], now: Tensor, noise: Any, policies: Any, at_data: Tensor) -> Tensor:
    logits = []
    for k in range(SAMPLED):
        logits.append(value(net, now, noise.uniform[:, k]) - math.log(0.5**ACTION))
        for at, normals in zip(policies, (noise.current, noise.following), strict=True):
            other, density = (x.detach() for x in drawn(*at, normals[:, k], epsilon=True))
            logits.append(value(net, now, other) - density)
    return (torch.stack(logits).logsumexp(0) - at_data).mean()


def test_a_step_of_the_density_network(settings: Settings) -> None:
    encoder = encoder_of(IMAGE, settings)
    rng = np.random.default_rng(4)
    params = encoder.before(init_density(encoder.features, ACTION, settings.images.density_head, rng), [rng])
    offline, online = (minibatch()._replace(rewards=torch.zeros(0)) for _ in range(2))
    online = online._replace(observations=offline.next_observations, actions=-offline.actions)
    for tensor in params.values():
        tensor.requires_grad_()
    pairs = [(batch.observations, batch.actions) for batch in (offline, online)]
    step = density_gradients(params, *pairs, pairs[0], settings.balanced.priority_temperature)
    net = doubled(params, 0)

    def ratio(images: Tensor, actions: Tensor) -> Tensor:
        x = torch.cat([features(net, images), actions.double()], 1)
        for j in range(3):
            x = x @ net[f"layer{j}.weight"] + net[f"layer{j}.bias"]
            x = x.clamp(min=0)
        return x[:, 0]

    at_offline, at_online = (ratio(*pair) for pair in pairs)
    loss = -(2 / (at_offline + 1)).log().mean() - (2 * at_online / (at_online + 1)).log().mean()
    expected = torch.autograd.grad(loss, list(net.values()))
    for name, gradient, right in zip(params, step.gradients, expected, strict=True):
        torch.testing.assert_close(
            gradient[0].double(), right, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
        )
    root = at_offline.detach().pow(1 / settings.balanced.priority_temperature)
    torch.testing.assert_close(step.priorities.double(), root / root.mean(), rtol=1e-4, atol=1e-4)
