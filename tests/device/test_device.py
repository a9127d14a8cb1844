"""Updates run on one device, never wait for it, and can be captured in a graph; it takes no accelerator to see it.

A new algorithm is looked at as soon as it is in the registry, in each of the phases that its updates have: CQL
clones in its first steps, which a Python counter tells.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode

from off2on.nn.state import flatten
from off2on.replay.density import DensityNetwork, init_density
from tests.conformance.agents import ACTION, CASES, OBSERVATION, SIZE, transitions
from tests.device.audit import DEVICE, audited, on_device, tensors
from tests.device.tape import Captured

MEMBERS = [0, 1]
#: all that an update may change in Python; past `LATE` it branches no more
COUNTER, LATE = "steps", 1_000_000
#: replays of one recorded update, each with another minibatch and other noise
REPLAYS = 4

cases = pytest.mark.parametrize("name", CASES)


@pytest.fixture
def fake() -> Iterator[None]:
    """Tensors without values, which can be on a device that is not there."""
    with FakeTensorMode():
        yield


def phases(*agents: Any) -> Iterator[None]:
    """Puts agents in each of the phases that their updates have."""
    yield
    if hasattr(agents[0], COUNTER):
        for agent in agents:
            setattr(agent, COUNTER, LATE)
        yield


def density() -> DensityNetwork:
    return DensityNetwork(init_density(OBSERVATION, ACTION, [16, 16], np.random.default_rng(0)), 1e-3, 5.0)


def pairs(k: int) -> list[tuple[Tensor, Tensor]]:
    """Offline, online and RL minibatch of density update `k`."""
    return [transitions(np.random.default_rng([k, i]))[:2] for i in range(3)]


# --------------------------------------------------------------------------------------------- on a device


@cases
def test_an_update_stays_on_its_device_and_never_waits(name: str, fake: None) -> None:
    agent = CASES[name].make(MEMBERS, place=on_device)
    for _ in phases(agent):
        assert audited(agent.update, *CASES[name].draw(agent, MEMBERS, 0)) == []
    assert {tensor.device.type for tensor in tensors([flatten(agent.nets), agent.adam.state("")])} == {DEVICE}


@cases
def test_so_do_gradients_and_metrics(name: str, fake: None) -> None:
    agent = CASES[name].make(MEMBERS, place=on_device)
    found: list[Any] = []
    for _ in phases(agent):
        inputs = CASES[name].draw(agent, MEMBERS, 0)
        assert audited(lambda *inputs: found.append(agent.gradients(*inputs)), *inputs) == []
    assert {tensor.device.type for tensor in tensors(found)} == {DEVICE}


@cases
def test_so_do_actions_and_values(name: str, fake: None) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS, place=on_device)
    noise = agent.acting_noise(np.random.default_rng(0), SIZE, explore=True)
    observations, actions, *_ = transitions(np.random.default_rng(0), case.observation)
    member = [1] if case.independent else []
    assert audited(lambda seen, normals: agent.act(seen, normals, *member), observations, noise) == []
    assert audited(agent.q, observations, actions) == []
    assert audited(agent.q, observations, torch.stack([actions, actions])) == []


def test_so_does_the_density_network(fake: None) -> None:
    params = on_device(init_density(OBSERVATION, ACTION, [16, 16], np.random.default_rng(0)))
    for mixture in (False, True):
        assert audited(DensityNetwork(params, 1e-3, 5.0, mixture).update, *pairs(0)) == []


# ----------------------------------------------------------------------------------------------- in a graph


@cases
def test_an_update_changes_no_python_number_but_its_counter(name: str) -> None:
    """A graph would not change it."""
    agent = CASES[name].make(MEMBERS)
    before = numbers(agent)
    agent.update(*CASES[name].draw(agent, MEMBERS, 0))
    after = numbers(agent)
    assert {key for key in after if after[key] != before.get(key)} <= {COUNTER}


def numbers(agent: Any) -> dict[str, Any]:
    return {key: value for key, value in vars(agent).items() if isinstance(value, int | float | str)}


@cases
def test_replayed_updates_equal_eager_ones_bit_for_bit(name: str) -> None:
    case = CASES[name]
    eager, replayed = case.make(MEMBERS), case.make(MEMBERS)
    for _ in phases(eager, replayed):
        assert replays_differ(eager.update, replayed.update, lambda k: case.draw(eager, MEMBERS, k)) == []
        assert differing(learned(eager), learned(replayed)) == []


def learned(agent: Any) -> dict[str, Tensor]:
    return {key: value for key, value in agent.state().items() if key != COUNTER}


def test_so_do_those_of_the_density_network() -> None:
    eager, replayed = density(), density()
    assert replays_differ(eager.update, replayed.update, pairs) == []
    assert differing(eager.state(), replayed.state()) == []


def replays_differ(
    eager: Callable[..., Any], recorded: Callable[..., Any], inputs: Callable[[int], Any]
) -> list[int]:
    """The calls, of one recorded and its replays, whose outputs are not those of calls one by one."""
    found: list[int] = []
    captured: Captured | None = None
    for k in range(REPLAYS + 1):
        expected = eager(*inputs(k))
        if captured is None:
            captured = Captured(recorded, *inputs(k))
            outputs = captured.outputs
        else:
            outputs = captured(*inputs(k))
        if not all(torch.equal(a, b) for a, b in zip(tensors(expected), tensors(outputs), strict=True)):
            found.append(k)
    return found


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    assert one.keys() == other.keys()
    return [key for key in one if not torch.equal(one[key], other[key])]
