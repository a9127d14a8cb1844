"""The entry of SAC on an ensemble: what the paper fine-tunes with, and with one member plain SAC."""

from typing import Any

from pydantic import Field

from off2on.algorithms.algorithm import NETWORKS, Algorithm, Phase, Sizes
from off2on.algorithms.flop import SAC_PASSES, actor_critic
from off2on.config import Count, Fraction, LearningRate, Section


class Sac(Section):
    """SAC's losses on an ensemble [S26-S30, S31]."""

    batch: Count = 256
    policy_lr: LearningRate = Field(3e-4, description="learning rate of policy and temperature")
    initial_temperature: float = Field(
        1.0, gt=0, description="entropy coefficient at the start; 1 in the authors' code [S33]"
    )
    q_lr: LearningRate = 3e-4
    discount: Fraction = 0.99
    tau: Fraction = Field(0.005, description="target smoothing, every step")


def _flop(settings: Any, sizes: Sizes) -> float:
    return actor_critic(settings, sizes, SAC_PASSES) * int(settings.sac.batch)


SPEC = Algorithm(
    "sac",
    "SAC",
    "soft actor-critic on an ensemble",
    "arXiv:1801.01290; the ensemble: the paper, section 5",
    settings=Sac,
    example=Sac(batch=16),
    online=Phase("sac.batch", _flop, reads=("sac.*", *NETWORKS), longer_first_epoch=True),
    images=True,
)
