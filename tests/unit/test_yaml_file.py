"""YAML from outside: numbers as people write them, and bombs that do not go off."""

import time

import pytest

from off2on.errors import Off2OnError
from off2on.yaml_file import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("1E5", 1e5),
        ("-2.5e3", -2500.0),
        ("3", 3),
        ("e4", "e4"),
        ("yes", True),
        ("010", "010"),
        ("1:30", "1:30"),
    ],
)
def test_values(text: str, value: object) -> None:
    found = parse_yaml(text, "here")
    assert found == value
    assert type(found) is type(value)


def test_aliases_are_fine_in_small_numbers() -> None:
    assert parse_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}", "here") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}


BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 10))])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "stands for more than"),
        ("a: &a [*a]", "stands for more than"),
        ("[" * 500 + "]" * 500, "nest"),
        ("{a: " * 60 + "}" * 60, "nest"),
        ("a: 1\na: 2", "duplicate keys: a"),
        ("\n".join(f"k{i}: 1" for i in range(60_000)), "stands for more than"),
        ("a: " + "9" * 100_000, "not readable as YAML"),
        ("!!python/object/apply:os.system ['x']", "not readable as YAML"),
        ("a: [", "not readable as YAML"),
        ("a: !!int ''", "not readable as YAML"),
        ("a: !!bool x", "not readable as YAML"),
        ("a: !!timestamp x", "not readable as YAML"),
        ("\x00", "not readable as YAML"),
    ],
)
def test_what_is_too_much_is_refused_quickly(text: str, told: str) -> None:
    start = time.monotonic()
    with pytest.raises(Off2OnError, match=told) as caught:
        parse_yaml(text, "here")
    assert str(caught.value).startswith("here: ")
    assert len(str(caught.value)) < 2_500
    assert time.monotonic() - start < 20
