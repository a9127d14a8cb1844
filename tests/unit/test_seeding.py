"""Random streams: decided by their key alone, and fixed for good."""

import json

import pytest

from off2on.seeding import restore, states, stream


def test_a_stream_is_decided_by_its_key_alone() -> None:
    first = stream("finetune", "halfcheetah", 0, "explore").random(4)
    assert (first == stream("finetune", "halfcheetah", 0, "explore").random(4)).all()
    for other in (("finetune", "halfcheetah", 1, "explore"), ("finetune", "halfcheetah", 0, "reset")):
        assert (first != stream(*other).random(4)).all()


@pytest.mark.parametrize(
    ("key", "raw", "integers", "floats"),
    [
        (
            ("pretrain", "local", "halfcheetah", "medium", "cql", 0, 0, "batch"),
            [4646370648397487337, 8967317572679759531],
            [720834, 251880, 295684, 486119],
            [0.6103625653774856, 0.9607249634145859],
        ),
        (
            ("finetune", "local", "hopper", "none", "sac", 1, "reset"),
            [5359278781559079037, 1825426116980115272],
            [230926, 290527, 759064, 98956],
            [0.4456757732752372, 0.4913947123194379],
        ),
    ],
)
def test_the_streams_of_published_results_stay_as_they_are(
    key: tuple[str | int, ...], raw: list[int], integers: list[int], floats: list[float]
) -> None:
    """Other draws here mean that no earlier result can be reproduced."""
    assert stream(*key).bit_generator.random_raw(2).tolist() == raw
    rng = stream(*key)
    assert rng.integers(10**6, size=4).tolist() == integers
    assert rng.random(2).tolist() == floats


def test_the_parts_of_a_key_do_not_run_together() -> None:
    assert stream("a", "bc").random() != stream("ab", "c").random()
    assert stream("seed", 1, 11).random() != stream("seed", 11, 1).random()


def test_states_survive_json() -> None:
    rngs = {"a": stream("a"), "b": stream("b")}
    rngs["a"].standard_normal(7)
    saved = json.loads(json.dumps(states(rngs)))
    expected = {name: rng.random(5) for name, rng in rngs.items()}
    restore(rngs, saved)
    assert all((rngs[name].random(5) == expected[name]).all() for name in rngs)
