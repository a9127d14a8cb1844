"""Patterns on task/dataset/method that fit nothing are mistakes: those of a scale's file and of baselines.

Read while the DAG is planned: imports neither torch nor Gymnasium.
"""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from fnmatch import fnmatch
from typing import Any

from off2on.envs.tasks import TASKS, pairs
from off2on.errors import Off2OnError, hint, shown
from off2on.scale import Scale


def check_patterns(scale: Scale, file: object, methods: Collection[str] | None = None) -> None:
    """Every pattern of a scale must fit something that exists, whatever the scale selects of it.

    Args:
        scale: what the file says, without the changes of `--config`.
        file: named by the messages.
        methods: names of all methods, with those of baselines; None: any, as the baselines' files are not read.

    Raises:
        Off2OnError: names the first pattern that fits nothing.
    """
    for method, patterns in scale.methods.items():
        _check_datasets(f"{file}: methods.{method}", patterns)
    _check_datasets(f"{file}: likelihood.datasets", scale.likelihood.datasets)
    for pattern in scale.overrides:
        slashes = pattern.count("/")
        places = [f"{task}/{dataset}" for task, dataset in pairs()] + [f"{task}/none" for task in TASKS]
        last = [pattern.split("/")[-1]] if methods is None else methods
        names = {1: places, 2: [f"{place}/{method}" for place in places for method in last]}.get(slashes, [])
        _check_fit(f"{file}: overrides.'{pattern}'", pattern, names, "task/dataset or task/dataset/method")


def check_baseline(name: Any, patterns: Any, taken: Collection[str], figures: Any, known: Collection[str]) -> None:
    """A baseline's name is part of paths; its patterns on task/dataset must fit something, its figures exist.

    Raises:
        Off2OnError: what `register_baseline` was called with is wrong.
    """
    where = f"register_baseline: {shown(name)}"
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise Off2OnError(
            f"{where} is not a valid name of a method; use a-z, 0-9 and hyphens, such as 'random-policy'"
        )
    if name in taken:
        raise Off2OnError(f"{where}: the method exists already; choose another name")
    for what, value in (("datasets", patterns), ("figures", figures)):
        if not isinstance(value, list | tuple | set) or not all(isinstance(one, str) for one in value):
            such = [value] if isinstance(value, str) else ["*/medium" if what == "datasets" else "fig_3"]
            raise Off2OnError(f"{where}: {what}={shown(value)}: expected a list of names, such as {such}")
    for figure in figures:
        if figure not in known:
            raise Off2OnError(f"{where}: figures: unknown '{figure}'{hint(figure, known)}")
    _check_datasets(where, patterns)


def _check_datasets(where: str, patterns: Iterable[str]) -> None:
    names = ["none", *(f"{task}/none" for task in TASKS), *(f"{task}/{dataset}" for task, dataset in pairs())]
    for pattern in patterns:
        _check_fit(f"{where}: '{pattern}'", pattern, names, "task/dataset")


def _check_fit(where: str, pattern: str, names: Collection[str], form: str) -> None:
    if any(fnmatch(name, pattern) for name in names):
        return
    known = [set(parts) for parts in zip(*(name.split("/") for name in names if "/" in name), strict=True)]
    closest = "/".join(_closest(part, words) for part, words in zip(pattern.split("/"), known, strict=False))
    meant = any(fnmatch(name, closest) for name in names)
    hint = f"did you mean '{closest}'?" if meant else "write it like '*/medium' or 'hopper/*'"
    raise Off2OnError(f"{where} fits no {form}; {hint}")


def _closest(part: str, words: Collection[str]) -> str:
    """A part of a pattern, or the word that it should have been."""
    if any(fnmatch(word, part) for word in words):
        return part
    return next(iter(get_close_matches(part, sorted(words), n=1)), part)
