"""The entry of implicit Q-learning, offline and online."""

from typing import Any

from pydantic import Field

from off2on.algorithms.algorithm import Algorithm, Phase, Sizes
from off2on.algorithms.flop import passes
from off2on.config import Count, Fraction, LearningRate, Section

#: twin critics, value and policy forward and backward; target critics and the next value forward
PASSES = 15


class Iql(Section):
    """Implicit Q-learning [S96]; rewards are used as they are, so beta depends on their scale."""

    steps: Count = Field(1_000_000, description="offline gradient steps")
    batch: Count = 256
    lr: LearningRate = Field(3e-4, description="learning rate of policy, value and critics")
    discount: Fraction = 0.99
    tau: Fraction = Field(0.005, description="target smoothing, every step")
    expectile: Fraction = Field(0.7, description="of the value network; near 1 it is the best action's value")
    beta: float = Field(3.0, ge=0, description="inverse temperature of the advantage weights")


def _flop(settings: Any, sizes: Sizes) -> float:
    return passes(PASSES, settings.iql.batch, sizes, settings.network.widths)


SPEC = Algorithm(
    "iql",
    "IQL",
    "implicit Q-learning",
    "arXiv:2110.06169",
    settings=Iql,
    example=Iql(steps=60, batch=16),
    offline=Phase("iql.batch", _flop, reads=("iql.*", "network"), steps="iql.steps"),
    online=Phase("iql.batch", _flop, reads=("iql.*", "network")),
)
