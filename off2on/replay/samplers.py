"""What fine-tuning asks of a sampler, and which module makes it; it loads by name, as agents do."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from torch import Tensor

from off2on.data.batch import Batch
from off2on.errors import Off2OnError
from off2on.replay.inputs import SamplerInputs
from off2on.replay.store import Rows
from off2on.samplers import get_sampler


class Sampler(Protocol):
    """What fine-tuning asks of a sampler."""

    def append(self, rows: Rows) -> None:
        """Online rows were stored; they are consecutive."""

    def numbers(self) -> Any:
        """What is random in the next step, drawn on the host: tensors, or a named tuple of them."""

    def draw(self, numbers: Any) -> Tensor:
        """Rows of the RL minibatch, `[batch]`, a function of the numbers and of what was learned."""

    def update(self, batch: Batch, rows: Tensor, numbers: Any) -> dict[str, Tensor]:
        """Learn from the minibatch just used; 0-dimensional metrics by name."""

    def state(self) -> dict[str, Tensor]:
        """Everything that further draws depend on, except the store and the generator."""

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave; the store holds its rows already."""


def make_sampler(name: str, inputs: SamplerInputs) -> Sampler:
    """The sampler of a method.

    Raises:
        Off2OnError: it is unknown, or needs offline rows where there are none.
    """
    spec = get_sampler(name)
    if spec.needs_offline and inputs.offline_size == 0:
        raise Off2OnError(f"sampler '{name}' needs offline data; without any use 'online-only'")
    make = getattr(import_module(f"off2on.replay.{spec.module}"), name.replace("-", "_"))
    return cast(Sampler, make(inputs))
