"""Which jobs may stand in one table: those that are what their names say, each once."""

from collections.abc import Iterable
from typing import Any

from off2on.errors import Off2OnError, shown
from off2on.results import NAMES
from off2on.results.directory import Run

#: what the seeds of a method must share; None says nothing
_SHARED = ("members", "config_hash", "dataset_sha256")
_ONE_TABLE = "one table holds one scale and one source"
_SEEDS = "seeds that differ in more than their seed are not averaged"


def check_together(jobs: Iterable[Run], place: tuple[str, str] | None = None) -> None:
    """Seeds are averaged, so they may differ in their seed alone.

    Args:
        jobs: of the table.
        place: its scale and source; None: those of the first job.

    Raises:
        Off2OnError: a job is there twice, or two differ in scale, source, members, settings or dataset; the
            message names both files.
    """
    seen: dict[tuple[Any, ...], Run] = {}
    #: the first job that says something, by what it says
    said: dict[tuple[Any, ...], Run] = {}
    for job in jobs:
        for key, wanted in zip(("scale", "source"), place or (), strict=False):
            if job.info[key] != wanted:
                raise Off2OnError(
                    f"{job.path / 'run.json'}: {key} is {shown(job.info[key])}, the table's is {shown(wanted)}; "
                    f"give --{key} {job.info[key]}"
                )
        for key in ("scale", "source"):
            _same(said.setdefault((key,), job), job, key, _ONE_TABLE)
        name = (job.info["kind"], job.info["task"], job.info["dataset"], job.name)
        before = seen.setdefault((*name, job.info["seed"]), job)
        if before is not job:
            raise Off2OnError(f"the same job twice: {before.path} and {job.path}; name one of them")
        for key in _SHARED:
            if job.info[key] is not None:
                _same(said.setdefault((key, *name), job), job, key, _SEEDS)
        other = said.setdefault(("settings", *name), job)
        if None in {job.info["config_hash"], other.info["config_hash"]} and not _equal_settings(job, other):
            _differ(other, job, "settings", _SEEDS)


def mixed_code(jobs: Iterable[dict[str, Any]]) -> list[str]:
    """Jobs whose seeds were made by different code of this project, for the report."""
    codes: dict[str, set[str | None]] = {}
    for info in jobs:
        if "code_hash" in info:
            # some methods are called like the algorithm that trains them offline
            name = f"{info['kind']} {info[NAMES[info['kind']]]} on {info['task']}/{info['dataset']}"
            codes.setdefault(name, set()).add(info["code_hash"])
    return [name for name, found in codes.items() if len(found) > 1 or None in found]


def _same(before: Run, job: Run, key: str, why: str) -> None:
    if before.info[key] != job.info[key]:
        _differ(before, job, key, why)


def _differ(before: Run, job: Run, key: str, why: str) -> None:
    raise Off2OnError(
        f"{before.path / 'run.json'} has {key} {shown(before.info[key])}, {job.path / 'run.json'} has "
        f"{shown(job.info[key])}: {why}. Leave one out, or run it again"
    )


def _equal_settings(job: Run, other: Run) -> bool:
    return bool(_but_seeds(job.info["settings"]) == _but_seeds(other.info["settings"]))


def _but_seeds(value: Any) -> Any:
    """What a stranger's run says of its settings, but for seeds among them."""
    if isinstance(value, dict):
        return {key: _but_seeds(inner) for key, inner in value.items() if "seed" not in key.lower()}
    return [_but_seeds(inner) for inner in value] if isinstance(value, list) else value
