"""The entry of conservative Q-learning: independent agents on offline data."""

from typing import Any

from pydantic import Field

from off2on.algorithms.algorithm import NETWORKS, Algorithm, Phase, Sizes
from off2on.algorithms.flop import CQL_PASSES_AN_ACTION, SAC_PASSES, actor_critic
from off2on.config import Count, Fraction, LearningRate, Section


class Cql(Section):
    """Conservative Q-learning [S51, S56, S59]."""

    steps: Count = Field(1_000_000, description="gradient steps")
    batch: Count = 256
    policy_lr: LearningRate = Field(1e-4, description="learning rate of the policy")
    temperature_lr: LearningRate | None = Field(None, description="rate of the temperature; null: the policy's")
    q_lr: LearningRate = 3e-4
    discount: Fraction = 0.99
    tau: Fraction = Field(0.005, description="target smoothing, every step")
    min_q_weight: float = Field(5.0, gt=0, description="weight of the conservative term")
    lagrange_threshold: float | None = Field(None, description="tune the weight to this gap; null: fixed weight")
    sampled_actions: Count = Field(10, description="actions of each of the three kinds in the conservative term")
    importance_weights: bool = Field(
        True,
        description="divide what an action adds to the conservative term by its density; false: all count alike",
    )
    bc_steps: int = Field(40_000, ge=0, description="first steps whose policy loss is behaviour cloning")
    entropy_in_backup: bool = Field(False, description="subtract the entropy term from the TD target")


def cql_flop(batch: int, settings: Any, sizes: Sizes) -> float:
    """FLOP of SAC's losses with the conservative term, for one member."""
    penalty = CQL_PASSES_AN_ACTION * settings.cql.sampled_actions
    return batch * actor_critic(settings, sizes, SAC_PASSES, penalty)


SPEC = Algorithm(
    "cql",
    "CQL",
    "conservative Q-learning",
    "arXiv:2006.04779",
    settings=Cql,
    example=Cql(steps=60, batch=16, sampled_actions=2, bc_steps=20),
    offline=Phase(
        "cql.batch",
        lambda settings, sizes: cql_flop(settings.cql.batch, settings, sizes),
        reads=("cql.*", *NETWORKS),
        steps="cql.steps",
    ),
    images=True,
    ensemble="sac",
)
