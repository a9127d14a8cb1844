"""The jobs that bring datasets of others into their place."""

import json
from pathlib import Path
from typing import Annotated

import typer

from off2on.cli.options import (
    Data,
    DatasetName,
    Out,
    ScaleName,
    Seed,
    SourceName,
    TaskName,
    check_ending,
    check_names,
    job,
    load,
    one_thread,
    say,
)
from off2on.data.sources import get_source
from off2on.errors import Off2OnError, find


@job("fetch")
def fetch(
    task: Annotated[str | None, typer.Option("--task", help="default: all tasks of the scale")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="default: all datasets of the scale")] = None,
    scale: ScaleName = "paper",
    source: SourceName = None,
    given: Annotated[
        Path | None,
        typer.Option("--from", help="D4RL's file, or a directory that is searched before anything is downloaded"),
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
    from off2on.scale_jobs import foreign_datasets
    from off2on.training.progress import progress_bar

    loaded, layout = load(scale, source)
    if get_source(loaded.source).command != "fetch":
        raise Off2OnError(f"source '{loaded.source}' has nothing to fetch; try --source d4rl-v0")
    pairs = [(task, dataset)] if task and dataset else foreign_datasets(loaded)
    wanted = [(t, d) for t, d in pairs if task in {None, t} and dataset in {None, d}]
    if not wanted:
        raise Off2OnError(f"scale {loaded.name} reads no dataset of {task or dataset}; name --task and --dataset")
    if given is not None and not given.is_dir() and len(wanted) > 1:
        raise Off2OnError(f"--from {given} is one file for {len(wanted)} datasets; name --task and --dataset")
    for entry in [published(loaded.source, *pair) for pair in wanted]:
        place = layout.dataset(entry.task, entry.dataset)
        say(f"{entry}: {place}, from {run(entry, place, given, mirror, progress_bar)}")


@job("import-data")
def import_data(
    what: Annotated[
        str,
        typer.Argument(help="HDF5 file in D4RL's layout, or id or directory of a Minari dataset on this machine"),
    ],
    task: TaskName,
    dataset: DatasetName,
    scale: ScaleName = "quick",
    source: SourceName = "own",
    out: Out = None,
) -> None:
    """Copy a dataset of your own to its place, checked as training will check it."""
    from off2on.data.import_data import import_dataset
    from off2on.envs.tasks import get_task

    loaded, layout = load(scale, source)
    if get_source(loaded.source).command != "import-data":
        raise Off2OnError(f"source '{loaded.source}' is not for data of your own; use --source own or minari")
    check_names(task, dataset)
    place = check_ending(out or layout.dataset(task, dataset), ".hdf5")
    found = import_dataset(
        what, place, get_task(task), {"source": loaded.source, "task": task, "dataset": dataset}
    )
    mean = found.mean_episode_return()
    say(f"dataset: {place}, {len(found)} rows, mean episode return {'unknown' if mean is None else f'{mean:.1f}'}")


@job("export-minari")
def export_minari(
    task: TaskName,
    dataset: DatasetName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    data: Data = None,
    name: Annotated[
        str | None, typer.Option("--id", help="Minari's id; default: off2on/<task>/<dataset>-v0")
    ] = None,
) -> None:
    """Write a dataset into Minari's directory (MINARI_DATASETS_PATH)."""
    from off2on.data.dataset import read_dataset
    from off2on.data.minari_format import to_minari
    from off2on.envs.tasks import get_task

    _, layout = load(scale, source)
    check_names(task, dataset)
    played = get_task(task)
    found = read_dataset(data or layout.dataset(task, dataset), played, {"task": task, "dataset": dataset})
    name = name or f"off2on/{task}/{dataset}-v0"
    to_minari(found, name, played.env_id)
    say(f"minari: {name}")


@job("check-physics")
def check_physics(
    task: TaskName,
    dataset: Annotated[str, typer.Option("--dataset", help="medium or expert carry the policy that made them")],
    scale: ScaleName = "paper",
    source: SourceName = "d4rl-v2",
    data: Data = None,
    episodes: Annotated[int, typer.Option(min=1, max=10_000, help="of the policy that made the data")] = 20,
    steps: Annotated[int, typer.Option(min=1, max=1_000_000, help="stored states to step from")] = 5_000,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Measure whether D4RL's v2 data and today's MuJoCo agree: the return of their policy, and one-step errors."""
    from off2on.data.catalogue import catalogue
    from off2on.envs.tasks import get_task
    from off2on.files import write_text
    from off2on.training.physics import PhysicsJob, lines
    from off2on.training.physics import check_physics as run

    loaded, layout = load(scale, source)
    find("dataset", dataset, dict.fromkeys(name for _, _, name in catalogue()))
    job = PhysicsJob(loaded.source, get_task(task), dataset, episodes, steps, seed)
    path = check_ending(out or layout.physics(task, dataset), ".json")
    one_thread()
    found = run(job, data or layout.dataset(task, dataset))
    write_text(path, json.dumps(found, indent=1) + "\n")
    for line in lines(found):
        typer.echo(line)
    say(f"physics: {path}")
