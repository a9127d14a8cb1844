"""What the rest of the project knows of an algorithm without loading it (CONTRIBUTING.md)."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from off2on.config import Section
from off2on.observations import ObservationSpec

#: keys of policy and critic, of vectors and of images
NETWORKS = ("network", "images.encoder", "images.head")
PhaseName = Literal["offline", "online"]


@dataclass(frozen=True)
class Sizes:
    """What a task gives to the networks."""

    observation: ObservationSpec
    action: int


#: settings of a scale, sizes of the task -> FLOP of a gradient step of one member
Flop = Callable[[Any, Sizes], float]


@dataclass(frozen=True)
class Phase:
    """How an algorithm learns offline, or online; keys are dotted names of settings such as "cql.batch"."""

    #: key of the transitions of a minibatch
    batch: str
    flop: Flop
    #: keys that the agent reads, or patterns of them
    reads: tuple[str, ...]
    #: key of the gradient steps of a pre-training
    steps: str | None = None
    #: online: the first epoch has `finetuning.first_epoch_multiplier` times the gradient steps
    longer_first_epoch: bool = False

    def __post_init__(self) -> None:
        """A text would be taken for a list of its letters."""
        if isinstance(self.reads, str):
            raise TypeError(f"reads={self.reads!r}: expected a tuple, such as ({self.reads!r},)")


@dataclass(frozen=True)
class Algorithm:
    """An algorithm: `off2on.agents.<name>` has its mathematics, this entry everything else."""

    name: str
    label: str
    description: str
    #: where it comes from
    source: str
    #: its section of a scale, a field `<name>` there; None: it reads sections of others alone
    settings: type[Section] | None = None
    #: its section at sizes that train in seconds
    example: Section | None = None
    offline: Phase | None = None
    online: Phase | None = None
    #: the offline algorithm whose agents it starts from
    start: str | None = None
    #: whether its networks have an encoder, where observations are images
    images: bool = False
    #: the algorithm whose online agent acts for an ensemble of its members; None: its own
    ensemble: str | None = None

    def phase(self, name: PhaseName) -> Phase:
        """One of its phases, which must exist."""
        found = self.offline if name == "offline" else self.online
        if found is None:
            raise ValueError(f"algorithm '{self.name}' has no {name} phase")
        return found

    def reads(self, name: PhaseName, keys: list[str]) -> set[str]:
        """Which of the keys of a scale a phase reads: what its patterns name, except for the other phase's own."""
        phase, other = self.phase(name), self.online if name == "offline" else self.offline
        own = {phase.batch, phase.steps}
        others = {other.batch, other.steps} - own if other else set()
        return {key for key in keys if key in own or (key not in others and matches(key, phase.reads))}


def matches(key: str, patterns: tuple[str, ...]) -> bool:
    """Whether a dotted key is named by one of the patterns."""
    return any(fnmatchcase(key, pattern) for pattern in patterns)
