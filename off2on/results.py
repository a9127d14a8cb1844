"""Result directories: the columns and keys that every run has, and the checks on them (docs/results-format.md).

Standard library only: the training loops read `COLUMNS` from here, and a check of a directory starts at once.
"""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from off2on.errors import Off2OnError

#: the columns of progress.csv, in order; one row per evaluation
COLUMNS = (
    "env_steps",
    "online_episodes",
    "gradient_steps",
    "eval_episodes",
    "return_mean",
    "return_std",
    "return_min",
    "return_max",
    "explore_return_mean",
    "normalized_score",
    "success_last",
    "success_any",
    "offline_fraction",
    "offline_fraction_scripted",
    "offline_fraction_random",
    "q_auroc",
    "q_auroc_single",
    "q_mean",
    "alpha",
    "density_ratio_online",
    "density_ratio_offline",
    "wall_seconds",
)
#: columns that every row fills
FILLED = ("env_steps", "gradient_steps", "eval_episodes", "return_mean")
#: columns of whole numbers
COUNTS = ("env_steps", "online_episodes", "gradient_steps", "eval_episodes")
#: columns between 0 and 1
FRACTIONS = (
    "success_last",
    "success_any",
    "offline_fraction",
    "offline_fraction_scripted",
    "offline_fraction_random",
    "q_auroc",
    "q_auroc_single",
)
#: the column that grows from row to row, and the key that names the directory, by kind of job
CLOCKS = {"pretrain": "gradient_steps", "finetune": "env_steps"}
NAMES = {"pretrain": "algorithm", "finetune": "method"}
#: the directory below results/<scale>/<source>/ that holds each kind
PLACES = {"pretrain": "pretrain", "finetune": "runs"}

_TEXT, _MAYBE_TEXT, _COUNT, _TABLE = (str,), (str, type(None)), (int,), (dict,)
_NUMBER, _MAYBE_NUMBER, _MAYBE_FLAG = (int, float), (int, float, type(None)), (bool, type(None))

#: the keys of run.json and the types of their values; more keys are welcome
KEYS: dict[str, tuple[type, ...]] = {
    "kind": _TEXT,
    "scale": _TEXT,
    "source": _TEXT,
    "task": _TEXT,
    "dataset": _TEXT,
    "seed": _COUNT,
    "members": _COUNT,
    "settings": _TABLE,
    "config_hash": _MAYBE_TEXT,
    "git_commit": _MAYBE_TEXT,
    "git_dirty": _MAYBE_FLAG,
    "packages": _TABLE,
    "cpu": _MAYBE_TEXT,
    "gpu": _MAYBE_TEXT,
    "dataset_sha256": _MAYBE_TEXT,
    "dataset_mean_return": _MAYBE_NUMBER,
    "parents": _TABLE,
    "started": _TEXT,
    "ended": _TEXT,
    "wall_seconds": _NUMBER,
    "peak_memory_mb": _MAYBE_NUMBER,
    "gradient_steps_per_second": _MAYBE_NUMBER,
    "env_steps_per_second": _MAYBE_NUMBER,
}
#: further keys of one kind of job
KIND_KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    "pretrain": {"algorithm": _TEXT},
    "finetune": {"method": _TEXT, "method_settings": _TABLE},
}
#: the keys of `method_settings`: what figures and the report call a method
METHOD_KEYS: dict[str, tuple[type, ...]] = {
    "label": _TEXT,
    "description": _TEXT,
    "sampler": _MAYBE_TEXT,
    "offline": _MAYBE_TEXT,
    "members": _COUNT,
}
#: further keys of `method_settings`, which a method may leave out
OPTIONAL_METHOD_KEYS: dict[str, tuple[type, ...]] = {"figures": (list,)}

Row = dict[str, float]


@dataclass(frozen=True)
class Run:
    """A checked pre-training or fine-tuning directory."""

    path: Path
    #: run.json
    info: dict[str, Any]
    #: progress.csv; an empty cell is NaN
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """The method of a run, the algorithm of a pre-training."""
        return str(self.info[NAMES[self.info["kind"]]])


def read_run(directory: Path) -> Run:
    """Read and check `run.json` and `progress.csv` of a directory.

    Raises:
        Off2OnError: a file, key, column or value is missing or wrong; the message names file, key or column, row.
    """
    path = directory.absolute()
    info = _read_info(path)
    return Run(path, info, tuple(_read_rows(path / "progress.csv", CLOCKS[info["kind"]])))


def validate(directory: Path) -> Run:
    """Everything `read_run` checks, and the weights: what `off2on validate DIR` does.

    A pre-training needs `agent.safetensors`, since fine-tuning starts from it; a baseline's run may lack it.

    Raises:
        Off2OnError: the first thing that is wrong.
    """
    if not directory.is_dir():
        raise Off2OnError(
            f"{directory} is not a directory; name one run: results/<scale>/<source>/runs/.../seed<k>"
        )
    run = read_run(directory)
    weights = run.path / "agent.safetensors"
    if weights.is_file():
        _check_weights(weights)
    elif run.info["kind"] == "pretrain":
        raise Off2OnError(f"{weights} is missing: a pre-training directory must hold the weights of its members")
    return run


# ------------------------------------------------------------------------------------------------ run.json


