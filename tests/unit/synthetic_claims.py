"""TEST ONLY: a claim to change one key of."""

from typing import Any

RUNS = {"method": "ours", "datasets": ["*/*"]}


def entry(**changes: Any) -> dict[str, Any]:
    """'Ours ends above SAC-ft', or what differs from it."""
    claim = {
        "id": "a-claim",
        "figures": ["fig_3"],
        "statement": "Ours ends higher than SAC-ft",
        "statistic": "final",
    }
    return claim | {"runs": RUNS, "against": {"method": "sac-ft"}, "above": 1.0} | changes
