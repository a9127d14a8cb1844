"""What the loops ask of an agent, and which module makes the agents of an algorithm.

`off2on.agents.<module>` of an offline algorithm has `init_nets` and `offline_agent`, that of an online objective
`online_agent`; they load by name, so that a job's code hash covers the algorithm it runs and no other.

Networks are `[E, ...]`, critics stacked twin-major `[2E, ...]` (see `twins`). Noise is drawn from the loop's
generators and passed in: an update or an action is a function of parameters, batch and noise.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from torch import Tensor

from off2on.agents.twins import Metrics
from off2on.config import Settings
from off2on.data.batch import Batch
from off2on.nn.state import Nets


class OfflineAgent(Protocol):
    """E independent agents trained together on offline data; `nets` holds all their networks."""

    members: int
    nets: Nets

    def draw_noise(self, rngs: Sequence[np.random.Generator], batch_size: int) -> Any:
        """What is random in one update; member `i` draws from `rngs[i]` alone."""

    def update(self, batch: Batch, noise: Any) -> Metrics:
        """One gradient step on a minibatch `[E, B, .]` a member."""

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor | None:
        """What is random in one member's actions at `count` states; None: nothing."""

    def act(self, observations: Tensor, noise: Tensor | None, member: int) -> Tensor:
        """Actions of one member: `[B, O]` -> `[B, A]`."""

    def q(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Each member's value of `[B, .]` pairs: `[E, B]`."""

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""


class OnlineAgent(Protocol):
    """One agent, or ensemble, that is fine-tuned; `nets` holds all its networks."""

    nets: Nets

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> Any:
        """What is random in one update."""

    def update(self, batch: Batch, noise: Any) -> Metrics:
        """One gradient step on `[B, .]` transitions."""

    def acting_noise(self, rng: np.random.Generator, count: int, *, explore: bool) -> Tensor | None:
        """What is random in the actions at `count` states; None: nothing."""

    def act(self, observations: Tensor, noise: Tensor | None) -> Tensor:
        """Actions: `[B, O]` -> `[B, A]`."""

    def q(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Each member's value of `[B, .]` pairs: `[N, B]`."""

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""


class OfflineModule(Protocol):
    """The functions of an offline algorithm's module."""

    #: networks that agent.safetensors keeps and fine-tuning starts from
    KEPT: tuple[str, ...]

    def init_nets(
        self,
        observation_size: int,
        action_size: int,
        settings: Settings,
        rngs: Sequence[np.random.Generator],
    ) -> Nets:
        """Fresh networks `KEPT`; member `i` draws from `rngs[i]` alone."""

    def offline_agent(self, nets: Nets, settings: Settings) -> OfflineAgent:
        """The agents with networks `KEPT`; the others are derived from these."""


class OnlineModule(Protocol):
    """The function of an online objective's module."""

    def online_agent(self, nets: Nets, settings: Settings) -> OnlineAgent:
        """The agent that starts from the networks `KEPT` of its offline algorithm."""


def offline_module(name: str) -> OfflineModule:
    """The module of an offline algorithm, such as "cql"."""
    return cast(OfflineModule, import_module(f"off2on.agents.{name}"))


def online_module(name: str) -> OnlineModule:
    """The module of an online objective, such as "ensemble"."""
    return cast(OnlineModule, import_module(f"off2on.agents.{name}"))
