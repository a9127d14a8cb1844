import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from off2on.data.dataset import Dataset
from off2on.replay.store import TransitionStore


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
    store = TransitionStore(1, 1, 3)  # smaller than what comes: it grows
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
    store = TransitionStore(2, 1, 10)
    store.append(np.zeros((11, 2), np.float32), *(np.zeros(s, np.float32) for s in ((10, 1), (10,), (10,))))
    rows = np.random.default_rng(0).integers(10, size=shape)
    batch = store.batch(rows)
    assert batch.observations.shape == (*shape, 2)
    assert batch.rewards.shape == shape
    observations, actions = store.pairs(rows)
    assert torch.equal(observations, batch.observations)
    assert torch.equal(actions, batch.actions)
