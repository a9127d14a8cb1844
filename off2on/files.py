"""Writing files so that a killed process or a full disk leaves nothing half-written that counts."""

import glob
import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from off2on.errors import Off2OnError

#: part of the names of temporary files
_HOST = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is flushed to disk and takes the name `path`.

    Raises:
        Off2OnError: the file cannot be written (full disk, no permission); what was at `path` stays as it was.
    """
    temporary: Path | None = None
    if path.exists() and not path.is_file():
        raise Off2OnError(f"cannot write {path}: it is a directory or a device, not a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        prefix = f".{path.name}.{_HOST}-{os.getpid()}."
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise Off2OnError(
            f"cannot write {path}: {error.strerror or error}. Free space or fix the permissions, then run the "
            "same command again: it resumes from the last checkpoint"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path, locked: bool = False) -> None:
    """Remove temporary files that killed processes left beside `path`.

    Args:
        path: of the file that they were to become.
        locked: nobody else can be writing it. Else only files of processes that have ended on this machine go.
    """
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*"):
        found = re.match(rf"{re.escape(f'.{path.name}.{_HOST}')}-(\d+)\.", leftover.name)
        if locked or (found and not _runs(int(found[1]))):
            leftover.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _check_regular(path: Path) -> None:
    """A pipe would be waited for, and a device has no end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise Off2OnError(f"{path} is a pipe or a device, not a file")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_text(path: Path, hint: str = "", largest: int = 50_000_000) -> str:
    """The text of a file from outside.

    Args:
        path: the file.
        hint: what the message adds where it is missing.
        largest: bytes; more are refused unread.

    Raises:
        Off2OnError: it is missing, too large, cannot be read, or is not UTF-8.
    """
    try:
        _check_regular(path)
        if (size := path.stat().st_size) > largest:
            raise Off2OnError(f"{path} has {size} bytes; no such file is larger than {largest}")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise Off2OnError(f"{path} is missing{hint and f'; {hint}'}") from None
    except UnicodeDecodeError as error:
        raise Off2OnError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except (OSError, ValueError) as error:
        raise Off2OnError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file.

    Raises:
        Off2OnError: it cannot be read.
    """
    try:
        _check_regular(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Off2OnError(f"{path} cannot be read: {error.strerror or error}") from None
