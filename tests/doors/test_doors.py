"""Whatever comes through a door: the right result, or one message. More of it with OFF2ON_TEST_LONG=1."""

import os
from pathlib import Path
from random import Random

import pytest

from tests.doors import jobs, others, results
from tests.doors.doors import REFUSED, RIGHT, Door, expectation, knock, off2on

DOORS = {door.name: door for door in (*jobs.DOORS, *others.DOORS, *results.DOORS)}
LONG = bool(os.environ.get("OFF2ON_TEST_LONG"))
#: spoiled inputs of a door, in batches that run in parallel
BATCHES, SIZE = (20, 20) if LONG else (2, 8)


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("name", DOORS)
def test_bad_input_is_refused_in_one_message_or_changes_nothing(name: str, batch: int, tmp_path: Path) -> None:
    door: Door = DOORS[name]
    valid, scratch = tmp_path / "valid", tmp_path / "scratch"
    expected = expectation(door, valid, scratch)
    for seed in range(batch * SIZE, (batch + 1) * SIZE):
        outcome = knock(door, valid, expected, scratch, seed)
        assert outcome.kind in {RIGHT, REFUSED}, f"{name}, seed {seed}: {outcome.kind}\n{outcome.said}"


@pytest.mark.parametrize("seed", range(200 if LONG else 40))
def test_a_word_that_names_nothing_is_refused(seed: int, tmp_path: Path) -> None:
    jobs.DOORS[0].prepare(tmp_path)
    words = jobs.named_line(Random(seed))
    before = {path.name for path in tmp_path.parent.iterdir()}
    status, said = off2on(tmp_path, *words)
    assert status == 2, (words, said)
    assert "Traceback" not in said
    assert len(said) < 2_500
    assert {path.name for path in tmp_path.iterdir()} <= {"micro.yaml", "data.hdf5"}, words
    assert {path.name for path in tmp_path.parent.iterdir()} == before
