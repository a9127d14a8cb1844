"""The entry of BCQ, offline and online."""

from typing import Any

from pydantic import Field

from off2on.algorithms.algorithm import Algorithm, Phase, Sizes
from off2on.algorithms.flop import passes
from off2on.config import Count, Fraction, LearningRate, Section, Widths

#: critics and perturbation network: forward and backward, and for each candidate perturbing and the twin targets
PASSES, PASSES_A_CANDIDATE = 13, 3
#: the VAE's halves: forward and backward, decoding for the actor's loss; and for each candidate
VAE_PASSES, VAE_PASSES_A_CANDIDATE = 8, 1


class Bcq(Section):
    """BCQ, offline and online [S82, S84]."""

    steps: Count = Field(1_000_000, description="offline gradient steps")
    batch: Count = 100
    lr: LearningRate = Field(1e-3, description="learning rate of VAE, critics and perturbation network")
    discount: Fraction = 0.99
    tau: Fraction = Field(0.005, description="target smoothing, every step")
    vae_widths: Widths = Field((750, 750), description="hidden layers of encoder and decoder")
    widths: Widths = Field((400, 300), description="hidden layers of critics and perturbation network")
    phi: float = Field(0.05, ge=0, description="largest perturbation of an action")
    soft_minimum: Fraction = Field(0.75, description="lambda: weight of the smaller of the twin critics")
    target_candidates: Count = Field(10, description="decoded actions at a next state")
    acting_candidates: Count = Field(100, description="decoded actions to choose from, over all members")


def _flop(settings: Any, sizes: Sizes) -> float:
    bcq: Bcq = settings.bcq
    candidates = bcq.target_candidates
    vae = passes(VAE_PASSES + VAE_PASSES_A_CANDIDATE * candidates, bcq.batch, sizes, bcq.vae_widths)
    return vae + passes(PASSES + PASSES_A_CANDIDATE * candidates, bcq.batch, sizes, bcq.widths)


SPEC = Algorithm(
    "bcq",
    "BCQ",
    "batch-constrained Q-learning",
    "arXiv:1812.02900",
    settings=Bcq,
    # one member and three have the same candidates
    example=Bcq(
        steps=60, batch=16, vae_widths=(16, 16), widths=(16, 16), target_candidates=3, acting_candidates=12
    ),
    offline=Phase("bcq.batch", _flop, reads=("bcq.*",), steps="bcq.steps"),
    online=Phase("bcq.batch", _flop, reads=("bcq.*",)),
)
