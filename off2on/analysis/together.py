"""Which jobs may stand in one table: those that are what their names say, each once."""

from collections.abc import Iterable, Sequence
from typing import Any

from off2on.errors import Off2OnError, shown
from off2on.results.directory import Run

#: what the seeds of a method must share; None says nothing
_SHARED = ("members", "config_hash", "dataset_sha256")


def check_together(jobs: Iterable[Run]) -> None:
    """Seeds are averaged, so they may differ in their seed alone.

    Raises:
        Off2OnError: a job is there twice, or two differ in scale, source, members, settings or dataset; the
            message names both files.
    """
    first: Run | None = None
    seen: dict[tuple[Any, ...], Run] = {}
    groups: dict[tuple[Any, ...], Run] = {}
    for job in jobs:
        first = first or job
        for key in ("scale", "source"):
            _same(first, job, key, "one table holds one scale and one source")
        name = (job.info["kind"], job.info["task"], job.info["dataset"], job.name)
        before = seen.setdefault((*name, job.info["seed"]), job)
        if before is not job:
            raise Off2OnError(f"the same job twice: {before.path} and {job.path}; name one of them")
        other = groups.setdefault(name, job)
        for key in _SHARED:
            _same(other, job, key, "seeds that differ in more than their seed are not averaged")
        if job.info["config_hash"] is None and _settings(job) != _settings(other):
            _differ(other, job, "settings", "seeds that differ in more than their seed are not averaged")


def mixed_code(jobs: Iterable[dict[str, Any]]) -> list[str]:
    """Methods on datasets whose seeds were made by different code of this project, for the report."""
    codes: dict[str, set[str | None]] = {}
    for info in jobs:
        if "code_hash" in info:
            name = info.get("method") or info.get("algorithm")
            codes.setdefault(f"{name} on {info['task']}/{info['dataset']}", set()).add(info["code_hash"])
    return [name for name, found in codes.items() if len(found) > 1 or None in found]


def _same(before: Run, job: Run, key: str, why: str) -> None:
    values = before.info[key], job.info[key]
    if None not in values and values[0] != values[1]:
        _differ(before, job, key, why)


def _differ(before: Run, job: Run, key: str, why: str) -> None:
    raise Off2OnError(
        f"{before.path / 'run.json'} has {key} {shown(before.info[key])}, {job.path / 'run.json'} has "
        f"{shown(job.info[key])}: {why}. Leave one out, or run it again"
    )


def _settings(job: Run) -> Sequence[Any]:
    """What a stranger's run says of its settings, but for a seed among them."""
    return sorted((key, str(value)) for key, value in job.info["settings"].items() if "seed" not in key.lower())
