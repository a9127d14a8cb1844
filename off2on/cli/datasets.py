"""The jobs that bring datasets of others into their place."""

from pathlib import Path
from typing import Annotated

import typer

from off2on.cli.options import ScaleName, SourceName, job, load, say
from off2on.data.sources import get_source
from off2on.errors import Off2OnError


@job("fetch")
def fetch(
    task: Annotated[str | None, typer.Option("--task", help="default: all tasks of the scale")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="default: all datasets of the scale")] = None,
    scale: ScaleName = "paper",
    source: SourceName = None,
    given: Annotated[
        Path | None,
        typer.Option("--from", help="D4RL's file, or a directory with its files: nothing is downloaded"),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(envvar="OFF2ON_D4RL_MIRROR", help="another address with D4RL's directories below it"),
    ] = None,
) -> None:
    """Put D4RL's files in place, checked: from where D4RL keeps them (D4RL_DATASET_DIR), or from its server.

    A download that breaks off goes on where it stopped, at once or when the command is run again.
    """
    from off2on.data.catalogue import published
    from off2on.data.fetch import fetch as run
    from off2on.selection import datasets
    from off2on.training.progress import progress_bar

    loaded, layout = load(scale, source)
    if get_source(loaded.source).command != "fetch":
        raise Off2OnError(f"source '{loaded.source}' has nothing to fetch; try --source d4rl-v0")
    pairs = [(task, dataset)] if task and dataset else datasets(loaded)
    wanted = [(t, d) for t, d in pairs if task in {None, t} and dataset in {None, d}]
    if not wanted:
        raise Off2OnError(f"scale {loaded.name} reads no dataset of {task or dataset}; name --task and --dataset")
    if given is not None and not given.is_dir() and len(wanted) > 1:
        raise Off2OnError(f"--from {given} is one file for {len(wanted)} datasets; name --task and --dataset")
    for entry in [published(loaded.source, *pair) for pair in wanted]:
        place = layout.dataset(entry.task, entry.dataset)
        say(f"{entry}: {place}, from {run(entry, place, given, mirror, progress_bar)}")
