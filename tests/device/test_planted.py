"""The audit and the emulator find the faults that they are there for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode

from tests.conformance.agents import CASES
from tests.device.audit import DEVICE, audited, fake_device
from tests.device.tape import Captured
from tests.device.test_device import MEMBERS


class Faulty(torch.autograd.Function):
    """A function of a loss whose backward pass alone has a fault."""

    @staticmethod
    def forward(context: Any, x: Tensor, fault: Callable[[Tensor], Tensor]) -> Tensor:
        context.fault = fault
        return x.clone()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return context.fault(gradient), None


def backward(fault: Callable[[Tensor], Tensor]) -> Callable[[Tensor], object]:
    def call(x: Tensor) -> object:
        x = x.detach().requires_grad_(True)
        return torch.autograd.grad(Faulty.apply(x, fault).sum(), [x])

    return call


#: by what the audit calls them: faults of something done to a tensor `[4]` on the device
FAULTS: dict[str, dict[str, Callable[[Tensor], object]]] = {
    "waits": {
        "item": lambda x: x * x.sum().item(),
        "float": lambda x: float(x.sum()),
        "list": lambda x: x.tolist(),
        "branch": lambda x: x if x.sum() > 0 else -x,
        "assertion": lambda x: torch.equal(x, x),
        "nonzero": lambda x: (x > 0).nonzero(),
        "select": lambda x: x.masked_select(x > 0),
        "unique": lambda x: x.unique(),
        "repeats": lambda x: x.repeat_interleave((x > 0).long()),
        "mask": lambda x: x[x > 0],
        "mask written": lambda x: x.index_put_((x > 0,), x[:1]),
        "item in the backward pass": backward(lambda g: g * g.sum().item()),
    },
    "copied between devices": {
        "to the host": lambda x: x.cpu(),
        "from the host": lambda x: torch.ones(4).to(x.device),
        "noise of the host": lambda x: x.copy_(torch.from_numpy(np.ones(4, np.float32))),
        "written to the host": lambda x: torch.ones(4).copy_(x),
        "in the backward pass": backward(lambda g: g.cpu().to(g.device)),
    },
    "made on the CPU": {
        "constant": lambda x: x + torch.zeros(4),
        "index": lambda x: x[torch.arange(2)],
        "in the backward pass": backward(lambda g: g + torch.zeros(4)),
    },
    "computed on the CPU": {
        "scalar": lambda x: x * torch.tensor(2.0),
        "constant": lambda x: torch.from_numpy(np.ones(4, np.float32)),
    },
    "mixed devices": {
        "scalar": lambda x: x * torch.zeros(()),
        "index": lambda x: x.index_select(0, torch.arange(2)),
        "scalar in the backward pass": backward(lambda g: g * torch.zeros(())),
    },
    "random numbers": {
        "in place": lambda x: x + torch.empty_like(x).normal_(),
        "like": lambda x: torch.rand_like(x),
        "dropout": lambda x: torch.dropout(x, 0.5, True),
        "in the backward pass": backward(lambda g: g * torch.rand_like(g)),
    },
    "refused": {"array": lambda x: x.numpy()},
    # copied or refused: that is another thing in torch 2.11 than in 2.13
    "": {"number": lambda x: x * torch.tensor(2.0, device=x.device)},
}
PLANTED = [(what, name) for what, faults in FAULTS.items() for name in faults]


@pytest.mark.parametrize(("what", "name"), PLANTED, ids=[f"{what or 'found'}-{name}" for what, name in PLANTED])
def test_the_audit_finds(what: str, name: str) -> None:
    with FakeTensorMode():
        found = audited(FAULTS[what][name], torch.zeros(4, device=DEVICE))
    assert any(message.startswith(what) for message in found), found


def test_the_device_is_made_once() -> None:
    assert fake_device() == DEVICE
    assert torch.zeros(1).device.type == "cpu"


SOUND: dict[str, Callable[[Tensor], object]] = {
    "numbers": lambda x: torch.where(x > 0, 0.3, 0.7) * 2 + x.new_full((4,), 3.0),
    "rows": lambda x: x[torch.zeros(2, dtype=torch.int64, device=x.device)],
    "masked": lambda x: x.masked_fill(x > 0, 0.0),
    "loss": backward(lambda g: g.clamp(max=2.0)),
    "extremes": lambda x: (x.max(), x.argmax(), x.topk(2), x.cumsum(0), torch.searchsorted(x, x)),
}


@pytest.mark.parametrize("name", SOUND)
def test_the_audit_lets_pass(name: str) -> None:
    with FakeTensorMode():
        assert audited(SOUND[name], torch.zeros(4, device=DEVICE)) == []


class Sum:
    """A running sum, and a Python counter of what was added to it."""

    def __init__(self, add: Callable[["Sum", Tensor], None]) -> None:
        self.total, self.count, self.add = torch.zeros(4), 0, add
        self.rng = np.random.default_rng(0)

    def update(self, x: Tensor) -> Tensor:
        self.add(self, x)
        self.count += 1
        return self.total


def add_host_constant(to: Sum, x: Tensor) -> None:
    to.total += x * to.count


def add_by_baked_branch(to: Sum, x: Tensor) -> None:
    to.total += x if to.count < 2 else -x


def add_by_reallocation(to: Sum, x: Tensor) -> None:
    to.total = to.total + x


def add_noise_of_the_host(to: Sum, x: Tensor) -> None:
    to.total += x * torch.from_numpy(to.rng.standard_normal(4, np.float32))


def add_what_the_host_has_read(to: Sum, x: Tensor) -> None:
    to.total += x * to.total.sum().item()


def add_in_place(to: Sum, x: Tensor) -> None:
    to.total += x.square().view(2, 2).mT.reshape(4)


def sums(call: Callable[[Tensor], Tensor]) -> list[Tensor]:
    return [call(torch.arange(4.0) + k).clone() for k in range(1, 5)]


@pytest.mark.parametrize(
    ("add", "equal"),
    [
        (add_host_constant, False),
        (add_by_baked_branch, False),
        (add_by_reallocation, False),
        (add_noise_of_the_host, False),
        (add_what_the_host_has_read, False),
        (add_in_place, True),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_emulator_finds(add: Callable[[Sum, Tensor], None], equal: bool) -> None:
    eager, recorded = Sum(add), Sum(add)
    for total in (eager.total, recorded.total):
        total += 1
    first = torch.arange(4.0)
    eager.update(first)
    expected, found = sums(eager.update), sums(Captured(recorded.update, first))
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True)) is equal


def test_the_emulator_finds_that_cloning_never_ends() -> None:
    """A graph of CQL's first phase goes on cloning: the loop has to record another one for the second phase."""
    case = CASES["cql-cloning"]
    eager, recorded = case.make(MEMBERS), case.make(MEMBERS)
    eager.steps = recorded.steps = 5
    replay = Captured(recorded.update, *case.draw(recorded, MEMBERS, 0))
    eager.update(*case.draw(eager, MEMBERS, 0))
    equal = []
    for k in range(1, 4):
        losses = [update(*case.draw(eager, MEMBERS, k))["policy_loss"] for update in (eager.update, replay)]
        equal.append(torch.equal(*losses))
    assert equal == [True, False, False]
    assert (eager.steps, recorded.steps) == (9, 6)
