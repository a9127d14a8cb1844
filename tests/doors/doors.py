"""What stands behind a door, what may come through it, and how the outcome is judged.

A door has a valid input, a way to spoil it, and commands that read it. Whatever comes, the outcome must be the
right result or one message with status 2: never a traceback, never a hang, never a wrong result with status 0.
"""

import contextlib
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from off2on.cli import main

#: what acceptance means: the result of the valid input; nothing at all; a result, whatever it is
SAME, REFUSE, ANY = "same", "refuse", "any"
#: outcomes
RIGHT, REFUSED, WRONG, TRACEBACK, HANG = "accepted right", "refused", "silently wrong", "traceback", "hang"
#: seconds that the commands of a door may take
PATIENCE = 20
#: characters of a message
LONGEST = 2_500

Spoil = Callable[[Path, Random], str]


class Door(NamedTuple):
    """One way in."""

    name: str
    #: makes the valid input in an empty directory
    prepare: Callable[[Path], None]
    #: spoils it there, and says what acceptance would mean
    spoil: Spoil
    #: commands, one after another, that run in that directory; each must be accepted for the next to run
    commands: tuple[tuple[str, ...], ...]
    #: what the commands give; compared with that of the valid input
    result: Callable[[Path, str], Any]


class Outcome(NamedTuple):
    """What happened, and what was said."""

    kind: str
    said: str


class Hang(BaseException):
    """The commands took longer than `PATIENCE`."""


def knock(door: Door, valid: Path, expected: Any, scratch: Path, seed: int) -> Outcome:
    """Spoil a copy of the valid input and run the commands on it."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(valid, scratch, symlinks=True)
    meaning = door.spoil(scratch, Random(seed))
    try:
        with _alarm(PATIENCE):
            status, said = run(door, scratch)
    except Hang:
        return Outcome(HANG, "")
    except Exception as error:
        return Outcome(TRACEBACK, f"{type(error).__name__}: {error}"[:300])
    if status:
        one = status == 2 and said.count("off2on: error:") == 1 and "Traceback" not in said and len(said) < LONGEST
        return Outcome(REFUSED if one else TRACEBACK, said[-LONGEST:])
    right = meaning == ANY or (meaning == SAME and door.result(scratch, said) == expected)
    return Outcome(RIGHT if right else WRONG, said[-LONGEST:])


def expectation(door: Door, valid: Path, scratch: Path) -> Any:
    """Prepare the door, and the result of its valid input."""
    valid.mkdir(parents=True)
    with _inside(valid):
        door.prepare(valid)
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(valid, scratch, symlinks=True)
    status, said = run(door, scratch)
    assert status == 0, f"{door.name}: the valid input is refused: {said}"
    return door.result(scratch, said)


def run(door: Door, directory: Path) -> tuple[int, str]:
    """The status of the last command that ran, and what it printed."""
    status, said = 0, ""
    for words in door.commands:
        status, said = off2on(directory, *words)
        if status:
            break
    return status, said


def off2on(directory: Path, *words: str) -> tuple[int, str]:
    """A command line in a directory, inside this process."""
    said, before = io.StringIO(), sys.argv
    sys.argv = ["off2on", *words]
    try:
        with _inside(directory), contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            main()
    except SystemExit as stopped:
        status = stopped.code
        return (status if isinstance(status, int) else 1 if status else 0), said.getvalue()
    finally:
        sys.argv = before
    return 0, said.getvalue()


@contextlib.contextmanager
def _inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# ------------------------------------------------------------------------------------------------- spoiling bytes


def spoil_bytes(content: bytes, random: Random) -> bytes:
    """Other bytes: a flipped bit, a cut, a hole, noise, a repetition, nothing."""
    if not content:
        return b"\x00"
    start = random.randrange(len(content))
    length = random.choice([1, 2, 8, 64, 512])
    noise = bytes(random.randrange(256) for _ in range(length))
    kind = random.randrange(8)
    if kind <= 2:
        bit = 1 << random.randrange(8)
        return content[:start] + bytes([content[start] ^ bit]) + content[start + 1 :]
    return {
        3: content[:start],
        4: content[:start] + content[start + length :],
        5: content[:start] + noise + content[start + length :],
        6: content[:start] + content[start : start + length] * 2 + content[start + length :],
        7: random.choice([b"", noise, content + noise, bytes(len(content)), b"\xff\xfe" + content]),
    }[kind]


def in_bytes(*names: str, meaning: str = SAME) -> Spoil:
    """A spoil that changes the bytes of one of these files."""

    def spoil(directory: Path, random: Random) -> str:
        path = directory / random.choice(names)
        before = path.read_bytes()
        after = spoil_bytes(before, random)
        path.write_bytes(after)
        return SAME if after == before else meaning

    return spoil


def one_of(*spoils: Spoil) -> Spoil:
    """A spoil that is one of several, each as likely."""
    return lambda directory, random: random.choice(spoils)(directory, random)
