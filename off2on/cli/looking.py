"""The commands that only look: at results side by side, at one run, at a running workflow, at what there is."""

import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from off2on.cli.options import Config, ScaleName, SourceName, check_ending, job, say, selected
from off2on.config import REPOSITORY
from off2on.errors import Off2OnError, find
from off2on.paths import Layout
from off2on.scale import load_scale, reading_of, scale_path

if TYPE_CHECKING:
    from off2on.figures.comparison import Named

_RESULTS = "a directory of tables, a scale (quick, or quick/d4rl-v2), or REV:DIR of git"


@job("compare")
def compare(
    first: Annotated[str, typer.Argument(help=_RESULTS)],
    second: Annotated[str, typer.Argument(help="the same")],
    html: Annotated[Path | None, typer.Option("--html", help="write a page, too")] = None,
) -> None:
    """Compare two sets of results: final score and area paired by seed, and settings that differ."""
    from off2on.figures.comparison import comparison_page, comparison_sheets, lines
    from off2on.files import write_text

    with _tables(first) as one, _tables(second) as two:
        sheets = comparison_sheets(one, two)
        for sheet in sheets:
            typer.echo("\n".join([*lines(sheet), ""]))
        if html is not None:
            write_text(check_ending(html, ".html", "--html"), comparison_page(one, two, sheets))
            say(f"page: {html}")


@contextmanager
def _tables(name: str) -> Iterator["Named"]:
    """The tables of what `compare` is given."""
    from off2on.analysis.tables import read_tables
    from off2on.figures.comparison import Named

    if ":" in name and not Path(name).is_dir():
        with tempfile.TemporaryDirectory() as directory:
            yield Named(name, read_tables(_of_git(name, Path(directory))))
        return
    path = Path(name)
    if not path.is_dir():
        scale, _, source = name.partition("/")
        path = Layout(scale, source or load_scale(scale).source).results
    if not path.is_dir():
        raise Off2OnError(f"{name}: no results at {path}; expected {_RESULTS}")
    yield Named(name, read_tables(path / "analysis" if (path / "analysis").is_dir() else path))


def _of_git(name: str, directory: Path) -> Path:
    """The directory `REV:DIR`, unpacked."""
    revision, _, path = name.partition(":")
    command = ["git", "archive", "--format=tar", revision, "--", path]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode or not path:
        raise Off2OnError(f"{name}: git has no such directory ({done.stderr.decode(errors='replace').strip()})")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return directory / path


@job("show")
def show(directory: Annotated[Path, typer.Argument(help="a run or pre-training directory")]) -> None:
    """Show one finished job: its evaluations, settings, origin and machine."""
    from off2on.results.directory import read_run
    from off2on.results.show import show as lines

    for line in lines(read_run(directory)):
        typer.echo(line)


@job("validate")
def validate(
    directories: Annotated[list[Path], typer.Argument(help="run or pre-training directories, or trees of them")],
) -> None:
    """Check directories of results against docs/results-format.md; all that are wrong are named."""
    from off2on.results.directory import validate as check

    complaints = []
    found = [run for directory in directories for run in _runs_below(directory)]
    for run in found:
        try:
            check(run)
            typer.echo(f"{run}: valid")
        except Off2OnError as error:
            complaints.append(error)
            if len(found) > 1:
                say(f"off2on: error: {error}")
    if complaints and len(found) == 1:
        raise complaints[0]
    if complaints:
        raise Off2OnError(f"{len(complaints)} of {len(found)} directories are wrong")


def _runs_below(directory: Path) -> list[Path]:
    """The directory, or those of a tree that hold a job."""
    if (directory / "run.json").is_file() or not directory.is_dir():
        return [directory]
    files = sorted({*directory.rglob("run.json"), *directory.rglob("progress.csv")})
    return list(dict.fromkeys(path.parent for path in files)) or [directory]


@job("status")
def status(scale: ScaleName = "quick", source: SourceName = None, config: Config = None) -> None:
    """Say how far the workflow of a scale is: done, running with the time left, waiting, failed."""
    from off2on.status import status as lines

    chosen = selected(scale, source, config)
    for line in lines(chosen.scale, chosen.layout):
        typer.echo(line)


def _methods() -> Mapping[str, str]:
    from off2on.methods import METHODS

    return {name: method.description for name, method in METHODS.items()}


def _tasks() -> Mapping[str, str]:
    from off2on.envs.tasks import TASKS

    return {name: task.env_id for name, task in TASKS.items()}


def _figures() -> Mapping[str, str]:
    from off2on.figures.registry import FIGURES

    return {name: spec.title for name, spec in FIGURES.items()}


def _scales() -> Mapping[str, str]:
    names = sorted(path.stem for path in scale_path("quick").parent.glob("*.yaml"))
    return {name: f"{load_scale(name).wall_time}. {reading_of(name).shows}" for name in names}


def _claims() -> Mapping[str, str]:
    from off2on.analysis.claims_file import read_claims
    from off2on.analysis.evidence import CLAIMS

    return {claim.id: claim.statement for claim in read_claims(CLAIMS)}


_LISTS: dict[str, Callable[[], Mapping[str, str]]] = {
    "methods": _methods,
    "tasks": _tasks,
    "figures": _figures,
    "scales": _scales,
    "claims": _claims,
}


@job("list")
def list_names(what: Annotated[str, typer.Argument(help=", ".join(_LISTS))]) -> None:
    """List what there is, with a line about each."""
    entries = find("list", what, _LISTS)()
    width = max(map(len, entries))
    for name, words in entries.items():
        typer.echo(f"{name:{width}}  {words}")
