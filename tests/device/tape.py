"""The semantics of a captured graph (CUDA graph) on the CPU: Python runs once, the operations again and again."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only


class Tape(TorchDispatchMode):
    """Records every operation with the tensors it reads and writes; `replay` runs them on the same storages.

    As in a graph, Python numbers and branches are those of the recording, and inputs, outputs, parameters and
    everything in between keep their addresses. An operation is recorded as it is carried out, so a recorded update
    is an update.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[OpOverload, tuple[Any, ...], dict[str, Any], Any]] = []
        self._before: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._before += [(tensor, tensor.clone()) for tensor in written(func, args, kwargs)]
        out = func(*args, **kwargs)
        # a view has nothing to compute: it sees what is written to its storage
        if not func.is_view:
            self.calls.append((func, args, kwargs, out))
        return out

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, out in self.calls:
            again = func(*args, **kwargs)
            for recorded, new in zip(tree_leaves(out), tree_leaves(again), strict=True):
                # what was written in place is there already
                if isinstance(recorded, Tensor) and recorded.data_ptr() != new.data_ptr():
                    recorded.copy_(new)

    @torch.no_grad()
    def undo(self) -> None:
        """Give what was there before the recording its values back: a capture carries nothing out."""
        for tensor, value in reversed(self._before):
            tensor.copy_(value)


def written(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors that an operation writes to."""
    schema = func._schema.arguments
    given = dict(zip((argument.name for argument in schema), args, strict=False)) | kwargs
    targets = [argument.name for argument in schema if argument.alias_info and argument.alias_info.is_write]
    return [leaf for leaf in tree_leaves([given.get(name) for name in targets]) if isinstance(leaf, Tensor)]


def capture(step: Callable[[], None]) -> Callable[[], None]:
    """What `off2on.training.replayed` takes for the capture of a step: Python runs, and nothing is carried out."""
    with Tape() as tape:
        step()
    tape.undo()
    return tape.replay


class Captured:
    """`call` recorded on a copy of `example`, which counts as its first call; further calls are replays.

    Outputs are the same tensors every time, with new values.
    """

    def __init__(self, call: Callable[..., Any], *example: Any) -> None:
        self.inputs = tree_map_only(Tensor, torch.clone, example)
        with Tape() as self.tape:
            self.outputs = call(*self.inputs)

    def __call__(self, *inputs: Any) -> Any:
        for static, new in zip(tree_leaves(self.inputs), tree_leaves(inputs), strict=True):
            if isinstance(static, Tensor):
                static.copy_(new)
        self.tape.replay()
        return self.outputs
