"""Gradient steps one by one on the CPU; on a GPU in blocks, as replays of a captured graph."""

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import torch
from torch import Tensor

#: steps of a phase that run as they are, before one is captured: libraries set themselves up in the first ones
PLAIN_STEPS = 3
#: the random numbers of a block, at most
BLOCK_BYTES, BLOCK_STEPS = 2**26, 1_000

Capture = Callable[[Callable[[], None]], Callable[[], None]]


class Phased(Protocol):
    """What is told of the agent whose steps these are."""

    #: updates done
    steps: int

    @property
    def phase(self) -> Hashable:
        """Which way the next update goes in Python; a graph goes one way only."""


class Replayed:
    """The steps of a loop: random numbers are drawn on the host, the rest is a function of tensors on the device.

    A graph is the kernels of one step: it reads and writes the same addresses every time, and nothing waits for
    it. So the numbers of a whole block are copied to the device before its first step, and a counter there chooses
    those of a step. The numbers, and their order, do not depend on the device.

    Args:
        draw: the numbers of the next step, CPU tensors of the same shapes every time (or None, or tuples of them).
        learn: one step with these numbers on the device.
        agent: whose update `learn` calls, once.
        device: where `learn` computes.
    """

    def __init__(
        self, draw: Callable[[], Any], learn: Callable[[Any], None], agent: Phased, device: torch.device
    ) -> None:
        self._draw, self._learn, self._agent = draw, learn, agent
        self._capture = capturing(device)
        self._graphs: dict[Hashable, Callable[[], None]] = {}
        self._plain: Counter[Hashable] = Counter()
        self._block: Any = None
        self._length = 0
        self._at = torch.zeros(1, dtype=torch.int64, device=device)

    def run(self, most: int) -> int:
        """Do at least one step and at most `most`, and return how many; generators and agent are level then."""
        if self._capture is None:
            self._learn(self._draw())
            return 1
        count = self._load(most)
        for _ in range(count):
            self._step(self._capture)
        return count

    def _load(self, most: int) -> int:
        """Draw the numbers of a block and copy them to the device."""
        first = self._draw()
        if self._block is None:
            found: list[int] = []
            mapped(lambda tensor: found.append(tensor.nbytes), first)
            self._length = max(1, min(BLOCK_STEPS, BLOCK_BYTES // max(1, sum(found))))
            self._block = mapped(
                lambda one: torch.empty((self._length, *one.shape), dtype=one.dtype, device=self._at.device), first
            )
        count = min(most, self._length)
        mapped(_upload, self._block, first, *(self._draw() for _ in range(count - 1)))
        self._at.zero_()
        return count

    def _step(self, capture: Capture) -> None:
        phase = self._agent.phase
        if phase in self._graphs:
            self._graphs[phase]()
            self._agent.steps += 1
        elif self._plain[phase] < PLAIN_STEPS:
            self._plain[phase] += 1
            self._once()
        else:
            # while it is captured Python runs, and so counts the step, but no kernel does
            self._graphs[phase] = capture(self._once)
            self._graphs[phase]()

    def _once(self) -> None:
        self._learn(mapped(lambda block: block.index_select(0, self._at).squeeze(0), self._block))
        self._at += 1


def mapped(call: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """`call` of the tensors at every place of trees of one shape: tensors, None, or tuples of them."""
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return call(tree, *others)
    found = [mapped(call, *branches) for branches in zip(tree, *others, strict=True)]
    return type(tree)(*found) if hasattr(tree, "_fields") else tuple(found)


def _upload(block: Tensor, *steps: Tensor) -> None:
    host = torch.stack(steps)
    # from pinned memory a copy takes its turn on the device, while the host draws the next numbers
    block[: len(steps)].copy_(host.pin_memory() if block.is_cuda else host, non_blocking=True)


def capturing(device: torch.device) -> Capture | None:
    """How a step is captured on a device; None: steps run as they are."""
    return _cuda_graph if device.type == "cuda" else None


def _cuda_graph(step: Callable[[], None]) -> Callable[[], None]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        step()
    return graph.replay
