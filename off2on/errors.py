"""The one exception a user is meant to read."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

Entry = TypeVar("Entry")

#: characters of a message, and of one value in it, that are shown
_LONGEST, _VALUE = 2_000, 120


class Off2OnError(Exception):
    """A problem the user can fix: the message names the file, the key, the value and the fix.

    The command line prints the message alone, without a traceback, and exits with status 2. Text from outside
    cannot flood or control the terminal: long messages are cut in the middle, control characters are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_cut(_printable(message), _LONGEST))


def shown(value: Any) -> str:
    """A value from outside as a message has it: its repr, cut."""
    try:
        return _cut(repr(value), _VALUE)
    except (ValueError, RecursionError):
        return f"<{type(value).__name__} too long to show>"


def find(kind: str, name: str, entries: Mapping[str, Entry]) -> Entry:
    """The entry of that name.

    Raises:
        Off2OnError: there is none; the message lists those that there are.
    """
    if name not in entries:
        close = get_close_matches(name, entries, n=1)
        meant = f"did you mean '{close[0]}'? " if close else ""
        raise Off2OnError(f"unknown {kind} {shown(name)}; {meant}known {kind}s: {', '.join(entries)}")
    return entries[name]


def hint(value: str, allowed: Iterable[str]) -> str:
    """'; did you mean 'ours'? it may be: ...' of a name that is none of those allowed."""
    known = list(allowed)
    close = get_close_matches(value, known, n=1)
    meant = f" did you mean '{close[0]}'?" if close else ""
    return f";{meant} it may be: {', '.join(known)}"


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head, tail = longest * 3 // 4, longest // 4
    return f"{text[:head]} [{len(text) - head - tail} characters left out] {text[-tail:]}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