def _read_info(path: Path) -> dict[str, Any]:
    file = path / "run.json"
    try:
        info = json.loads(_text(file))
    except json.JSONDecodeError as error:
        raise Off2OnError(f"{file} is not readable as JSON: {error}") from None
    if not isinstance(info, dict):
        raise Off2OnError(f"{file}: expected a JSON object of keys, got {type(info).__name__}")
    _check_keys(file, "", info, KEYS)
    kind = info["kind"]
    if kind not in KIND_KEYS:
        raise Off2OnError(f"{file}: kind = {kind!r}; it must be 'pretrain' or 'finetune'")
    _check_keys(file, "", info, KIND_KEYS[kind])
    if kind == "finetune":
        named = info["method_settings"]
        optional = {key: types for key, types in OPTIONAL_METHOD_KEYS.items() if key in named}
        _check_keys(file, "method_settings.", named, METHOD_KEYS | optional)
    for key in ("started", "ended"):
        _check_time(file, key, info[key])
    _check_place(file, info)
    return info


def _check_keys(file: Path, prefix: str, table: dict[str, Any], keys: dict[str, tuple[type, ...]]) -> None:
    for key, types in keys.items():
        if key not in table:
            raise Off2OnError(f"{file}: key '{prefix}{key}' is missing; docs/results-format.md lists the keys")
        if type(table[key]) not in types:
            wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)
            raise Off2OnError(f"{file}: {prefix}{key} = {table[key]!r}; it must be of type {wanted}")


def _check_time(file: Path, key: str, value: str) -> None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise Off2OnError(
            f"{file}: {key} = {value!r}; it must be ISO 8601, such as 2026-11-21T14:30:00Z"
        ) from None


def _check_place(file: Path, info: dict[str, Any]) -> None:
    """Compare run.json with `<scale>/<source>/<runs|pretrain>/<task>/<dataset>/<name>/seed<k>`."""
    name = NAMES[info["kind"]]
    said = [info["scale"], info["source"], PLACES[info["kind"]], info["task"], info["dataset"], info[name]]
    keys = ["scale", "source", "kind", "task", "dataset", name, "seed"]
    there = file.parent.parts[-len(keys) :]
    for key, value, part in zip(keys, [*said, f"seed{info['seed']}"], there, strict=False):
        if value != part:
            raise Off2OnError(
                f"{file}: {key} = {info[key]!r}, but the directory says {part!r}. A run lies in "
                f"results/<scale>/<source>/{PLACES[info['kind']]}/<task>/<dataset>/<{name}>/seed<k>"
            )


# -------------------------------------------------------------------------------------------- progress.csv


def _read_rows(file: Path, clock: str) -> Iterator[Row]:
    lines = list(csv.reader(_text(file).splitlines()))
    _check_header(file, lines[0] if lines else [])
    if len(lines) < 2:
        raise Off2OnError(f"{file} has no rows: one row per evaluation is needed")
    header, before = lines[0], -math.inf
    for number, cells in enumerate(lines[1:], 1):
        if len(cells) != len(header):
            raise Off2OnError(f"{file}, row {number}: {len(cells)} cells under {len(header)} columns")
        row = {key: _value(f"{file}, row {number}", key, cell) for key, cell in zip(header, cells, strict=True)}
        if row[clock] <= before:
            raise Off2OnError(
                f"{file}, row {number}: {clock} = {row[clock]:g} after {before:g}; it must grow from row to row"
            )
        before = row[clock]
        yield {key: row[key] for key in COLUMNS}


def _check_header(file: Path, header: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in header]
    extra = [name for name in header if name not in COLUMNS]
    if missing:
        raise Off2OnError(
            f"{file}: missing columns {', '.join(missing)}; cells may be empty, columns may not be left out"
        )
    if extra:
        raise Off2OnError(f"{file}: unknown columns {', '.join(extra)}; docs/results-format.md lists the columns")
    if len(header) != len(COLUMNS):
        twice = sorted({name for name in header if header.count(name) > 1})
        raise Off2OnError(f"{file}: duplicate columns {', '.join(twice)}")


def _value(where: str, column: str, cell: str) -> float:
    if not cell:
        if column in FILLED:
            raise Off2OnError(f"{where}: {column} is empty; every row needs it")
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        raise Off2OnError(f"{where}: {column} = {cell!r} is not a number") from None
    if column in FILLED and not math.isfinite(value):
        raise Off2OnError(f"{where}: {column} = {cell!r}; it must be finite")
    if column in COUNTS and (value < 0 or value % 1):
        raise Off2OnError(f"{where}: {column} = {cell!r}; it must be a whole number, 0 or more")
    if column in FRACTIONS and not (0 <= value <= 1 or math.isnan(value)):
        raise Off2OnError(f"{where}: {column} = {cell!r}; it must lie between 0 and 1")
    return value


# ---------------------------------------------------------------------------------------------------- files


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Off2OnError(f"{file} is missing; docs/results-format.md describes the files of a run") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Off2OnError(f"{file} cannot be read: {error}") from None


def _check_weights(file: Path) -> None:
    """Header and length of a safetensors file: 8 bytes of header size, a JSON header, the tensors."""
    data_start, size = 8, file.stat().st_size
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, size)))
        tensors = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise Off2OnError(f"{file} is not a safetensors file") from None
    expected = data_start + length + max(tensors, default=0)
    if size != expected:
        raise Off2OnError(f"{file} is truncated: {size} bytes, its header says {expected}")
