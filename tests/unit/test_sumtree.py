import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off2on.replay.sumtree import SumTree

PRIORITIES = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e3)), min_size=1, max_size=70).filter(any)

REPEATABLE = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def built(values: list[float], capacity: int = 1) -> SumTree:
    tree = SumTree(capacity)
    tree.fill(0, np.array(values))
    return tree


def naive(values: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    at = (np.arange(len(uniforms)) + uniforms) * (values.sum() / len(uniforms))
    return np.searchsorted(np.cumsum(values), at, side="right")


@given(PRIORITIES, st.integers(1, 40), st.integers(0, 2**32 - 1))
@REPEATABLE
def test_draws_are_those_of_a_cumulative_sum(values: list[float], count: int, seed: int) -> None:
    uniforms = np.random.default_rng(seed).random(count)
    rows = built(values).draw(uniforms)
    expected = naive(np.array(values), uniforms)
    edges = np.cumsum(values)
    at = (np.arange(count) + uniforms) * (edges[-1] / count)
    # where a value lies on an edge but for rounding, either neighbour is right
    clear = np.abs(edges[:, None] - at).min(0) > 1e-9 * edges[-1]
    assert (rows[clear] == expected[clear]).all()
    assert (np.array(values)[rows] > 0).all()


@given(PRIORITIES, st.lists(st.tuples(st.integers(0, 69), st.floats(0, 1e3)), min_size=1, max_size=30))
@REPEATABLE
def test_updates_keep_every_sum_and_the_last_of_duplicates(
    values: list[float], changes: list[tuple[int, float]]
) -> None:
    tree, leaves = built(values, capacity=70), np.zeros(128)
    leaves[: len(values)] = values
    for row, value in changes:
        leaves[row] = value
    tree.update(np.array([row for row, _ in changes]), np.array([value for _, value in changes]))
    assert (tree.priorities(128) == leaves).all()
    inner = np.arange(1, tree.capacity)
    assert (tree.nodes[inner] == tree.nodes[2 * inner] + tree.nodes[2 * inner + 1]).all()
    assert tree.total == pytest.approx(leaves.sum())


def test_frequencies_are_proportional_to_the_priorities() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(50) ** 3 + 0.01
    tree = built(values.tolist())
    counts = sum(np.bincount(tree.draw(rng.random(64)), minlength=50) for _ in range(2000))
    expected = values / values.sum() * 64 * 2000
    # stratified counts vary less than independent ones; four standard deviations of the latter
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_a_draw_is_stratified() -> None:
    rows = built([1.0] * 64).draw(np.random.default_rng(0).random(64))
    assert rows.tolist() == list(range(64))


def test_filling_piece_by_piece_equals_filling_at_once() -> None:
    values = np.random.default_rng(0).random(300)
    pieces = SumTree(10)
    for start in range(0, 300, 37):
        pieces.fill(start, values[start : start + 37])
    whole = SumTree(300)
    whole.fill(0, values)
    assert pieces.capacity == whole.capacity == 512
    assert (pieces.nodes == whole.nodes).all()


def test_empty_leaves_are_never_drawn_at_the_ends_of_the_range() -> None:
    tree = SumTree(1000)
    tree.fill(400, np.full(3, 0.1))
    rows = tree.draw(np.array([0.0] * 500 + [np.nextafter(1.0, 0.0)] * 500))
    assert set(rows.tolist()) <= {400, 401, 402}
