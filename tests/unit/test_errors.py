"""Messages stay short and harmless, whatever is in them."""

import pytest

from off2on.errors import Off2OnError, find, shown


def test_a_long_message_is_cut_in_the_middle() -> None:
    text = str(Off2OnError("start " + "x" * 10**6 + " end"))
    assert len(text) < 2_100
    assert text.startswith("start ")
    assert text.endswith(" end")
    assert "characters left out" in text


def test_control_characters_are_escaped() -> None:
    assert str(Off2OnError("a\x1b[31m\r\x00\u202e\ud800b\nc")) == r"a\x1b[31m\r\x00\u202e\ud800b" + "\nc"


def test_a_value_is_shown_short() -> None:
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown(list(range(10**5)))) < 180
    assert "too long to show" in shown(10**5000)


def test_a_close_name_is_offered() -> None:
    with pytest.raises(
        Off2OnError, match=r"unknown task 'hoper'; did you mean 'hopper'. known tasks: hopper, walker"
    ):
        find("task", "hoper", {"hopper": 1, "walker": 2})
