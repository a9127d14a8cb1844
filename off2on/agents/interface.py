"""What the loops ask of an agent, and which module makes the agents of an algorithm.

`off2on.agents.<algorithm>` has `KEPT`, `init_nets` and, for the phases that its entry has, `offline_agent` and
`online_agent`. It loads by name, so that a job's code hash covers the algorithms it runs and no other.

Networks are `[E, ...]`, critics stacked twin-major `[2E, ...]` (see `twins`). Noise is drawn from the loop's
generators and passed in: an update or an action is a function of parameters, batch and noise.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from off2on.agents.twins import Metrics
from off2on.algorithms.algorithm import Sizes
from off2on.data.batch import Batch, Column
from off2on.nn.adam import Gradients
from off2on.nn.device import placed
from off2on.nn.state import Nets, copy_into, flatten
from off2on.settings import Settings


class Agent(Protocol):
    """What offline agents and online ones have in common; `nets` holds all their networks."""

    members: int
    #: with `critic`, whose values `q` gives; AUROC and `q_mean` are columns of every run
    nets: Nets
    #: updates done
    steps: int

    @property
    def phase(self) -> Hashable:
        """Which way the next update goes in Python; it depends on nothing else there."""

    def update(self, batch: Batch, noise: Any) -> Metrics:
        """One gradient step of every network; the metrics have `q_mean`, the mean value of the minibatch."""

    def gradients(self, batch: Batch, noise: Any) -> tuple[Gradients, Metrics]:
        """The gradients of one update by network, and metrics; nothing changes."""

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor | None:
        """What is random in the actions, of one member offline, at `count` states; None: nothing."""

    def q(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Each member's value of `[B, .]` pairs `[E, B]`; of actions `[R, B, A]` at every state `[R, E, B]`."""

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""


class OfflineAgent(Agent, Protocol):
    """E independent agents trained together on offline data, on a minibatch `[E, B, .]` a member."""

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> Any:
        """What is random in one update; member `i` draws from `rngs[i]` alone."""

    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """Actions of one member: `[B, ...]` -> `[B, A]`."""


class OnlineAgent(Agent, Protocol):
    """One agent, or ensemble, that is fine-tuned on minibatches `[B, .]`."""

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> Any:
        """What is random in one update."""

    def act(self, observations: Tensor, noise: Tensor | None) -> Tensor:
        """Actions: `[B, ...]` -> `[B, A]`."""


class AgentModule(Protocol):
    """The names that an algorithm's module has; of the two agents those of the phases that it has."""

    #: networks that agent.safetensors keeps after a pre-training, and fine-tuning starts from
    KEPT: tuple[str, ...]

    def init_nets(self, sizes: Sizes, settings: Settings, rngs: Sequence[np.random.Generator]) -> Nets:
        """Fresh networks `KEPT`; member `i` draws from `rngs[i]` alone."""

    def offline_agent(self, nets: Nets, settings: Settings) -> OfflineAgent:
        """The agents with networks `KEPT`; the others are derived from these."""

    def online_agent(self, nets: Nets, settings: Settings) -> OnlineAgent:
        """The agent that starts from networks `KEPT`."""


def agent_module(algorithm: str) -> AgentModule:
    """The module of an algorithm, such as "cql"."""
    return cast(AgentModule, import_module(f"off2on.agents.{algorithm}"))


def derived_columns(algorithm: str) -> Mapping[str, Column]:
    """The further columns of a minibatch that an algorithm asks for: `COLUMNS` of its module, if it has them."""
    found: Mapping[str, Column] = getattr(import_module(f"off2on.agents.{algorithm}"), "COLUMNS", {})
    return found


AnyAgent = TypeVar("AnyAgent", bound=Agent)


class Placed(Generic[AnyAgent]):
    """An agent that is trained on a device and acts on the CPU, where the environments are.

    Args:
        make: of networks on one device, the agent.
        nets: on the CPU.
        device: where it is trained.
    """

    def __init__(self, make: Callable[[Nets], AnyAgent], nets: Nets, device: torch.device) -> None:
        self.trained = make(placed(nets, device))
        self._acting = self.trained if device.type == "cpu" else make(nets)

    @property
    def acting(self) -> AnyAgent:
        """The agent on the CPU, as it is now."""
        if self._acting is not self.trained:
            copy_into(self._acting.nets, flatten(self.trained.nets))
        return self._acting
