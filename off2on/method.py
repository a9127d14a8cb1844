"""What a method is: offline algorithm x online objective x sampler x ensemble size (facts 1-6).

`methods` names them; the loops import this module alone, so that another entry there re-runs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from off2on.config import Settings
from off2on.replay.kinds import SamplerKind

#: modules of off2on/agents whose losses a run is fine-tuned by
Objective = Literal["ensemble", "cql_reg", "awac", "bcq"]


Dash = str | tuple[int, tuple[float, ...]]
DASHED: Dash = (0, (5, 1.5))
DOTTED: Dash = (0, (1, 1.3))
MIXED: Dash = (0, (6, 1.5, 1, 1.5))


@dataclass(frozen=True)
class Style:
    """A line: told apart by colour, and by dash and marker without it."""

    colour: str
    dash: Dash
    marker: str


@dataclass(frozen=True)
class Algorithm:
    """An offline algorithm: `off2on.agents.<name>`, its section of the settings, what it starts from."""

    name: str
    description: str
    #: field of `Settings` that has its steps and minibatch
    section: Literal["offline", "fqe", "awac", "bcq"]
    #: the algorithm whose policy it evaluates
    start: str | None = None

    def steps(self, settings: Settings) -> int:
        """Gradient steps of a pre-training."""
        return int(getattr(settings, self.section).steps)

    def batch(self, settings: Settings) -> int:
        """Transitions of a minibatch."""
        return int(getattr(settings, self.section).batch)


@dataclass(frozen=True)
class Method:
    """How a method composes the shared parts."""

    name: str
    label: str
    description: str
    #: algorithm of the offline pre-training; None: from scratch, without offline data
    offline: str | None
    sampler: SamplerKind
    #: ensemble size; None: the scale's `members`, from scratch `online.scratch_members`
    members: int | None = None
    objective: Objective = "ensemble"
    #: its line in every figure
    style: Style = Style("#555555", "-", "o")
    #: the figures that it is drawn in, each with what its legend calls it there
    figures: Mapping[str, str] = field(default_factory=dict)

    def size(self, settings: Settings) -> int:
        """Ensemble size at a scale."""
        if self.members is not None:
            return self.members
        return settings.members if self.offline else settings.online.scratch_members

    def batch(self, settings: Settings) -> int:
        """Transitions of an RL minibatch."""
        match self.objective:
            case "awac":
                return settings.awac.online_batch
            case "bcq":
                return settings.bcq.batch
        return settings.online.batch

    @property
    def balanced(self) -> bool:
        """Whether minibatches follow priorities, which takes a density network."""
        return self.sampler in {"balanced", "balanced-mixture"}

    @property
    def first_epoch_longer(self) -> bool:
        """Whether the first epoch has more gradient steps: not from scratch, nor AWAC and BCQ (facts 10.2)."""
        return self.offline is not None and self.objective in {"ensemble", "cql_reg"}

    @property
    def sections(self) -> set[str]:
        """Fields of `Settings` that a run reads."""
        own: dict[str, set[str]] = {"ensemble": set(), "cql_reg": {"offline"}}
        return {"network", "online"} | own.get(self.objective, {self.objective})
