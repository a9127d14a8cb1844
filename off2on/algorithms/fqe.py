"""The entry of fitted Q evaluation: neutral critics of CQL's policies."""

from typing import Any

from pydantic import Field

from off2on.algorithms.algorithm import Algorithm, Phase, Sizes
from off2on.algorithms.flop import passes
from off2on.config import Count, Fraction, LearningRate, Section

#: critics forward and backward, their targets and the policy's next action
PASSES = 9


class Fqe(Section):
    """Fitted Q evaluation of the offline policy [S85, S86]."""

    steps: Count = Field(250_000, description="gradient steps")
    batch: Count = 256
    q_lr: LearningRate = 3e-4
    discount: Fraction = 0.99
    tau: Fraction = Field(0.005, description="target smoothing, every step")


def _flop(settings: Any, sizes: Sizes) -> float:
    return passes(PASSES, settings.fqe.batch, sizes, settings.network.widths)


SPEC = Algorithm(
    "fqe",
    "FQE",
    "fitted Q evaluation of CQL's policy",
    "the paper, section 4 and Figure 13",
    settings=Fqe,
    example=Fqe(steps=60, batch=16),
    offline=Phase("fqe.batch", _flop, reads=("fqe.*", "network"), steps="fqe.steps"),
    start="cql",
    ensemble="sac",
)
