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
from off2on.algorithms.algorithm import Sizes
from off2on.data.batch import Batch
from off2on.nn import encoder
from off2on.observations import ObservationSpec
from tests.conformance import agents
from tests.conformance.agents import ACTION, CASES, OBSERVATION, SIZE, Case

IMAGE = (4, 5, 3)
MEMBERS = [0, 1]


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
    original = {"encode": encoder.encode, "feature_size": encoder.feature_size}
    fakes: dict[str, Any] = {"encode": encode, "feature_size": lambda spec: OBSERVATION}
    for module in [m for name, m in sys.modules.items() if name.startswith("off2on.")]:
        for attribute, value in list(vars(module).items()):
            for name, function in original.items():
                if value is function:
                    monkeypatch.setattr(module, attribute, fakes[name])
    monkeypatch.setattr(agents, "SIZES", Sizes(ObservationSpec(IMAGE, "uint8"), ACTION))
    return counts


def images(case: Case, agent: Any, k: int = 0) -> tuple[Batch, Any]:
    """A minibatch of images with the other columns of the case's, and noise."""
    batch, noise = case.draw(agent, MEMBERS, k)
    rng = np.random.default_rng(k)
    shape = (*batch.rewards.shape, *IMAGE)
    now, then = (torch.from_numpy(rng.integers(0, 256, shape, np.uint8)) for _ in range(2))
    return batch._replace(observations=now, next_observations=then), noise


@pytest.mark.parametrize("name", CASES)
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


@pytest.mark.parametrize("name", CASES)
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
