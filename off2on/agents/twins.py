"""Twin critics with a member axis, and what all agents share.

Critics are stacked twin-major, `[2E, in, out]`: rows 0..E-1 are the first critics of the members, rows E..2E-1 the
second.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from off2on.data.batch import Batch
from off2on.nn.adam import Adam, Gradients
from off2on.nn.encoder import encode
from off2on.nn.gaussian import CQL_LOG_STD, policy
from off2on.nn.mlp import RLKIT, HiddenInit, Params, init_mlp, mlp
from off2on.nn.state import Nets, copy_into, flatten

Metrics = dict[str, Tensor]


def init_twins(sizes: Sequence[int], rngs: Sequence[np.random.Generator], init: HiddenInit = RLKIT) -> Params:
    """Fresh critics `[2E]` with layers `sizes`; member `i` draws from `rngs[i]`: first, second critic."""
    first, second = init_mlp(sizes, rngs, init), init_mlp(sizes, rngs, init)
    return {name: torch.cat([first[name], second[name]]) for name in first}


def q_values(critic: Mapping[str, Tensor], features: Tensor, actions: Tensor) -> Tensor:
    """Both critics of every member: features, actions `[B, .]` or `[E, B, .]` -> `[2, E, B]`.

    Features are those of `encode` with the same critics; with an encoder they are `[2E, B, .]`.
    """
    rows = len(critic["layer0.bias"])
    if features.dim() != actions.dim() or len(features) != len(actions):
        features, actions = _each(features, rows), _each(actions, rows)
    x = torch.cat([features, actions], -1)
    values = mlp(critic, _each(x, rows) if x.dim() == 3 else x).squeeze(-1)
    return values.view(2, -1, values.shape[-1])


def q_of_several(critic: Mapping[str, Tensor], features: Tensor, actions: Tensor) -> Tensor:
    """Both critics' values of K actions `[E, B, K, A]` at every state: `[2, E, B, K]`.

    Features are `[E, B, F]`, or `[2E, B, F]` of twins with two encoders. Those of images are many: the first layer
    passes over them once, and not once an action.
    """
    rows, count = len(critic["layer0.bias"]), actions.shape[2]
    flat = actions.flatten(1, 2)
    if next(iter(critic)) == "layer0.weight":
        values = q_values(critic, features.repeat_interleave(count, 1), flat)
        return values.view(2, len(actions), -1, count)
    weight, split = critic["layer0.weight"], features.shape[-1]
    of_state = torch.baddbmm(critic["layer0.bias"].unsqueeze(1), _each(features, rows), weight[:, :split])
    of_action = torch.bmm(_each(flat, rows), weight[:, split:]).view(rows, -1, count, weight.shape[-1])
    x = torch.relu_(of_action + of_state.unsqueeze(2)).flatten(1, 2)
    return mlp(critic, x, start=1).view(2, len(actions), -1, count)


def _each(x: Tensor, rows: int) -> Tensor:
    """What all critics share `[B, .]`, or each member has `[E, B, .]`, for every one of `rows` critics."""
    if x.dim() == 2:
        return x.expand(rows, *x.shape)
    return x if len(x) == rows else torch.cat([x, x])


def detached(params: Mapping[str, Tensor]) -> Params:
    """The parameters as constants, for the loss of another network."""
    return {name: value.detach() for name, value in params.items()}


@torch.no_grad()
def soft_update(target: Params, source: Params, tau: float) -> None:
    """Target <- (1 - tau) target + tau source, in place."""
    torch._foreach_lerp_(list(target.values()), [p.detach() for p in source.values()], tau)


@torch.no_grad()
def member_action(params: Mapping[str, Tensor], observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
    """Actions of one of CQL's policies, `[B, O]` -> `[B, A]`: a sample, or without noise tanh of its mean."""
    own = {name: value[member : member + 1] for name, value in params.items()}
    gaussian = policy(own, observations, CQL_LOG_STD)
    z = gaussian.mean if noise is None else gaussian.mean + gaussian.std * noise
    return torch.tanh(z[0])


class TwinAgent(ABC):
    """What all agents share: networks with `critic` and `target`, one optimiser, updates, values, their state."""

    nets: Nets
    adam: Adam
    members: int
    action_size: int
    #: updates done
    steps: int = 0
    #: smoothing of the targets
    tau: float
    #: target network -> the network that it follows
    targets: Mapping[str, str] = {"target": "critic"}

    @property
    def phase(self) -> Hashable:
        """Which way the next update goes in Python: one way for ever, unless an algorithm says otherwise."""
        return None

    @abstractmethod
    def stages(self, batch: Batch, noise: Any) -> Iterator[tuple[Gradients, Metrics]]:
        """Gradients by network and metrics of one update, in the order in which they are applied.

        Those of a stage are computed when it is asked for, at the networks as they are then.
        """

    def update(self, batch: Batch, noise: Any) -> Metrics:
        """One gradient step of every network, then the soft target updates; noise from `draw_noise`."""
        metrics: Metrics = {}
        for gradients, found in self.stages(batch, noise):
            self.adam.step(gradients)
            metrics |= found
        for target, source in self.targets.items():
            soft_update(self.nets[target], self.nets[source], self.tau)
        self.steps += 1
        return metrics

    def gradients(self, batch: Batch, noise: Any) -> tuple[Gradients, Metrics]:
        """The gradients of all networks at the current parameters, and metrics; nothing changes."""
        gradients: Gradients = {}
        metrics: Metrics = {}
        for stage, found in self.stages(batch, noise):
            gradients |= stage
            metrics |= found
        return gradients, metrics

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor | None:
        """Standard normals `[count, A]` to explore with; an evaluation takes the mean."""
        return torch.from_numpy(rng.standard_normal((count, self.action_size), np.float32)) if explore else None

    @torch.no_grad()
    def q(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Each member's value, the smaller of its two critics.

        Shapes: observations `[B, ...]`, actions `[B, A]` -> `[E, B]`; several actions of each `[R, B, A]` ->
        `[R, E, B]`.
        """
        features = encode(self.nets["critic"], observations)
        several = actions if actions.dim() == 3 else actions.unsqueeze(0)
        values = torch.stack([q_values(self.nets["critic"], features, one).amin(0) for one in several])
        return values if actions.dim() == 3 else values[0]

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""
        return flatten(self.nets, "nets/") | self.adam.state("adam/") | {"steps": torch.tensor(self.steps)}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.nets, tensors, "nets/")
        self.adam.load_state(tensors, "adam/")
        self.steps = int(tensors["steps"])
