"""Conservative Q-learning: E independent agents, trained together [S51, S56].

Nothing of one member reaches another: the losses of the members are summed, and every member has its own
temperature, noise and minibatch. Critics are stacked twin-major as in `twins`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.agents.sac import init_agent
from off2on.agents.twins import Metrics, TwinAgent, detached, member_action, q_of_several, q_values
from off2on.algorithms.algorithm import Sizes
from off2on.algorithms.cql import Cql
from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.encoder import encode, encoder_of, parts
from off2on.nn.gaussian import (
    CQL_LOG_STD,
    LOG_2,
    Gaussian,
    log_density_with_epsilon,
    policy,
    sample_with_epsilon,
)
from off2on.nn.state import Nets
from off2on.settings import Settings

KEPT = ("policy", "critic")
#: hidden activations of all critics that one chunk of states may hold on a CPU: what fits a core's cache is
#: several times faster to pass over than what does not; a GPU takes the whole minibatch
CHUNK_FLOATS = 2**20
#: upper end of the Lagrange multiplier
MAX_MULTIPLIER = 1e6


class CqlNoise(NamedTuple):
    """What is random in one update: standard normals, and uniform actions."""

    #: `[E, B, A]`, of the policy's action at the observations (policy and temperature loss)
    policy: Tensor
    #: `[E, B, A]`, of its action at the next observations (TD target)
    target: Tensor
    #: `[E, B, R, A]`, of its actions in the conservative term, at the observations and at the next ones
    current: Tensor
    following: Tensor
    #: `[E, B, R, A]`, actions uniform in (-1, 1)
    uniform: Tensor


class Penalty(NamedTuple):
    """Actions of the conservative term `[E, B, 3R, A]`, and the log density each is drawn by `[E, B, 3R]`."""

    actions: Tensor
    log_density: Tensor


class Draws(NamedTuple):
    """The policy's actions of one update; gradients reach the policy through the first three alone."""

    gaussian: Gaussian
    actions: Tensor
    log_pi: Tensor
    next_actions: Tensor
    next_log_pi: Tensor
    penalty: Penalty


class CqlAgent(TwinAgent):
    """E agents with networks `policy`, `critic`, `target`, `temperature` and, with a threshold, `lagrange`."""

    def __init__(self, nets: Nets, settings: Cql) -> None:
        self.settings, self.tau = settings, settings.tau
        self.members, self.action_size = nets["policy"]["mean.bias"].shape
        self.nets: Nets = {name: dict(nets[name]) for name in ("policy", "critic")}
        self.nets["target"] = {name: value.detach().clone() for name, value in nets["critic"].items()}
        self.nets["temperature"] = {"log_alpha": nets["policy"]["mean.bias"].new_zeros(self.members)}
        temperature_lr = settings.policy_lr if settings.temperature_lr is None else settings.temperature_lr
        rates = {"policy": settings.policy_lr, "temperature": temperature_lr, "critic": settings.q_lr}
        if settings.lagrange_threshold is not None:
            self.nets["lagrange"] = {"log_multiplier": nets["policy"]["mean.bias"].new_zeros(self.members)}
            rates["lagrange"] = settings.q_lr
        self.adam = Adam(self.nets, rates)

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> CqlNoise:
        """The noise of one update; member `i` draws from `rngs[i]` alone."""
        one, many = (batch_size, self.action_size), (batch_size, self.settings.sampled_actions, self.action_size)
        shapes = (one, one, many, many)
        drawn = [
            [*(rng.standard_normal(s, np.float32) for s in shapes), 2.0 * rng.random(many, np.float32) - 1.0]
            for rng in rngs
        ]
        return CqlNoise(*(torch.from_numpy(np.stack(kind)) for kind in zip(*drawn, strict=True)))

    @property
    def phase(self) -> str:
        """The policy clones the data's actions first."""
        return "cloning" if self.steps < self.settings.bc_steps else "improving"

    def stages(self, batch: Batch, noise: CqlNoise) -> Iterator[tuple[Gradients, Metrics]]:
        """The temperature steps first: its new value enters the other losses [S51]."""
        draws = policy_draws(self.nets["policy"], batch, noise, self.settings.importance_weights)
        yield {"temperature": temperature_gradient(draws)}, {}
        yield cql_gradients(self.nets, batch, draws, self.settings, self.phase == "cloning")

    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """Actions of one member's policy, `[B, O]` -> `[B, A]`: a sample, or without noise tanh of its mean."""
        return member_action(self.nets["policy"], observations, noise, member)


