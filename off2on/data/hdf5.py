"""Arrays and attributes of an HDF5 file of any origin: no link, storage, type or size is trusted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from off2on.errors import Off2OnError, shown

Attribute = str | int | float

#: the attributes of a file that this project writes and reads; others are left alone
ATTRIBUTES = (
    *("source", "task", "dataset", "recipe", "env_id", "seed", "packages", "sha256"),
    *("settings", "code_hash", "agents", "agent_sha256"),
)
#: no attribute of these is larger, in bytes
_LARGEST_ATTRIBUTE = 1_000_000


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file, open for reading.

    Raises:
        Off2OnError: it is missing, locked, unreadable, or no whole HDF5 file; also for what goes wrong while it is
            read inside the block.
    """
    if not path.exists():
        raise Off2OnError(
            f"{path}: no such dataset; `off2on collect` makes one, `off2on fetch` gets one of D4RL's"
        )
    if not path.is_file() and not path.is_dir():
        raise Off2OnError(f"{path} is a pipe or a device, not a file")
    try:
        with path.open("rb") as plain:
            plain.read(1)
    except OSError as error:
        raise Off2OnError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        with h5py.File(path, "r") as file:
            yield file
    except Off2OnError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).split("\n")[0]
        if "unable to lock file" in reason:
            raise Off2OnError(
                f"{path} is locked: another process is writing it. Wait for it, or stop it ({reason})"
            ) from None
        raise Off2OnError(f"{path}: truncated or not an HDF5 file ({reason}); fetch or make it again") from None


def read_array(path: Path, file: h5py.File, name: str) -> NDArray[Any]:
    """A whole array, read into memory.

    Raises:
        Off2OnError: it is missing, no array, not all in this file, or larger than the memory.
    """
    _check_links(path, file, name)
    if name not in file:
        if "episode_0" in file:
            raise Off2OnError(
                f"{path} is a Minari file, not one in D4RL's layout; `off2on import-data` converts it"
            )
        raise Off2OnError(f"{path}: key '{name}' is missing; it has: {', '.join(_keys(file))}")
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise Off2OnError(f"{path}: key '{name}' is a group, expected an array; check the task")
    if not found.shape:
        raise Off2OnError(f"{path}: key '{name}' is a single value or empty, expected an array of rows")
    try:
        kind, size = found.dtype.kind, found.dtype.itemsize * found.size
    except TypeError:
        raise Off2OnError(f"{path}: key '{name}' has a type that cannot be read, expected numbers") from None
    if kind not in "fiub" or found.dtype.shape:
        raise Off2OnError(f"{path}: key '{name}' has type {shown(str(found.dtype))}, expected numbers")
    _check_storage(path, name, found)
    if size > (free := _free_memory()):
        raise Off2OnError(
            f"{path}: key '{name}' needs {size / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free"
        )
    return np.asarray(found)


def read_word(path: Path, file: h5py.File, name: str) -> str:
    """A text that is a single value.

    Raises:
        Off2OnError: it is missing, or anything else.
    """
    _check_links(path, file, name)
    found = file.get(name)
    fits = (
        isinstance(found, h5py.Dataset) and found.shape == () and found.id.get_storage_size() < _LARGEST_ATTRIBUTE
    )
    value = found[()] if fits and found.dtype.kind in "SO" else None
    if not isinstance(value, bytes | str):
        raise Off2OnError(f"{path}: key '{name}' is missing or no text")
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def read_attributes(file: h5py.File) -> dict[str, Attribute]:
    """Those of `ATTRIBUTES` that the file has."""
    return {name: _plain(file, name) for name in ATTRIBUTES if name in file.attrs}


def origin_names(path: Path, file: h5py.File) -> tuple[str, ...]:
    """The names in the attribute `names` of `origin`.

    Raises:
        Off2OnError: it is not a list of names.
    """
    found = file["origin"].attrs.get("names", ())
    names = list(found) if isinstance(found, np.ndarray | list | tuple) and np.ndim(found) == 1 else None
    if names is None or not all(isinstance(name, str | bytes) for name in names) or len(names) > 256:
        raise Off2OnError(f"{path}: attribute 'names' of key 'origin' must be a list of at most 256 names")
    return tuple(name.decode(errors="replace") if isinstance(name, bytes) else name for name in names)


def _check_links(path: Path, file: h5py.File, name: str) -> None:
    """What a checksum covers must be what is read: nothing outside of the file."""
    parts = name.split("/")
    for end in range(1, len(parts) + 1):
        inner = "/".join(parts[:end])
        try:
            link = file.get(inner, getlink=True)
        except (KeyError, RuntimeError):
            return
        if isinstance(link, h5py.ExternalLink):
            raise Off2OnError(f"{path}: key '{inner}' is a link to another file; copy the data into one file")


def _check_storage(path: Path, name: str, found: h5py.Dataset) -> None:
    if found.is_virtual or found.external:
        raise Off2OnError(f"{path}: key '{name}' keeps its data in other files; copy the data into one file")
    stored = found.id.get_storage_size()
    if found.chunks:
        wanted = int(np.prod([-(-rows // chunk) for rows, chunk in zip(found.shape, found.chunks, strict=True)]))
        written = found.id.get_num_chunks() >= wanted if stored else not found.size
    else:
        written = stored > 0 or not found.size
    if not written:
        raise Off2OnError(
            f"{path}: key '{name}' declares {shown(found.shape)} values, but not all were ever written; make the "
            "file again"
        )


def _plain(file: h5py.File, name: str) -> Attribute:
    if file.attrs.get_id(name).get_storage_size() > _LARGEST_ATTRIBUTE:
        raise ValueError(f"attribute '{name}' is too large")
    value = file.attrs[name]
    value = value.item() if isinstance(value, np.generic) else value
    value = value.decode(errors="replace") if isinstance(value, bytes) else value
    return value if isinstance(value, str | int | float) else str(value)


def _keys(file: h5py.File) -> list[str]:
    return sorted(name for name, _ in zip(file, range(30), strict=False))


def _free_memory() -> int:
    """Bytes that can be had without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 2**63
