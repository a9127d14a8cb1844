"""Images reach every network through `encode`, once a state and never once an action."""

import sys
from collections import Counter
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from off2on.agents.interface import agent_module
from off2on.algorithms import ALGORITHMS
from off2on.data.batch import Batch
from off2on.nn import encoder
from tests.conformance.agents import ACTION, CASES, SIZE, Case

IMAGE = (4, 5, 3)
MEMBERS = [0, 1]
#: their networks take the features that the encoder below gives
VECTORS = [name for name, case in CASES.items() if not case.observation.is_image]
IMAGES = [name for name in CASES if name not in VECTORS]


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Agents of images with an encoder that has no parameters; counts the states that each network encodes."""
    counts: Counter[int] = Counter()

    def encode(params: dict[str, Tensor], observations: Tensor) -> Tensor:
        assert observations.dtype == torch.uint8
        assert observations.shape[-3:] == IMAGE
        rows = prod(observations.shape[:-3])
        assert rows <= len(MEMBERS) * SIZE, "more than one for every state of the minibatch"
        counts[next(iter(params.values())).data_ptr()] += rows
        # a column of the image stands for its features
        return observations.float().mean((-3, -1)) / 128 - 1

    # modules that are loaded while it is patched would keep the fake
    for name in ALGORITHMS:
        agent_module(name)
    original = encoder.encode
    for module in [m for name, m in sys.modules.items() if name.startswith("off2on.")]:
        for attribute, value in list(vars(module).items()):
            if value is original:
                monkeypatch.setattr(module, attribute, encode)
    return counts


def images(case: Case, agent: Any, k: int = 0) -> tuple[Batch, Any]:
    """A minibatch of images with the other columns of the case's, and noise."""
    batch, noise = case.draw(agent, MEMBERS, k)
    rng = np.random.default_rng(k)
    shape = (*batch.rewards.shape, *IMAGE)
    now, then = (torch.from_numpy(rng.integers(0, 256, shape, np.uint8)) for _ in range(2))
    return batch._replace(observations=now, next_observations=then), noise


@pytest.mark.parametrize("name", VECTORS)
def test_an_update_encodes_states_and_not_actions(name: str, encoded: Counter[int]) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    batch, noise = images(case, agent)
    encoded.clear()
    metrics = agent.update(batch, noise)
    assert all(torch.isfinite(value).all() for value in metrics.values())
    states = 2 * SIZE * (len(MEMBERS) if case.independent or "bcq" in name or "iql" in name else 1)
    # a network looks at every state for its own loss, and at most once more for that of another network
    assert encoded
    assert max(encoded.values()) <= 2 * states


@pytest.mark.parametrize("name", VECTORS)
def test_acting_and_values_of_several_actions_encode_each_state_once(name: str, encoded: Counter[int]) -> None:
    case = CASES[name]
    agent = case.make(MEMBERS)
    observations = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (7, *IMAGE), np.uint8))
    encoded.clear()
    assert case.act(agent, observations, explore=True).shape == (7, ACTION)
    assert max(encoded.values()) == 7
    encoded.clear()
    assert agent.q(observations, torch.zeros(6, 7, ACTION)).shape == (6, len(MEMBERS), 7)
    assert list(encoded.values()) == [7]


@pytest.mark.parametrize("name", IMAGES)
def test_trunks_pass_over_states_and_not_over_actions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[int] = Counter()
    convolved = encoder._convolved

    def counted(params: dict[str, Tensor], kind: str, row: int, x: Tensor) -> Tensor:
        counts[params[f"encoder.{kind}0.weight"][row].data_ptr()] += len(x)
        return convolved(params, kind, row, x)

    monkeypatch.setattr(encoder, "_convolved", counted)
    case = CASES[name]
    agent = case.make(MEMBERS)
    batch, noise = case.draw(agent, MEMBERS, 0)
    agent.update(batch, noise)
    trunks = 1 if "small" in name else 2
    # policies see the observations and the next ones, critics the first alone and targets the second; the
    # conservative term of `cql_reg` asks the policies once more
    policies = (4 if "cql_reg" in name else 2) * SIZE
    assert sorted(counts.values()) == [SIZE] * (len(MEMBERS) * trunks * 2) + [policies] * len(MEMBERS)
