"""Randomness: one independent generator per role of a job, no global generator."""

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

Rng = np.random.Generator


def stream(*key: str | int) -> Rng:
    """The generator of a role, named by what the run is and what the role does.

    The key alone decides it: more seeds, members or roles never change the old ones.

    >>> bool(stream("halfcheetah", 0, "explore").random() == stream("halfcheetah", 0, "explore").random())
    True
    """
    digest = hashlib.sha256("\0".join(str(part) for part in key).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest)))


class Named(Protocol):
    """What names a job; `off2on.jobs` has them."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def task(self) -> Any: ...  # noqa: D102
    @property
    def dataset(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102


def job_key(job: Named) -> tuple[str | int, ...]:
    """What the streams of a job have in common: the first parts of their keys."""
    return (job.kind, job.source, job.task.name, job.dataset, job.name, job.seed)


def states(rngs: Mapping[str, Rng]) -> dict[str, Any]:
    """The states of named generators, as JSON can hold them."""
    return {name: rng.bit_generator.state for name, rng in rngs.items()}


def restore(rngs: Mapping[str, Rng], saved: Mapping[str, Any]) -> None:
    """Put back what `states` gave."""
    for name, rng in rngs.items():
        rng.bit_generator.state = saved[name]
