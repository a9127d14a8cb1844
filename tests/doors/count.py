"""Counts the outcomes of many bad inputs, for docs/reliability.md: `python -m tests.doors.count --inputs 120`."""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from tests.doors import jobs, others, results
from tests.doors.doors import (
    HANG,
    REFUSED,
    RIGHT,
    TRACEBACK,
    WRONG,
    Door,
    Outcome,
    expectation,
    knock,
    off2on,
)

OUTCOMES = (RIGHT, REFUSED, WRONG, TRACEBACK, HANG)


def main() -> None:
    """Print a row of counts for every door, and what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=120, help="bad inputs of every door")
    wanted = parser.parse_args().inputs
    print("| door | inputs |", " | ".join(OUTCOMES), "|")
    print("|---|---|" + "---|" * len(OUTCOMES))
    for door in (*jobs.DOORS, *others.DOORS, *results.DOORS):
        with tempfile.TemporaryDirectory() as directory:
            _row(door.name, _outcomes(door, Path(directory), wanted))
    with tempfile.TemporaryDirectory() as directory:
        _row("names", _names(Path(directory), wanted))


def _outcomes(door: Door, directory: Path, wanted: int) -> list[Outcome]:
    valid, scratch = directory / "valid", directory / "scratch"
    expected = expectation(door, valid, scratch)
    return [knock(door, valid, expected, scratch, seed) for seed in range(wanted)]


def _names(directory: Path, wanted: int) -> list[Outcome]:
    jobs.DOORS[0].prepare(directory)
    found = []
    for seed in range(wanted):
        words = jobs.named_line(Random(seed))
        try:
            status, said = off2on(directory, *words)
            kind = REFUSED if status == 2 and "Traceback" not in said else TRACEBACK if status else WRONG
            found.append(Outcome(kind, f"{words} {said}"))
        except Exception as error:
            found.append(Outcome(TRACEBACK, f"{words} {type(error).__name__}: {error}"))
    return found


def _row(name: str, outcomes: list[Outcome]) -> None:
    counts = Counter(outcome.kind for outcome in outcomes)
    print(f"| {name} | {len(outcomes)} |", " | ".join(str(counts[kind]) for kind in OUTCOMES), "|", flush=True)
    for seed, outcome in enumerate(outcomes):
        if outcome.kind in {WRONG, TRACEBACK, HANG}:
            print(f"{name} {seed}: {outcome.kind}: {outcome.said[-300:]}", file=sys.stderr)


if __name__ == "__main__":
    main()
