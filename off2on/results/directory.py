"""A directory of results as a whole."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.results.progress_csv import Row, read_rows
from off2on.results.run_json import check_place, read_info
from off2on.results.schema import NAMES

_FIX = "Put the file back, or remove run.json beside it to have the job run again"


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
    path, info = directory.absolute(), read_info(directory)
    check_place(path, info)
    check_outputs(path, info, ["progress.csv"])
    return Run(path, info, read_rows(path / "progress.csv", info["kind"], info["task"]))


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
    check_outputs(run.path, run.info, run.info.get("outputs", {}))
    return run


def check_outputs(directory: Path, info: Mapping[str, Any], names: Collection[str]) -> None:
    """Compare files with the checksums and row counts that run.json has of them.

    Raises:
        Off2OnError: a file is not the one that the job wrote.
    """
    recorded = info.get("outputs", {})
    for name in names:
        if "/" in name or name not in recorded:
            continue
        file, entry = directory / name, recorded[name]
        if not file.is_file():
            raise Off2OnError(f"{file} is missing; run.json lists it among the outputs")
        if "rows" in entry and (rows := len(file.read_bytes().splitlines()) - 1) != entry["rows"]:
            raise Off2OnError(f"{file} has {rows} rows, run.json says {entry['rows']}: it was changed. {_FIX}")
        if sha256(file) != entry["sha256"]:
            raise Off2OnError(f"{file} is not what the job wrote: its sha256 is not the one in run.json. {_FIX}")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _check_weights(file: Path) -> None:
    """Header and length of a safetensors file: 8 bytes of header size, a JSON header, the tensors."""
    data_start, size = 8, file.stat().st_size
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, size)).decode("utf-8"), object_pairs_hook=_without_twins)
        tensors = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        if not all(type(end) is int for end in tensors):
            raise ValueError("offsets are whole numbers")
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        raise Off2OnError(f"{file} is not a safetensors file") from None
    except OSError as error:
        raise Off2OnError(f"{file} cannot be read: {error.strerror or error}") from None
    expected = data_start + length + max(tensors, default=0)
    if size != expected:
        raise Off2OnError(f"{file} is truncated: {size} bytes, its header says {expected}")
