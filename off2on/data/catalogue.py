"""D4RL's published files: where each lies on its server, its size, its checksum [S111, S131]. Loads no numpy."""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from off2on.errors import Off2OnError

FILE = Path(__file__).with_name("d4rl_files.tsv")
#: D4RL's server; a mirror has the same paths below another address
SERVER = "http://rail.eecs.berkeley.edu/datasets/offline_rl/"


@dataclass(frozen=True)
class Published:
    """One file of D4RL, as it was published."""

    source: str
    task: str
    dataset: str
    #: below the server's address
    path: str
    #: in bytes
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """What D4RL calls it in its directory of datasets."""
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.source}'s {self.task}/{self.dataset}"


@cache
def catalogue() -> dict[tuple[str, str, str], Published]:
    """All files, by source, task and dataset."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    entries = (
        Published(r["source"], r["task"], r["dataset"], r["path"], int(r["bytes"]), r["sha256"]) for r in rows
    )
    return {(entry.source, entry.task, entry.dataset): entry for entry in entries}


def published(source: str, task: str, dataset: str) -> Published:
    """The file of a dataset.

    Raises:
        Off2OnError: D4RL published none.
    """
    found = catalogue().get((source, task, dataset))
    if found is None:
        known = ", ".join(f"{t}/{d}" for s, t, d in catalogue() if s == source)
        raise Off2OnError(f"{source} has no file of {task}/{dataset}; it has: {known}")
    return found


def said_of_origin(source: str, task: str, dataset: str, checksums: Collection[str | None]) -> str:
    """The source, and where D4RL published a file of this name, whether all these checksums are that file's."""
    entry = catalogue().get((source, task, dataset))
    if entry is None:
        return source
    return f"{source}, as published" if set(checksums) == {entry.sha256} else f"{source}, not the published file"
