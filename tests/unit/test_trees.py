"""The trees of priorities, that of the CPU and that of devices: what they promise is the same."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from off2on.nn.device import CPU
from off2on.replay.blocktree import BlockTree
from off2on.replay.sumtree import SumTree
from off2on.replay.tree import Tree, make_tree

PRIORITIES = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e3)), min_size=1, max_size=70).filter(any)

REPEATABLE = settings(max_examples=100, deadline=None, derandomize=True, database=None)

Make = Callable[[int], Tree]
TREES: dict[str, Make] = {"binary": SumTree, "blocks": lambda capacity: BlockTree(capacity, CPU)}
trees = pytest.mark.parametrize("make", TREES.values(), ids=TREES)


def built(make: Make, values: list[float], capacity: int = 70) -> Tree:
    tree = make(capacity)
    tree.fill(0, torch.tensor(values, dtype=torch.float64))
    return tree


def drawn(tree: Tree, uniforms: np.ndarray) -> np.ndarray:
    return tree.draw(torch.from_numpy(uniforms)).numpy()


def naive(values: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    at = (np.arange(len(uniforms)) + uniforms) * (values.sum() / len(uniforms))
    return np.searchsorted(np.cumsum(values), at, side="right")


@trees
@given(values=PRIORITIES, count=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
@REPEATABLE
def test_draws_are_those_of_a_cumulative_sum(make: Make, values: list[float], count: int, seed: int) -> None:
    uniforms = np.random.default_rng(seed).random(count)
    rows = drawn(built(make, values), uniforms)
    expected = naive(np.array(values), uniforms)
    edges = np.cumsum(values)
    at = (np.arange(count) + uniforms) * (edges[-1] / count)
    # where a value lies on an edge but for rounding, either neighbour is right
    clear = np.abs(edges[:, None] - at).min(0) > 1e-9 * edges[-1]
    assert (rows[clear] == expected[clear]).all()
    assert (np.array(values)[rows] > 0).all()


@trees
@given(
    values=PRIORITIES,
    changes=st.lists(st.tuples(st.integers(0, 69), st.floats(0, 1e3)), min_size=1, max_size=30),
)
@REPEATABLE
def test_updates_keep_every_sum_and_the_last_of_duplicates(
    make: Make, values: list[float], changes: list[tuple[int, float]]
) -> None:
    tree, leaves = built(make, values), np.zeros(70)
    leaves[: len(values)] = values
    for row, value in changes:
        leaves[row] = value
    rows, priorities = (torch.from_numpy(np.array(column)) for column in zip(*changes, strict=True))
    tree.update(rows, priorities)
    assert (tree.priorities(70).numpy() == leaves).all()
    assert tree.total == pytest.approx(leaves.sum())
    if isinstance(tree, SumTree):
        inner = np.arange(1, tree.capacity)
        assert (tree.nodes[inner] == tree.nodes[2 * inner] + tree.nodes[2 * inner + 1]).all()
    if isinstance(tree, BlockTree):
        assert torch.equal(tree.sums, tree.leaves.sum(1))


@trees
def test_frequencies_are_proportional_to_the_priorities(make: Make) -> None:
    rng = np.random.default_rng(0)
    values = rng.random(50) ** 3 + 0.01
    tree = built(make, values.tolist())
    counts = sum(np.bincount(drawn(tree, rng.random(64)), minlength=50) for _ in range(2000))
    expected = values / values.sum() * 64 * 2000
    # stratified counts vary less than independent ones; four standard deviations of the latter
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


@trees
def test_a_draw_is_stratified(make: Make) -> None:
    rows = drawn(built(make, [1.0] * 64), np.random.default_rng(0).random(64))
    assert rows.tolist() == list(range(64))


def test_filling_piece_by_piece_equals_filling_at_once() -> None:
    values = torch.from_numpy(np.random.default_rng(0).random(300))
    pieces = SumTree(10)
    for start in range(0, 300, 37):
        pieces.fill(start, values[start : start + 37])
    whole = SumTree(300)
    whole.fill(0, values)
    assert pieces.capacity == whole.capacity == 512
    assert (pieces.nodes == whole.nodes).all()


@trees
def test_empty_leaves_are_never_drawn_at_the_ends_of_the_range(make: Make) -> None:
    tree = make(1000)
    tree.fill(400, torch.full((3,), 0.1, dtype=torch.float64))
    rows = drawn(tree, np.array([0.0] * 500 + [np.nextafter(1.0, 0.0)] * 500))
    assert set(rows.tolist()) <= {400, 401, 402}


def test_both_trees_draw_the_same_rows_over_a_long_run() -> None:
    """A million leaves, changed as balanced replay changes them: rounding would have to move an edge."""
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.random(1_000_000) ** 5 + 1e-3)
    both = [make(1_250_000) for make in TREES.values()]
    for tree in both:
        tree.fill(0, values)
    for k in range(40):
        uniforms, priorities = rng.random(256), torch.from_numpy(rng.random(256) * 10)
        one, other = (drawn(tree, uniforms) for tree in both)
        assert (one == other).all(), k
        for tree in both:
            tree.update(torch.from_numpy(one), priorities)


def test_the_cpu_has_the_binary_tree_and_others_the_blocks() -> None:
    assert isinstance(make_tree(10, CPU), SumTree)
    assert isinstance(make_tree(10, torch.device("meta")), BlockTree)
