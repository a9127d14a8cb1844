"""The few numbers that the paper's text and public logs give, beside which ours stand.

All on D4RL's v0 files, in returns. The paper has no table of results [S124].
"""

from typing import NamedTuple


class Known(NamedTuple):
    """What is known of a task and dataset."""

    #: of agents that CQL's own code trained offline: mean over three seeds of its logs [S60]
    offline: float
    #: Ours after a million online steps, read off the text on Figure 13 [S116]
    long_run: float | None = None


KNOWN = {
    ("halfcheetah", "random"): Known(3290, 15_000),
    ("halfcheetah", "medium"): Known(4550, 12_000),
    ("halfcheetah", "medium-replay"): Known(5297, 12_000),
    ("halfcheetah", "medium-expert"): Known(1267),
    ("hopper", "random"): Known(326),
    ("hopper", "medium"): Known(1303),
    ("hopper", "medium-replay"): Known(995),
    ("hopper", "medium-expert"): Known(3564),
    ("walker2d", "random"): Known(51),
    ("walker2d", "medium"): Known(2747),
    ("walker2d", "medium-replay"): Known(1086),
    ("walker2d", "medium-expert"): Known(2889),
}

#: in words, for what is no column
TEXT = (
    "The paper's text gives few numbers: on halfcheetah-medium one agent starts at about 4500 and falls below "
    "3000 on online samples only (Figure 1b); in the long run Ours reaches about 15,000 from random and 12,000 "
    "from medium and medium-replay data (Figure 13). A log of the authors' code on halfcheetah-medium starts at "
    "4551 and ends at 9877 after 250,000 steps."
)
