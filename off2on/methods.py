"""The methods as data: offline algorithm x sampler x ensemble size (facts 1-3).

A run has one name and one directory; members 0..k-1 of one pre-training job serve every method that needs k.
"""

from dataclasses import dataclass
from typing import Literal

from off2on.errors import Off2OnError

Sampler = Literal["balanced", "uniform", "online-only"]


@dataclass(frozen=True)
class Method:
    """How a method composes the shared parts."""

    name: str
    label: str
    description: str
    #: algorithm of the offline pre-training; None: from scratch, without offline data
    offline: str | None
    sampler: Sampler
    #: ensemble size; None: the scale's `members`
    members: int | None = None

    def size(self, members: int) -> int:
        """Ensemble size at a scale with that many `members`."""
        return members if self.members is None else self.members


METHODS = {
    method.name: method
    for method in (
        Method("ours", "Ours", "CQL ensemble, SAC losses, balanced replay", "cql", "balanced"),
        Method("ours-n1", "Ours (N = 1)", "one CQL agent, SAC losses, balanced replay", "cql", "balanced", 1),
        Method("sac-ft", "SAC-ft", "one CQL agent, SAC losses, uniform buffer", "cql", "uniform", 1),
        Method("sac", "SAC", "SAC from scratch, no offline data", None, "online-only", 1),
        Method("uniform", "Uniform", "CQL ensemble, SAC losses, uniform buffer", "cql", "uniform"),
        Method("online-only", "Online only", "CQL ensemble, SAC losses, online buffer", "cql", "online-only"),
    )
}


def get_method(name: str) -> Method:
    """The method of that name.

    Raises:
        Off2OnError: there is none.
    """
    if name not in METHODS:
        raise Off2OnError(f"unknown method '{name}'; known methods: {', '.join(METHODS)}")
    return METHODS[name]
