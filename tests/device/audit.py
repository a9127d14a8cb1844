"""What an update may not do on an accelerator, found without one: fake tensors on a fake device.

Inside `FakeTensorMode` tensors have a device, a shape and no values, so all kernels of an update can be watched,
those of its backward pass too. What is found either makes the host wait for the device, which costs more than many
kernels, or cannot be captured in a graph.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

aten = torch.ops.aten
#: the output depends on values, so the host has to see them
WAITING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
#: these depend on values only where an index is a mask
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
#: the only ways between devices that are no mistake as such
COPYING = {aten.copy_.default, aten._to_copy.default, aten._foreach_copy_.default}


def fake_device() -> str:
    """A kind of device for fake tensors: the machine's own, or one that is made of nothing.

    A backward pass on a kind that torch does not know ends the process, so it is registered, once a process. That
    has to be before the first backward pass of all, in which torch counts the devices: when pytest imports this
    module, before the first test. Nothing on the CPU looks at it.
    """
    known = torch.accelerator.current_accelerator(check_available=True)
    if known is not None:
        return known.type
    _setup_privateuseone_for_python_backend("fakegpu")
    return "fakegpu"


DEVICE = fake_device()


class Audit(TorchDispatchMode):
    """Watches every operation and writes down in `found`, in words, what it should not do on the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = tensors((args, kwargs))
        self.found += [f"{what}: {func} {_shapes(given)}" for what in _asked(func, args, given)]
        out = func(*args, **(kwargs or {}))
        self.found += [f"{what}: {func} {_shapes(given)}" for what in _moved(func, given, tensors(out))]
        return out


def _asked(func: OpOverload, args: tuple[Any, ...], given: list[Tensor]) -> Iterable[str]:
    if func in INDEXING:
        if any(index.dtype in (torch.bool, torch.uint8) for index in tensors(args[1])):
            yield "waits: a mask as index"
    elif WAITING & set(func.tags):
        yield "waits"
    if torch.Tag.nondeterministic_seeded in func.tags:
        yield "random numbers"
    if func not in COPYING and len({tensor.device for tensor in given}) > 1:
        yield "mixed devices"


def _moved(func: OpOverload, given: list[Tensor], made: list[Tensor]) -> Iterable[str]:
    where = {tensor.device.type for tensor in (*given, *made)}
    if func in COPYING and len(where) > 1:
        yield "copied between devices"
    elif made and any(tensor.device.type != DEVICE for tensor in made):
        yield "computed on the CPU" if given else "made on the CPU"


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _shapes(given: list[Tensor]) -> list[tuple[str, tuple[int, ...]]]:
    return [(tensor.device.type, tuple(tensor.shape)) for tensor in given[:4]]


def on_device(tree: Any) -> Any:
    """All tensors of a tree on the device."""
    return tree_map_only(Tensor, lambda tensor: tensor.to(DEVICE), tree)


def audited(call: Callable[..., Any], *arguments: Any) -> list[str]:
    """What the audit finds in `call(*arguments)`, inside `FakeTensorMode`; also what torch refuses to do."""
    there = on_device(arguments)
    with Audit() as audit:
        try:
            call(*there)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            audit.found.append(f"refused: {type(error).__name__}: {error}")
    return audit.found
