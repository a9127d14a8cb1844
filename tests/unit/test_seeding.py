import json

from off2on.seeding import restore, states, stream


def test_a_stream_is_decided_by_its_key_alone() -> None:
    first = stream("finetune", "halfcheetah", 0, "explore").random(4)
    assert (first == stream("finetune", "halfcheetah", 0, "explore").random(4)).all()
    for other in (("finetune", "halfcheetah", 1, "explore"), ("finetune", "halfcheetah", 0, "reset")):
        assert (first != stream(*other).random(4)).all()


def test_states_survive_json() -> None:
    rngs = {"a": stream("a"), "b": stream("b")}
    rngs["a"].standard_normal(7)
    saved = json.loads(json.dumps(states(rngs)))
    expected = {name: rng.random(5) for name, rng in rngs.items()}
    restore(rngs, saved)
    assert all((rngs[name].random(5) == expected[name]).all() for name in rngs)
