"""How the numbers of a scale may be read: what they can show, and which methods its budgets cannot rank.

A part of the scale's file, so that claims, figures and report say the same; nothing that trains reads it.
"""

from collections.abc import Iterable

from pydantic import Field

from off2on.config import Section


class Reading(Section):
    """What a reader of the results must know of the scale."""

    shows: str = Field(
        "A scale of your own: what it can show depends on its budgets, given under Settings.",
        description="what the numbers can show, in a sentence or two at the top of the report",
    )
    verdicts: bool = Field(True, description="false: the numbers mean nothing, so no claim gets a verdict")
    not_comparable: dict[str, str] = Field(
        default_factory=dict, description="method -> why its budget here cannot rank it against others"
    )

    def warnings(self, methods: Iterable[str]) -> dict[str, list[str]]:
        """Why -> those of the methods that are not comparable because of it."""
        found: dict[str, list[str]] = {}
        for method in methods:
            if method in self.not_comparable:
                found.setdefault(self.not_comparable[method], []).append(method)
        return found
