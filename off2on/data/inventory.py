"""Datasets as they are known while the DAG is planned: which files are there, are fetched, or are missing."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from off2on.data.catalogue import catalogue
from off2on.data.checksums import recalled_sha256
from off2on.data.fetch import DIRECTORY, d4rl_directory, find
from off2on.data.sources import SourceSpec
from off2on.errors import Off2OnError
from off2on.paths import Layout

Place = tuple[str, str]


@dataclass(frozen=True)
class Inventory:
    """The datasets of a source, by task and dataset."""

    #: sha256 of every file that is not made here, whether it is in its place or will be
    checksums: dict[Place, str]
    #: not in their place yet, and how they get there
    missing: tuple[Place, ...]
    #: what a person should know
    notes: tuple[str, ...]


def take_inventory(
    source: SourceSpec, layout: Layout, places: Iterable[Place], needed: Collection[Place], scale: str
) -> Inventory:
    """Look for the datasets that a DAG may read.

    Args:
        source: where they come from.
        layout: where they belong.
        places: all of them, by task and dataset; a baseline may read those that are not needed.
        needed: those without which nothing can start.
        scale: its name, or the path of its file, for the command that brings a missing one.

    Raises:
        Off2OnError: one is neither there nor can be fetched, or a file that would be taken for it is another one.
    """
    if source.made_here:
        return Inventory({}, (), ())
    checksums, missing, notes = {}, [], []
    download = 0
    for task, dataset in places:
        place, entry = layout.dataset(task, dataset), catalogue().get((source.name, task, dataset))
        if place.is_file():
            checksums[task, dataset] = recalled_sha256(place)
            if entry and checksums[task, dataset] != entry.sha256:
                notes.append(f"{place} is not {entry} as published")
        elif entry:
            checksums[task, dataset] = entry.sha256
            missing.append((task, dataset))
            download += 0 if find(entry, d4rl_directory()) else entry.size
        elif (task, dataset) in needed:
            raise Off2OnError(
                f"source {source.name}: {place} is missing; put it there with `off2on {source.command} FILE "
                f"--scale {scale} --source {source.name} --task {task} --dataset {dataset}` "
                "(docs/datasets.md)"
            )
    if download:
        where = f"{d4rl_directory()}; set {DIRECTORY} if D4RL's files lie elsewhere"
        notes.append(f"{download / 1e6:,.0f} MB are downloaded to {where}")
    return Inventory(checksums, tuple(missing), tuple(notes))
