"""Every agent behind one small face, so that one suite serves them all.

The cases are those of the registry, at the sizes of each entry's example, so a new algorithm is tested too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from off2on.agents.interface import agent_module
from off2on.algorithms import ALGORITHMS
from off2on.algorithms.algorithm import PhaseName, Sizes
from off2on.config import Network
from off2on.convolutions import KINDS
from off2on.data.batch import Batch
from off2on.nn.mlp import layer_names
from off2on.nn.state import Nets
from off2on.observations import ObservationSpec
from off2on.settings import Settings

OBSERVATION, ACTION, SIZE = 5, 2, 12
VECTOR, IMAGE = ObservationSpec((OBSERVATION,)), ObservationSpec((16, 16, 3), "uint8")
SIZES = Sizes(VECTOR, ACTION)
EXAMPLE = {name: spec.example.model_dump() for name, spec in ALGORITHMS.items() if spec.example}
#: parts of a noise that the loss of an acting network alone samples
OWN_NOISE = ("policy", "perturbation")


@dataclass(frozen=True)
class Case:
    """An algorithm in one of its phases, with settings."""

    algorithm: str
    phase: PhaseName
    settings: Settings
    observation: ObservationSpec = VECTOR

    @property
    def independent(self) -> bool:
        """Whether members have minibatch and noise of their own and never meet."""
        return self.phase == "offline"

    def make(self, members: list[int], settings: Any = None, place: Callable[[Nets], Nets] = dict) -> Any:
        """The agent; the networks of a member depend on its number alone. Critics do not start near zero.

        Args:
            members: their numbers.
            settings: in place of those of the case.
            place: fresh networks -> the same ones on a device.
        """
        settings = self.settings if settings is None else settings
        module = agent_module(self.algorithm)
        nets = module.init_nets(
            Sizes(self.observation, ACTION), settings, [np.random.default_rng([9, i]) for i in members]
        )
        nets["critic"][f"{layer_names(nets['critic'])[-1]}.weight"] *= 100
        return (module.offline_agent if self.independent else module.online_agent)(place(nets), settings)

    def draw(self, agent: Any, members: list[int], k: int) -> tuple[Batch, Any]:
        """Minibatch and noise of update `k`; those of a member depend on its number alone."""
        if not self.independent:
            rng = np.random.default_rng(k)
            return transitions(rng, self.observation), agent.draw_noise(rng, SIZE)
        rngs = [np.random.default_rng([k, i]) for i in members]
        batches = [transitions(rng, self.observation) for rng in rngs]
        fields = {name: torch.stack([getattr(b, name) for b in batches]) for name in columns(batches[0])}
        return Batch(**fields), agent.draw_noise(rngs, SIZE)

    def act(self, agent: Any, observations: Tensor, *, explore: bool) -> Tensor:
        """Actions of the agent; of an offline one, of its second member."""
        noise = agent.acting_noise(np.random.default_rng(0), len(observations), explore=explore)
        acted: Tensor = agent.act(observations, noise, *([1] if self.independent else []))
        return acted


def columns(batch: Batch) -> list[str]:
    """The tensors of a minibatch."""
    return [name for name in batch._fields if name != "extra"]


def seen(rng: np.random.Generator, count: int, observation: ObservationSpec) -> NDArray[Any]:
    """Observations of noise."""
    shape = (count, *observation.shape)
    return (
        rng.integers(0, 256, shape, np.uint8) if observation.is_image else rng.standard_normal(shape, np.float32)
    )


def transitions(rng: np.random.Generator, observation: ObservationSpec = VECTOR) -> Batch:
    observations = seen(rng, SIZE, observation)
    actions, rewards = (rng.standard_normal(shape, np.float32) for shape in ((SIZE, ACTION), (SIZE,)))
    following = seen(rng, SIZE, observation)
    terminals = (rng.random(SIZE) < 0.2).astype(np.float32)
    arrays = (observations, np.tanh(actions), rewards, following, terminals)
    return Batch(*(torch.from_numpy(array) for array in arrays))


def settings(**changes: dict[str, Any]) -> Settings:
    """The examples of all entries, with changes by section."""
    sections = {name: EXAMPLE.get(name, {}) | changes.get(name, {}) for name in EXAMPLE.keys() | changes.keys()}
    return Settings.model_validate({"network": Network(width=16, depth=2)} | sections)


#: values matter to the policies of images
_REWARDED: dict[str, Any] = {"cql": {"bc_steps": 0}}

CASES: Mapping[str, Case] = (
    {
        f"{name}-{phase}": Case(name, phase, settings())
        for name, spec in ALGORITHMS.items()
        for phase, has in (("offline", spec.offline), ("online", spec.online))
        if has
    }
    | {
        "cql-conservative": Case("cql", "offline", settings(cql={"bc_steps": 0})),
        "cql-cloning": Case("cql", "offline", settings(cql={"bc_steps": 7})),
        "cql-lagrange": Case(
            "cql",
            "offline",
            settings(cql={"bc_steps": 0, "lagrange_threshold": 1.0, "entropy_in_backup": True}),
        ),
    }
    | {
        f"{name}-{phase}-{encoder}": Case(
            name, phase, settings(images={"encoder": encoder, "head": (16, 16)}, **_REWARDED), IMAGE
        )
        for name, spec in ALGORITHMS.items()
        for phase, has in (("offline", spec.offline), ("online", spec.online))
        for encoder in KINDS
        if has and spec.images
    }
)


def other_noise(noise: Any) -> Any | None:
    """The noise with another draw of what an acting network's loss alone samples; None: it samples nothing."""
    own = [name for name in getattr(noise, "_fields", ()) if name in OWN_NOISE]
    return noise._replace(**{name: getattr(noise, name) + 1 for name in own}) if own else None


def train(case: Case, agent: Any, members: list[int], first: int, last: int) -> None:
    """Updates `first .. last - 1`."""
    for k in range(first, last):
        agent.update(*case.draw(agent, members, k))
