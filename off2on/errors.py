"""The one exception a user is meant to read."""

from collections.abc import Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


class Off2OnError(Exception):
    """A problem the user can fix: the message names the file, the key, the value and the fix.

    The command line prints the message alone, without a traceback, and exits with status 2.
    """


def find(kind: str, name: str, entries: Mapping[str, Entry]) -> Entry:
    """The entry of that name.

    Raises:
        Off2OnError: there is none; the message lists those that there are.
    """
    if name not in entries:
        raise Off2OnError(f"unknown {kind} '{name}'; known {kind}s: {', '.join(entries)}")
    return entries[name]