def init_nets(sizes: Sizes, settings: Settings, rngs: Sequence[np.random.Generator]) -> Nets:
    """Fresh policies and critics; member `i` draws from `rngs[i]` alone."""
    encoder = encoder_of(sizes.observation, settings)
    nets = init_agent(encoder.features, sizes.action, encoder.widths, rngs, encoder.heads)
    return encoder.before_all(nets, rngs)


def offline_agent(nets: Nets, settings: Settings) -> CqlAgent:
    """The agents with networks `KEPT`."""
    return CqlAgent(nets, settings.of(Cql))


def policy_draws(params: Mapping[str, Tensor], batch: Batch, noise: CqlNoise, weighted: bool = True) -> Draws:
    """All actions that one update samples, at the current policy; `weighted` as in `penalty_draws`."""
    gaussian = policy(params, batch.observations, CQL_LOG_STD)
    actions, log_pi = sample_with_epsilon(gaussian, noise.policy)
    with torch.no_grad():
        following = policy(params, batch.next_observations, CQL_LOG_STD)
        next_actions, next_log_pi = sample_with_epsilon(following, noise.target)
    penalty = penalty_draws(gaussian, following, noise.current, noise.following, noise.uniform, weighted)
    return Draws(gaussian, actions, log_pi, next_actions, next_log_pi, penalty)


@torch.no_grad()
def penalty_draws(
    here: Gaussian, there: Gaussian, current: Tensor, following: Tensor, uniform: Tensor, weighted: bool = True
) -> Penalty:
    """The three kinds of actions: of the policy at the observations and the next ones, and uniform ones.

    Shapes: Gaussians `[..., B, A]`, standard normals and uniform actions `[..., B, R, A]`. Unless they are
    `weighted` every log density is 0: the term takes all actions for equally likely [S138].
    """
    at_here, log_here = sample_with_epsilon(_each_state(here), current)
    at_there, log_there = sample_with_epsilon(_each_state(there), following)
    log_uniform = torch.full_like(log_here, -LOG_2 * uniform.shape[-1])
    densities = torch.cat([log_uniform, log_there, log_here], -1)
    actions = torch.cat([uniform, at_there, at_here], -2)
    return Penalty(actions, densities if weighted else torch.zeros_like(densities))


def _each_state(gaussian: Gaussian) -> Gaussian:
    return Gaussian(gaussian.mean.unsqueeze(-2), gaussian.std.unsqueeze(-2))


def temperature_gradient(draws: Draws) -> tuple[Tensor]:
    """Gradient of `-mean[log_alpha * (log pi - A)]` for every member's log_alpha, `[E]`."""
    return (draws.actions.shape[-1] - draws.log_pi.detach().mean(-1),)


def cql_gradients(
    nets: Nets, batch: Batch, draws: Draws, settings: Cql, cloning: bool
) -> tuple[Gradients, Metrics]:
    """Losses at the current parameters and the gradient of each for its own network [S51-S57].

    Args:
        nets: networks of the agent; `temperature` is the one that enters the losses.
        batch: one minibatch a member, `[E, B, .]`.
        draws: from `policy_draws` of the same networks.
        settings: hyper-parameters.
        cloning: behaviour cloning in place of the critics' value in the policy loss.

    Returns:
        Gradients by network in the order of its dictionary (without `temperature`), and losses `[E]` or
        `[2, E]` and 0-dimensional diagnostics.
    """
    # detached: the temperature has a gradient of its own, in closed form
    alpha = nets["temperature"]["log_alpha"].detach().exp()
    features = encode(nets["critic"], batch.observations)
    loss = policy_loss(nets["critic"], features.detach(), batch, draws, alpha, cloning)
    y = td_target(nets["target"], batch, draws, alpha, settings)
    weight, offset = penalty_weight(nets, settings)
    critic_gradient, td, gap, q_mean = critic_gradients(nets["critic"], features, batch, draws.penalty, y, weight)
    conservative = weight * gap - offset
    gradients = {
        "policy": torch.autograd.grad(loss.sum(), list(nets["policy"].values())),
        "critic": critic_gradient,
    }
    if settings.lagrange_threshold is not None:
        # the multiplier ascends on the mean of the twins' terms; it is exp(log_multiplier), its own derivative
        gradients["lagrange"] = (-conservative.mean(0),)
    metrics = {
        "policy_loss": loss.detach(),
        "q_loss": td + conservative,
        "conservative_loss": conservative,
        "alpha": alpha.mean(),
        "q_mean": q_mean,
    }
    return gradients, metrics


