"""Twin critics with a member axis, and what all agents share.

Critics are stacked twin-major, `[2E, in, out]`: rows 0..E-1 are the first critics of the members, rows E..2E-1 the
second.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from off2on.nn.adam import Adam, Gradients
from off2on.nn.gaussian import CQL_LOG_STD, policy
from off2on.nn.mlp import Params, init_mlp, mlp
from off2on.nn.state import Nets, copy_into, flatten

Metrics = dict[str, Tensor]


def init_twins(sizes: Sequence[int], rngs: Sequence[np.random.Generator]) -> Params:
    """Fresh critics `[2E]` with layers `sizes`; member `i` draws from `rngs[i]`: first, second critic."""
    first, second = init_mlp(sizes, rngs), init_mlp(sizes, rngs)
    return {name: torch.cat([first[name], second[name]]) for name in first}


def q_values(critic: Mapping[str, Tensor], observations: Tensor, actions: Tensor) -> Tensor:
    """Both critics of every member: observations, actions `[B, .]` or `[E, B, .]` -> `[2, E, B]`."""
    x = torch.cat([observations, actions], -1)
    if x.dim() == 3:
        x = torch.cat([x, x])
    values = mlp(critic, x).squeeze(-1)
    return values.view(2, -1, values.shape[-1])


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


class TwinAgent:
    """What all agents share: networks with `critic` and `target`, one optimiser, values, and their state."""

    nets: Nets
    adam: Adam
    action_size: int

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor | None:
        """Standard normals `[count, A]` to explore with; an evaluation takes the mean."""
        return torch.from_numpy(rng.standard_normal((count, self.action_size), np.float32)) if explore else None

    @torch.no_grad()
    def q(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Each member's value of `[B, .]` pairs, the smaller of its two critics: `[E, B]`."""
        return q_values(self.nets["critic"], observations, actions).amin(0)

    def _apply(self, gradients: Gradients, tau: float) -> None:
        """What an update ends with: a step of the networks in `gradients`, then the soft target update."""
        self.adam.step(gradients)
        soft_update(self.nets["target"], self.nets["critic"], tau)

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""
        return flatten(self.nets, "nets/") | self.adam.state("adam/")

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.nets, tensors, "nets/")
        self.adam.load_state(tensors, "adam/")
