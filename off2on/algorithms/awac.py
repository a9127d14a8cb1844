"""The entry of AWAC, offline and online."""

from typing import Any

from pydantic import Field

from off2on.algorithms.algorithm import Algorithm, Phase, Sizes
from off2on.algorithms.flop import passes
from off2on.config import Count, Fraction, LearningRate, Network, Section

#: critics and policy forward and backward, targets and the values of the policy's action, half of them each
PASSES = 7


class Awac(Section):
    """AWAC, offline and online [S72, S73]."""

    steps: Count = Field(50_000, description="offline gradient steps, policy and critics jointly")
    batch: Count = Field(128, description="offline minibatch")
    online_batch: Count = 1024
    policy: Network = Network(width=256, depth=4)
    critic: Network = Network(width=256, depth=2)
    policy_lr: LearningRate = 3e-4
    q_lr: LearningRate = 3e-4
    discount: Fraction = 0.99
    tau: Fraction = Field(0.005, description="target smoothing, every step")
    policy_weight_decay: float = Field(1e-4, ge=0, description="L2 term, inside Adam")
    beta: float = Field(2.0, gt=0, description="temperature of the advantage weights")


def _flop(batch: int, awac: Awac, sizes: Sizes) -> float:
    return sum(passes(PASSES, batch, sizes, network.widths) for network in (awac.policy, awac.critic))


def _offline(settings: Any, sizes: Sizes) -> float:
    return _flop(settings.awac.batch, settings.awac, sizes)


def _online(settings: Any, sizes: Sizes) -> float:
    return _flop(settings.awac.online_batch, settings.awac, sizes)


SPEC = Algorithm(
    "awac",
    "AWAC",
    "advantage-weighted actor-critic",
    "arXiv:2006.09359",
    settings=Awac,
    example=Awac(
        steps=60,
        batch=16,
        online_batch=16,
        policy=Network(width=16, depth=2),
        critic=Network(width=16, depth=2),
    ),
    offline=Phase("awac.batch", _offline, reads=("awac.*",), steps="awac.steps"),
    online=Phase("awac.online_batch", _online, reads=("awac.*",)),
)
