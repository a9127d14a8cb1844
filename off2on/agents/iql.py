"""Implicit Q-learning, offline and online: no update asks for an action that is not in the data [S91, S92, S94].

Every member has a value network V, twin critics Q and a Gaussian policy whose mean goes through a tanh and whose
std does not depend on the state. V is an expectile of Q over the data's actions, Q learns from V at the next
state, and the policy is regressed on the data, weighted by advantage. Fine-tuning keeps the losses, on a minibatch
that the members share; they act by the mixture-moment Gaussian of their policies, as AWAC's do.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from off2on.agents.twins import Metrics, TwinAgent, init_twins, q_values
from off2on.algorithms.algorithm import Sizes
from off2on.algorithms.iql import Iql
from off2on.data.batch import Batch, stacked
from off2on.nn.adam import Adam, Gradients
from off2on.nn.encoder import encode, feature_size
from off2on.nn.gaussian import Gaussian, init_policy, log_density, mixture
from off2on.nn.mlp import dense, hidden, init_mlp, mlp
from off2on.nn.state import Nets
from off2on.settings import Settings

#: fine-tuning continues with the targets of the offline agents
KEPT = ("policy", "critic", "target", "value")
#: range of the log std [S95]
LOG_STD = (-5.0, 2.0)
#: largest weight of a transition in the policy's loss [S93]
HEAVIEST = 100.0


class _Iql(TwinAgent):
    """What offline agents and the online ensemble have in common: networks `KEPT`, and the update."""

    def __init__(self, nets: Nets, iql: Iql) -> None:
        self.iql, self.tau = iql, iql.tau
        self.members, self.action_size = nets["policy"]["mean.bias"].shape
        self.nets: Nets = {name: dict(nets[name]) for name in KEPT}
        self.adam = Adam(self.nets, dict.fromkeys(("value", "policy", "critic"), iql.lr))

    def stages(self, batch: Batch, noise: None) -> Iterator[tuple[Gradients, Metrics]]:  # noqa: ARG002
        """Value, policy and critics step in turn: policy and critics look at the new value."""
        yield value_gradients(self.nets, batch, self.iql.expectile)
        yield policy_gradients(self.nets, batch, self.iql.beta)
        yield critic_gradients(self.nets, batch, self.iql.discount)


class IqlAgents(_Iql):
    """E independent agents, trained together on a minibatch `[E, B, .]` a member."""

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> None:
        """Nothing is random in an update."""

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """Clipped sample of one member's policy, or its mean without noise: `[B, O]` -> `[B, A]`."""
        own = {name: value[member : member + 1] for name, value in self.nets["policy"].items()}
        return _executed(own, observations, noise)


class IqlEnsemble(_Iql):
    """N members that share their minibatch and act together."""

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> None:
        """Nothing is random in an update."""

    def stages(self, batch: Batch, noise: None) -> Iterator[tuple[Gradients, Metrics]]:
        """The same for every member, on shared transitions `[B, .]`."""
        return super().stages(stacked(batch, self.members), noise)

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor | None) -> Tensor:
        """Clipped sample of the mixture, or its mean without noise: `[B, O]` -> `[B, A]`."""
        return _executed(self.nets["policy"], observations, noise)


def _executed(params: Mapping[str, Tensor], observations: Tensor, noise: Tensor | None) -> Tensor:
    gaussian = mixture(iql_policy(params, observations))
    return gaussian.mean if noise is None else (gaussian.mean + gaussian.std * noise).clamp(-1.0, 1.0)


def iql_policy(params: Mapping[str, Tensor], observations: Tensor) -> Gaussian:
    """The members' Gaussians: observations `[E, B, O]` or `[B, O]` -> mean, std `[E, B, A]`."""
    mean = torch.tanh(dense(params, "mean", hidden(params, encode(params, observations))))
    return Gaussian(mean, params["log_std"].clamp(*LOG_STD).exp().unsqueeze(1).expand_as(mean))


def value(nets: Nets, observations: Tensor) -> Tensor:
    """V `[E, B]`."""
    return mlp(nets["value"], encode(nets["value"], observations)).squeeze(-1)


@torch.no_grad()
def target_q(nets: Nets, batch: Batch) -> Tensor:
    """The smaller of both target critics at the data's actions, `[E, B]`."""
    return q_values(nets["target"], encode(nets["target"], batch.observations), batch.actions).amin(0)


def expectile_loss(error: Tensor, expectile: float) -> Tensor:
    """Squares of the errors, positive ones weighted by the expectile, negative ones by what it lacks to 1."""
    return torch.where(error > 0, expectile, 1.0 - expectile) * error.square()


def value_gradients(nets: Nets, batch: Batch, expectile: float) -> tuple[Gradients, Metrics]:
    """V moves to the expectile of the target critics' values; losses `[E]`."""
    loss = expectile_loss(target_q(nets, batch) - value(nets, batch.observations), expectile).mean(-1)
    gradients: Gradients = {"value": torch.autograd.grad(loss.sum(), list(nets["value"].values()))}
    return gradients, {"value_loss": loss.detach()}


def policy_gradients(nets: Nets, batch: Batch, beta: float) -> tuple[Gradients, Metrics]:
    """Regression on the data's actions with weights `exp(beta * advantage)`, at most `HEAVIEST`; losses `[E]`."""
    with torch.no_grad():
        advantage = target_q(nets, batch) - value(nets, batch.observations)
        weights = (beta * advantage).exp().clamp(max=HEAVIEST)
    log_prob = log_density(iql_policy(nets["policy"], batch.observations), batch.actions)
    loss = -(weights * log_prob).mean(-1)
    gradients: Gradients = {"policy": torch.autograd.grad(loss.sum(), list(nets["policy"].values()))}
    return gradients, {"policy_loss": loss.detach(), "advantage": advantage.mean()}


def critic_gradients(nets: Nets, batch: Batch, discount: float) -> tuple[Gradients, Metrics]:
    """Both critics move to the reward plus the discounted value of the next state; losses `[2, E]`."""
    with torch.no_grad():
        y = batch.rewards + (1 - batch.terminals) * discount * value(nets, batch.next_observations)
    q = q_values(nets["critic"], encode(nets["critic"], batch.observations), batch.actions)
    losses = (q - y).square().mean(-1)
    gradients: Gradients = {"critic": torch.autograd.grad(losses.sum(), list(nets["critic"].values()))}
    return gradients, {"q_loss": losses.detach(), "q_mean": q.detach().mean()}


def init_nets(sizes: Sizes, settings: Settings, rngs: Sequence[np.random.Generator]) -> Nets:
    """Fresh networks `KEPT`, targets being copies; member `i` draws from `rngs[i]` alone."""
    features, widths = feature_size(sizes.observation), settings.network.widths
    policy = init_policy(features, sizes.action, widths, rngs, heads=("mean",))
    policy["log_std"] = torch.zeros(len(rngs), sizes.action)
    critic = init_twins([features + sizes.action, *widths, 1], rngs)
    target = {name: tensor.clone() for name, tensor in critic.items()}
    return {"policy": policy, "critic": critic, "target": target, "value": init_mlp([features, *widths, 1], rngs)}


def offline_agent(nets: Nets, settings: Settings) -> IqlAgents:
    """Independent agents with networks `KEPT`."""
    return IqlAgents(nets, settings.of(Iql))


def online_agent(nets: Nets, settings: Settings) -> IqlEnsemble:
    """The ensemble of the agents with networks `KEPT`, with fresh optimisers."""
    return IqlEnsemble(nets, settings.of(Iql))
