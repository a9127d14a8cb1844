"""The samplers' entries: how a minibatch is drawn from offline and online transitions. Nothing here loads torch.

`off2on.replay.<module>` has a function of a sampler's name, with _ for -, that makes it.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from off2on.algorithms.algorithm import Sizes
from off2on.algorithms.flop import convolutions, head
from off2on.config import Count, Fraction, LearningRate, Section
from off2on.errors import find

#: the density network on offline and online pairs, forward and backward, and for the priorities
DENSITY_PASSES = 8


class Balanced(Section):
    """Balanced replay and its density network [S1-S15, S17]."""

    density_batch: Count = Field(256, description="offline, and online, pairs of a density-network step")
    density_depth: Count = Field(2, description="hidden layers of the density network, of the networks' width")
    density_lr: LearningRate = 3e-4
    priority_temperature: float = Field(5.0, gt=0, description="T: priorities are T-th roots of density ratios")
    rho: Fraction = Field(0.75, description="online probability of the first minibatch")


@dataclass(frozen=True)
class SamplerSpec:
    """A sampler."""

    name: str
    module: str
    description: str
    #: keys of settings that it reads, or patterns of them
    reads: tuple[str, ...] = ()
    #: it cannot do without offline transitions
    needs_offline: bool = False
    #: minibatches follow priorities, which takes a density network
    balanced: bool = False

    def flop(self, settings: Any, sizes: Sizes) -> float:
        """FLOP of a step beside those of the agent."""
        batch: int = settings.balanced.density_batch
        widths = [settings.network.width] * settings.balanced.density_depth
        network = convolutions(settings, sizes) + head(settings, sizes, settings.images.density_head, widths)
        return 2.0 * DENSITY_PASSES * batch * network if self.balanced else 0.0


_DENSITY = ("balanced.*", "network", "images.encoder", "images.density_head")

SAMPLERS = {
    spec.name: spec
    for spec in (
        SamplerSpec("uniform", "uniform", "uniform over offline and online transitions"),
        SamplerSpec("online-only", "uniform", "uniform over online transitions"),
        SamplerSpec("symmetric", "symmetric", "half offline, half online, each uniform", needs_offline=True),
        SamplerSpec("balanced", "balanced", "by priority: online over offline density", _DENSITY, True, True),
        SamplerSpec(
            "balanced-mixture", "balanced", "by priority: online over mixture density", _DENSITY, True, True
        ),
    )
}


def get_sampler(name: str) -> SamplerSpec:
    """The sampler of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("sampler", name, SAMPLERS)
