"""Adopting finished training that was copied from another machine.

Snakemake decides by times of change and by its records, and a copy has neither. What can be trusted without them
is what run.json says: the hashes of settings and code, and of the inputs. Training that is as this checkout would
do it is marked as up to date; tables and figures are made again, which takes seconds.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from off2on.algorithms import get_offline
from off2on.codehash import PLUMBING, code_hash
from off2on.config import REPOSITORY
from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.jobs import Job, parameters
from off2on.methods import get_method
from off2on.paths import OUTPUTS, Layout
from off2on.provenance import config_hash
from off2on.results.directory import validate
from off2on.scale import Scale
from off2on.scale_jobs import Pretraining, agents_of, finetune_job, pretrain_job, pretrainings, runs
from off2on.selection import Selection


def adopt(selection: Selection, config: Sequence[str]) -> None:
    """Mark the finished jobs of a selection in this directory as up to date; move the others out of the way.

    Snakemake would take what it has no records of for up to date where it starts from no file.

    Args:
        selection: which jobs.
        config: the words of `--config` that selected them, for Snakemake.

    Raises:
        Off2OnError: nothing can be adopted, or Snakemake could not mark it.
    """
    kept: list[Path] = []
    # all are checked before the first is moved
    for directory, reason in list(checked(selection.scale, selection.layout)):
        if reason:
            aside = _free(directory.with_name(f"refused-{directory.name}"))
            directory.rename(aside)
            _say(f"not adopted, moved to {aside}: {reason}")
        else:
            kept.append(directory)
    if not kept:
        raise Off2OnError(f"nothing to adopt in {selection.layout.results.absolute()}")
    _touch(selection, [directory / name for directory in kept for name in OUTPUTS], config)
    _say(f"{len(kept)} finished jobs adopted")


def _free(path: Path) -> Path:
    """The path, or the first with a number behind it that is not there yet."""
    paths = (path if k == 1 else path.with_name(f"{path.name}-{k}") for k in count(1))
    return next(free for free in paths if not free.exists())


def checked(scale: Scale, layout: Layout) -> Iterator[tuple[Path, str]]:
    """Every finished training directory, and why it cannot be adopted; empty: it can.

    Raises:
        Off2OnError: a file that training started from is not here.
    """
    wanted = runs(scale)
    trained = pretrainings(wanted)
    places = dict.fromkeys((run.task, run.dataset) for run in wanted if run.dataset != "none")
    refused = {
        layout.dataset(*place) for place in places if _other_dataset(scale, place[0], layout.dataset(*place))
    }
    # given agents are imported again, and compared as inputs of the runs
    for name in () if scale.pretrained else trained:
        start = get_offline(name.algorithm).start
        inputs = {"dataset": layout.dataset(name.task, name.dataset)}
        inputs |= {"agents": layout.pretrain(name.task, name.dataset, start, name.seed)} if start else {}
        yield from _check(layout.pretrain(*name), pretrain_job(scale, name), inputs, refused)
    # the best step is chosen over the seeds: one that is refused spoils what all of them start from
    spoilt = {name[:3] for name in trained if layout.pretrain(*name) in refused}
    starts = {name: agents_of(scale, layout, name) for name in trained if name[:3] in spoilt}
    refused |= {agents for name, agents in starts.items() if agents != layout.pretrain(*name)}
    for run in wanted:
        method = get_method(run.method)
        inputs = {"dataset": layout.dataset(run.task, run.dataset)} if method.data else {}
        if method.start:
            inputs["agents"] = agents_of(scale, layout, Pretraining(run.task, run.dataset, method.start, run.seed))
        yield from _check(layout.run(*run), finetune_job(scale, run), inputs, refused)


def _check(directory: Path, job: Job, inputs: dict[str, Path], refused: set[Path]) -> Iterator[tuple[Path, str]]:
    # without run.json it is unfinished: its checkpoint stays where it is
    if (directory / "run.json").is_file():
        reason = _reason(directory, job, inputs, refused)
        if reason:
            refused.add(directory)
        yield directory, reason


def _other_dataset(scale: Scale, task: str, path: Path) -> bool:
    """Whether a dataset was made here by other settings or code than this checkout's."""
    from off2on.data.hdf5 import opened, read_attributes

    if not scale.makes(task) or not path.is_file():
        return False
    with opened(path) as file:
        said = read_attributes(file)
    found = said.get("settings"), said.get("code_hash")
    module, settings = scale.recipe(task)
    return found != (settings.model_dump_json(), code_hash(module, without=PLUMBING))


def _reason(directory: Path, job: Job, inputs: dict[str, Path], refused: set[Path]) -> str:
    """Why finished training cannot be adopted; empty: it can."""
    try:
        info = validate(directory).info
    except Off2OnError as error:
        return str(error)
    if missing := [name for name in OUTPUTS if not (directory / name).is_file()]:
        return f"{missing[0]} is missing"
    now = {
        "config_hash": config_hash(parameters(job)),
        "code_hash": code_hash(*job.modules, without=PLUMBING),
    }
    for key, value in now.items():
        if info.get(key) != value:
            return f"run.json has {key} {info.get(key)}, this checkout {value}"
    for name, path in inputs.items():
        file = path / "agent.safetensors" if name == "agents" else path
        if path in refused:
            return f"it starts from {path}, which is not adopted"
        if not file.is_file():
            raise Off2OnError(
                f"{directory} starts from {file}, which is missing: copy it too. Nothing was changed"
            )
        if sha256(file) != info["parents"].get(name):
            return f"its {name} {file} has changed"
    return ""


def _touch(selection: Selection, files: Sequence[Path], config: Sequence[str]) -> None:
    words = [f"scale={selection.argument}", f"source={selection.scale.source}", *config]
    # which also removes the lock of a killed Snakemake, and refuses to work beside a live one
    command = [sys.executable, "-m", "off2on.reproduce", "-s", str(REPOSITORY / "Snakefile"), "--cores", "1"]
    done = subprocess.run(  # noqa: S603 - our own words
        [*command, "--touch", "--forceall", *map(str, files), "--config", *dict.fromkeys(words)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Off2OnError(f"Snakemake could not mark the files as up to date:\n{done.stdout}{done.stderr}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - for the person at the terminal