def policy_loss(
    critic: Mapping[str, Tensor], features: Tensor, batch: Batch, draws: Draws, alpha: Tensor, cloning: bool
) -> Tensor:
    """Loss of every member's policy, `[E]`: its value is the smaller critic's, or the data's likelihood.

    `features` are the critics' of the observations, detached.
    """
    if cloning:
        value = log_density_with_epsilon(draws.gaussian, batch.actions)
    else:
        value = q_values(detached(critic), features, draws.actions).amin(0)
    return (alpha.unsqueeze(-1) * draws.log_pi - value).mean(-1)


@torch.no_grad()
def td_target(target: Mapping[str, Tensor], batch: Batch, draws: Draws, alpha: Tensor, settings: Cql) -> Tensor:
    """Each member's target `[E, B]`."""
    q_next = q_values(target, encode(target, batch.next_observations), draws.next_actions).amin(0)
    if settings.entropy_in_backup:
        q_next -= alpha.unsqueeze(-1) * draws.next_log_pi
    return batch.rewards + (1 - batch.terminals) * settings.discount * q_next


def penalty_weight(nets: Nets, settings: Cql) -> tuple[Tensor, Tensor]:
    """Weight of the conservative gap and what is subtracted from their product, `[E]` each.

    With a threshold the multiplier scales both; it is detached, as it has a gradient of its own.
    """
    weight = torch.full_like(nets["temperature"]["log_alpha"], settings.min_q_weight)
    if settings.lagrange_threshold is None:
        return weight, torch.zeros_like(weight)
    multiplier = nets["lagrange"]["log_multiplier"].detach().exp().clamp(max=MAX_MULTIPLIER)
    return multiplier * weight, multiplier * settings.lagrange_threshold


def critic_gradients(
    critic: Mapping[str, Tensor], features: Tensor, batch: Batch, penalty: Penalty, y: Tensor, weight: Tensor
) -> tuple[tuple[Tensor, ...], Tensor, Tensor, Tensor]:
    """Gradient of the TD error plus `weight` `[E]` times the conservative gap, a chunk of states at a time.

    The data action goes through the critics beside the 3R others, so that one pass serves both terms. The
    chunks go through the heads alone; features `[E, B, F]` or `[2E, B, F]` have one backward pass in the end.

    Returns:
        The gradients, the TD errors and gaps `[2, E]`, the mean value of the data actions.
    """
    trunk, head = parts(critic)
    actions = torch.cat([penalty.actions, batch.actions.unsqueeze(2)], 2)
    members, size, count, _ = actions.shape
    width = critic["layer0.bias"].shape[1]
    fits = CHUNK_FLOATS // (2 * members * count * width) if y.device.type == "cpu" else size
    chunk = max(1, fits)
    totals = [torch.zeros_like(p) for p in head]
    of_features: list[Tensor] = []
    sums = y.new_zeros(3, 2, members)
    for start in range(0, size, chunk):
        part = slice(start, start + chunk)
        seen = features[:, part].detach().requires_grad_(bool(trunk))
        q = q_of_several(critic, seen, actions[:, part])
        q_data = q[..., -1]
        logits = q[..., :-1] - penalty.log_density[:, part]
        td = (q_data - y[:, part]).square().sum(-1) / size
        gap = (logits.logsumexp(-1) - q_data).sum(-1) / size
        found = torch.autograd.grad((td + weight * gap).sum(), [*head, *([seen] if trunk else [])])
        torch._foreach_add_(totals, found[: len(head)])
        of_features += found[len(head) :]
        sums += torch.stack([td, gap, q_data.sum(-1) / size]).detach()
    through = torch.autograd.grad(features, trunk, torch.cat(of_features, 1)) if trunk else ()
    return (*through, *totals), sums[0], sums[1], sums[2].mean()
