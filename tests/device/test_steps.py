"""The whole step of each loop, from its numbers to its averages: on one device, without a wait, and as a graph.

Minibatches are gathered and cropped there, priorities drawn and changed there; a new algorithm or sampler is
looked at as soon as it has an entry.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode

from off2on.agents.interface import derived_columns
from off2on.nn.device import CPU
from off2on.observations import ObservationSpec
from off2on.replay import balanced
from off2on.replay.blocktree import BlockTree
from off2on.replay.inputs import SamplerInputs
from off2on.replay.origins import Origins
from off2on.replay.samplers import make_sampler
from off2on.replay.store import TransitionStore
from off2on.samplers import SAMPLERS
from off2on.training import replayed
from off2on.training.evaluate import Averages
from off2on.training.replayed import Replayed
from off2on.training.steps import OfflineStep, OnlineStep
from tests.conformance.agents import ACTION, CASES, SIZE, Case, seen
from tests.device.audit import DEVICE, audited, on_device
from tests.device.tape import capture
from tests.device.test_device import MEMBERS, differing, phases

OFFLINE, ONLINE, CROP = 30, 15, 2
KINDS = ("offline_fraction_scripted", "offline_fraction_random")
AVERAGED = ["q_mean", "offline_fraction", *KINDS]
Step = OfflineStep | OnlineStep

#: every agent with uniform minibatches, and SAC with those of every sampler
STEPS = {f"{name} uniform": (case, "uniform") for name, case in CASES.items()}
STEPS |= {
    f"{name} {kind}": (CASES[name], kind) for name in ("sac-online", "sac-online-small") for kind in SAMPLERS
}
every_step = pytest.mark.parametrize("name", STEPS)


@pytest.fixture
def fake() -> Iterator[None]:
    """Tensors without values, which can be on a device that is not there."""
    with FakeTensorMode():
        yield


def filled(observation: ObservationSpec, algorithm: str, device: torch.device) -> TransitionStore:
    """An episode of offline rows, and one of online ones."""
    store = TransitionStore(observation, ACTION, 0, derived_columns(algorithm), device)
    rng = np.random.default_rng(5)
    for count in (OFFLINE, ONLINE):
        actions = np.tanh(rng.standard_normal((count, ACTION), np.float32))
        rewards = rng.standard_normal(count, np.float32)
        store.append(seen(rng, count + 1, observation), actions, rewards, np.zeros(count, np.float32))
    return store


def built(case: Case, kind: str, device: torch.device, place: Callable[[Any], Any]) -> Step:
    """The step of a case, with generators of its own; minibatches of an online one are of that kind."""
    store, agent = filled(case.observation, case.algorithm, device), case.make(MEMBERS, place=place)
    crop = CROP if case.observation.is_image else 0
    rngs = [np.random.default_rng([8, k]) for k in range(4)]
    if case.independent:
        return OfflineStep(agent, store, Averages(["q_mean"], device), SIZE, crop, rngs[:2], rngs[2:])
    inputs = SamplerInputs(store, OFFLINE, case.observation, case.settings, SIZE, rngs[0], rngs[1])
    sampler = make_sampler(kind, inputs)
    sampler.append(np.arange(OFFLINE, OFFLINE + ONLINE))
    marks = torch.from_numpy(np.arange(OFFLINE) % 2 == 0).to(device)
    origins = Origins(OFFLINE, dict(zip(KINDS, (marks, ~marks), strict=True)))
    return OnlineStep(agent, store, sampler, origins, Averages(AVERAGED, device), SIZE, crop, rngs[2])


def state(step: Step) -> dict[str, torch.Tensor]:
    """Everything that a step changes."""
    found = step.agent.state() | step.averages.state()
    if isinstance(step, OnlineStep):
        found |= {f"sampler/{name}": value for name, value in step.sampler.state().items()}
    return {name: value.clone() for name, value in found.items()}


@every_step
def test_a_step_stays_on_its_device_and_never_waits(name: str, fake: None) -> None:
    step = built(*STEPS[name], torch.device(DEVICE), on_device)
    for _ in phases(step.agent):
        assert audited(step.learn, step.draw()) == []
    moved = {key: value for key, value in state(step).items() if value.device.type != DEVICE}
    assert moved.keys() == {"steps"}


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Callable[[Step], Replayed]:
    """The steps of a loop on a device that captures."""
    monkeypatch.setattr(balanced, "make_tree", BlockTree)

    def make(step: Step) -> Replayed:
        with monkeypatch.context() as patch:
            patch.setattr(replayed, "capturing", lambda device: capture)
            return Replayed(step.draw, step.learn, step.agent, CPU)

    return make


def run(steps: Replayed, count: int) -> None:
    while count:
        count -= steps.run(count)


@every_step
def test_steps_in_replays_equal_steps_one_by_one_bit_for_bit(
    name: str, captured: Callable[[Step], Replayed]
) -> None:
    plain, device = (built(*STEPS[name], CPU, dict) for _ in range(2))
    one_by_one, replays = Replayed(plain.draw, plain.learn, plain.agent, CPU), captured(device)
    for _ in phases(plain.agent, device.agent):
        for steps in (one_by_one, replays):
            run(steps, 9)
        assert differing(state(plain), state(device)) == []


def test_numbers_are_drawn_in_the_same_order_in_blocks_of_any_length(
    captured: Callable[[Step], Replayed], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES["sac-online"]
    found = []
    for length in (1, 3, 1000):
        monkeypatch.setattr(replayed, "BLOCK_STEPS", length)
        step = built(case, "balanced", CPU, dict)
        run(captured(step), 8)
        found.append(state(step))
    assert differing(found[0], found[1]) == differing(found[0], found[2]) == []


# ------------------------------------------------------------------------------------------- planted faults


def host_noise(step: OnlineStep) -> None:
    rng, update = np.random.default_rng(0), step.agent.update

    def noisy(batch: Any, noise: Any) -> Any:
        return update(batch, type(noise)(*(one + float(rng.random()) for one in noise)))

    step.agent.update = noisy  # type: ignore[method-assign]


def host_default(step: OnlineStep) -> None:
    tree, sampler = step.sampler.tree, step.sampler  # type: ignore[attr-defined]
    update = tree.update

    def changed(rows: Any, priorities: Any) -> None:
        update(rows, priorities * float(sampler.default))

    tree.update = changed


def moving_store(step: OnlineStep) -> None:
    batch = step.store.batch

    def moved(rows: Any) -> Any:
        step.store.rewards = step.store.rewards * 1.01
        return batch(rows)

    step.store.batch = moved  # type: ignore[method-assign]


def baked_branch(step: OnlineStep) -> None:
    add = step.averages.add
    step.averages.add = lambda metrics: add(metrics) if step.agent.steps % 2 else None  # type: ignore[method-assign]


def masked_rows(step: OnlineStep) -> None:
    batch = step.store.batch
    step.store.batch = lambda rows: batch(rows[rows >= 0])  # type: ignore[method-assign]


FAULTS = (host_noise, host_default, moving_store, baked_branch)
planted = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)


@planted
def test_replays_show_a_fault_in_a_step(
    fault: Callable[[Any], None], captured: Callable[[Step], Replayed]
) -> None:
    plain, device = (built(CASES["sac-online"], "balanced", CPU, dict) for _ in range(2))
    for step in (plain, device):
        fault(step)
    run(Replayed(plain.draw, plain.learn, plain.agent, CPU), 9)
    run(captured(device), 9)
    assert differing(state(plain), state(device)) != []


@pytest.mark.parametrize("fault", [host_default, masked_rows], ids=lambda fault: fault.__name__)
def test_the_audit_shows_a_wait_in_a_step(fault: Callable[[Any], None], fake: None) -> None:
    step = built(CASES["sac-online"], "balanced", torch.device(DEVICE), on_device)
    fault(step)
    found = audited(step.learn, step.draw())
    assert any(what.startswith(("waits", "refused")) for what in found), found


def test_replays_need_new_numbers(captured: Callable[[Step], Replayed], monkeypatch: pytest.MonkeyPatch) -> None:
    """A block whose steps all see the same numbers is found out."""
    plain, device = (built(CASES["sac-online"], "balanced", CPU, dict) for _ in range(2))
    upload = replayed._upload
    monkeypatch.setattr(replayed, "_upload", lambda block, *steps: upload(block, *[steps[0]] * len(steps)))
    run(Replayed(plain.draw, plain.learn, plain.agent, CPU), 9)
    run(captured(device), 9)
    assert "nets/policy/layer0.weight" in differing(state(plain), state(device))
