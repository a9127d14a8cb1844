"""What `off2on likelihood` wrote, read and checked: a CSV of pairs, and beside it a JSON that says of what."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from off2on.analysis.csv_tables import read_csv
from off2on.analysis.tables import LIKELIHOOD_COLUMNS
from off2on.errors import Off2OnError, shown
from off2on.results.run_json import parse_json

_COMMAND = "off2on likelihood"
_SPLITS = {"offline", "online"}


def read_likelihoods(paths: Iterable[Path], place: tuple[str, str] | None = None) -> pd.DataFrame:
    """The log-likelihoods of all jobs below one another, columns `LIKELIHOOD_COLUMNS`.

    Args:
        paths: the CSV files.
        place: scale and source that they must be of; None: any.

    Raises:
        Off2OnError: a file is not what the command writes, a job is there twice, or two do not belong together.
    """
    parts, seen, first = [], dict[tuple[Any, ...], Path](), dict[str, Path]()
    for path in sorted(paths):
        head = _head(path, place)
        name = tuple(head[key] for key in LIKELIHOOD_COLUMNS[:3])
        if (other := seen.setdefault(name, path)) is not path:
            raise Off2OnError(f"the same likelihood twice: {other} and {path}; name one of them")
        samples = str(head["importance_samples"])
        if (other := next(iter(first.values()), path)) is not first.setdefault(samples, other):
            raise Off2OnError(f"{other} and {path} have different importance_samples; run one of them again")
        parts.append(_pairs(path).assign(**head)[list(LIKELIHOOD_COLUMNS)])
    return pd.concat(parts) if parts else pd.DataFrame(columns=list(LIKELIHOOD_COLUMNS))


def _head(path: Path, place: tuple[str, str] | None) -> dict[str, Any]:
    file = path.with_suffix(".json")
    info = parse_json(file, f"run `{_COMMAND}` again")
    try:
        head = {"task": info["task"], "dataset": info["dataset"], "seed": info["seed"]}
        head["importance_samples"] = info["settings"]["importance_samples"]
        where = info["scale"], info["source"]
    except (KeyError, TypeError) as error:
        raise Off2OnError(f"{file}: key {error} is missing; run `{_COMMAND}` again") from None
    for key, value in head.items():
        if type(value) is not (str if key in {"task", "dataset"} else int):
            raise Off2OnError(f"{file}: {key} = {shown(value)}; run `{_COMMAND}` again")
    if place is not None and where != place:
        raise Off2OnError(f"{file} is of scale and source {shown(where)}, the table of {shown(place)}")
    return head


def _pairs(path: Path) -> pd.DataFrame:
    table = read_csv(path, ["split", "log_likelihood"], _COMMAND)
    if set(table["split"]) != _SPLITS:
        raise Off2OnError(
            f"{path}: column split has {shown(sorted(set(table['split'])))}, expected offline and online"
        )
    if not np.isfinite(table["log_likelihood"].to_numpy(float)).all():
        raise Off2OnError(
            f"{path}: column log_likelihood has a value that is no finite number; run `{_COMMAND}` again"
        )
    return table
