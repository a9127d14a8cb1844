"""The transition store: next observations, the dataset's view, minibatches, derived columns."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from off2on.data.batch import Batch
from off2on.data.dataset import Dataset
from off2on.observations import ObservationSpec
from off2on.replay.store import TransitionStore

POSITION = ObservationSpec((1,))


def episode(length: int, first: float, terminal: bool) -> tuple[np.ndarray, ...]:
    """Observations count up from `first`; action and reward repeat the observation they start from."""
    frames = (first + np.arange(length + 1, dtype=np.float32))[:, None]
    terminals = np.zeros(length, np.float32)
    terminals[-1] = terminal
    return frames, frames[:-1].copy(), frames[:-1, 0].copy(), terminals


def counting_dataset(terminals: list[bool], timeouts: list[bool]) -> Dataset:
    count = np.arange(len(terminals), dtype=np.float32)
    return Dataset(count[:, None], count[:, None], count, np.array(terminals), np.array(timeouts))


def test_appended_episodes_keep_their_next_observations() -> None:
    store = TransitionStore(POSITION, 1, 3)  # smaller than what comes: it grows
    assert store.append(*episode(3, 0, True)).tolist() == [0, 1, 2]
    assert store.append(*episode(2, 100, False)).tolist() == [3, 4]
    assert (store.size, store.frames) == (5, 7)
    batch = store.batch(np.arange(5))
    assert batch.observations[:, 0].tolist() == [0, 1, 2, 100, 101]
    assert batch.next_observations[:, 0].tolist() == [1, 2, 3, 101, 102]
    assert batch.rewards.tolist() == [0, 1, 2, 100, 101]
    assert batch.terminals.tolist() == [0, 0, 1, 0, 0]
    assert batch.actions.dtype == torch.float32


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=25))
def test_a_dataset_becomes_the_q_learning_view(marks: list[tuple[bool, bool]]) -> None:
    terminals, timeouts = map(list, zip(*marks, strict=True))
    store = TransitionStore.from_dataset(counting_dataset(terminals, timeouts))
    naive = [(i, i + 1, terminals[i]) for i in range(len(marks) - 1) if not timeouts[i]]
    batch = store.batch(np.arange(store.size))
    found = zip(
        batch.observations[:, 0].tolist(),
        batch.next_observations[:, 0].tolist(),
        batch.terminals.tolist(),
        strict=True,
    )
    assert [(int(a), int(b), bool(c)) for a, b, c in found] == naive


def test_online_rows_follow_the_offline_ones() -> None:
    store = TransitionStore.from_dataset(counting_dataset([False] * 4, [False, True, False, False]))
    assert store.size == 2
    rows = store.append(*episode(2, 50, False))
    assert rows.tolist() == [2, 3]
    assert store.batch(rows).next_observations[:, 0].tolist() == [51, 52]
    assert store.batch(np.arange(2)).next_observations[:, 0].tolist() == [1, 3]


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_batches_have_the_shape_of_the_rows(shape: tuple[int, ...]) -> None:
    store = TransitionStore(ObservationSpec((2,)), 1, 10)
    store.append(np.zeros((11, 2), np.float32), *(np.zeros(s, np.float32) for s in ((10, 1), (10,), (10,))))
    rows = np.random.default_rng(0).integers(10, size=shape)
    batch = store.batch(rows)
    assert batch.observations.shape == (*shape, 2)
    assert batch.rewards.shape == shape
    observations, actions = store.pairs(rows)
    assert torch.equal(observations, batch.observations)
    assert torch.equal(actions, batch.actions)


def returns_to_go(rewards: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The undiscounted sum of the rewards from each row to the end of its episode."""
    found, total = np.empty_like(rewards), 0.0
    for row in reversed(range(len(rewards))):
        total = rewards[row] + (0.0 if ends[row] else total)
        found[row] = total
    return found


DERIVED = {"returns_to_go": returns_to_go, "last": lambda rewards, ends: ends.astype(np.float32)}


def store_with_returns() -> TransitionStore:
    """Nine rows with rewards 0 .. 8: a fall at row 2, a time limit at row 5, and an unfinished episode."""
    marks = [row == 2 for row in range(9)], [row == 5 for row in range(9)]
    return TransitionStore.from_dataset(counting_dataset(*marks), DERIVED)


def test_derived_columns_of_a_dataset_end_with_its_episodes() -> None:
    store = store_with_returns()
    assert store.batch(np.arange(store.size)).rewards.tolist() == [0, 1, 2, 3, 4, 6, 7]
    # the rewards of rows without a next observation, 5 and 8, count too
    found = store.batch(np.arange(store.size)).extra
    assert found["returns_to_go"].tolist() == [3, 3, 2, 12, 9, 21, 15]
    assert found["last"].tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert found["returns_to_go"].dtype == torch.float32


@pytest.mark.parametrize("terminal", [True, False])
def test_derived_columns_of_an_appended_episode_end_with_it(terminal: bool) -> None:
    store = store_with_returns()
    first = store.append(*episode(3, 10, terminal))
    second = store.append(*episode(2, 100, terminal))
    assert store.batch(first).extra["returns_to_go"].tolist() == [33, 23, 12]
    assert store.batch(second).extra["returns_to_go"].tolist() == [201, 101]
    assert store.batch(np.concatenate([first, second])).extra["last"].tolist() == [0, 0, 1, 0, 1]
    # the rows before keep theirs, and a batch of minibatches has its shape
    assert store.batch(np.array([[0, 4], [6, 7]])).extra["returns_to_go"].tolist() == [[3, 9], [15, 33]]


def test_without_derived_columns_a_minibatch_has_none() -> None:
    assert TransitionStore.from_dataset(counting_dataset([False] * 3, [False] * 3)).batch(np.arange(2)).extra == {}


def same(one: Batch, other: Batch) -> bool:
    """Whether two minibatches are equal, derived columns included."""
    fields = [name for name in Batch._fields if name != "extra"]
    return (
        all(torch.equal(getattr(one, name), getattr(other, name)) for name in fields)
        and one.extra.keys() == other.extra.keys()
        and all(torch.equal(one.extra[name], other.extra[name]) for name in one.extra)
    )


def test_a_resumed_store_is_the_saved_one_with_its_derived_columns() -> None:
    store = store_with_returns()
    size, frames = store.size, store.frames
    store.append(*episode(3, 10, False))
    store.append(*episode(2, 100, True))
    saved = {name: tensor.clone() for name, tensor in store.tail_state(size, frames).items()}
    resumed = store_with_returns()
    resumed.load_tail(saved)
    assert (resumed.size, resumed.frames) == (store.size, store.frames)
    assert same(resumed.batch(np.arange(resumed.size)), store.batch(np.arange(store.size)))
    # and continues in the same way
    assert resumed.append(*episode(2, 50, False)).tolist() == store.append(*episode(2, 50, False)).tolist()
    assert same(resumed.batch(np.arange(resumed.size)), store.batch(np.arange(store.size)))
