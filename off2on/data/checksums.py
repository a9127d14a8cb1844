"""Checksums of large files, which every planning looks at: computed once, until something of the file changes."""

import json
from contextlib import suppress
from pathlib import Path

from off2on.errors import Off2OnError
from off2on.files import sha256, write_text

#: a file that is not asked for again is forgotten in time
_MOST = 1_000


def recalled_sha256(path: Path) -> str:
    """The sha256 of a file, from memory if path, size, inode and times of change are those of the last time.

    For planning and messages. A job that reads the file computes it from the bytes.

    Raises:
        Off2OnError: it cannot be read.
    """
    memory = _memory()
    known = _read(memory)
    key = _key(path)
    if key in known:
        return known[key]
    found = sha256(path)
    entries = list((_read(memory) | {key: found}).items())[-_MOST:]
    # a home that cannot be written costs time, nothing else
    with suppress(Off2OnError):
        write_text(memory, json.dumps(dict(entries), indent=0))
    return found


def _memory() -> Path:
    import pooch

    return Path(pooch.os_cache("off2on")) / "sha256.json"


def _key(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError as error:
        raise Off2OnError(f"{path} cannot be read: {error.strerror or error}") from None
    return f"{path.resolve()} {stat.st_size} {stat.st_ino} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _read(memory: Path) -> dict[str, str]:
    try:
        found = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    plain = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if plain else {}
