"""D4RL's files at their place in results/: found where D4RL keeps them, or downloaded there first."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from off2on.data.catalogue import SERVER, Published
from off2on.data.checksums import recalled_sha256
from off2on.errors import Off2OnError

if TYPE_CHECKING:
    from off2on.data.download import Bar

#: D4RL's own variable
DIRECTORY = "D4RL_DATASET_DIR"


def d4rl_directory() -> Path:
    """Where D4RL keeps its files."""
    return Path(os.environ.get(DIRECTORY) or Path.home() / ".d4rl" / "datasets")


def find(entry: Published, directory: Path) -> Path | None:
    """The file in a directory or one below it: by D4RL's name, or by size and checksum under any other.

    Raises:
        Off2OnError: the file of D4RL's name is another one.
    """
    own = directory / entry.name
    if own.is_file():
        check(entry, own)
        return own
    for path in (*sorted(directory.glob("*")), *sorted(directory.glob("*/*"))):
        if path.is_file() and path.stat().st_size == entry.size and recalled_sha256(path) == entry.sha256:
            return path
    return None


def check(entry: Published, path: Path) -> None:
    """Compare a file with the published one.

    Raises:
        Off2OnError: it is another one; the message has both sizes and both checksums.
    """
    size, found = path.stat().st_size, recalled_sha256(path)
    if found != entry.sha256:
        raise Off2OnError(
            f"{path} is not {entry} as published: it has {size} bytes and sha256 {found}, published were "
            f"{entry.size} bytes and sha256 {entry.sha256}. Move it away to fetch the published file"
        )


def fetch(entry: Published, place: Path, given: Path | None, server: str | None, bar: "Bar") -> Path:
    """Put a link to the published file at `place`; download it to D4RL's directory if it is nowhere.

    Args:
        entry: the file.
        place: below results/; what is there already is checked and kept.
        given: the file itself, or a directory that is searched besides D4RL's; None: neither.
        server: another address than D4RL's own.
        bar: makes the progress bar of the download.

    Returns:
        The file that `place` links to.

    Raises:
        Off2OnError: a file that should be it is another one, or it cannot be downloaded.
    """
    if place.is_file():
        check(entry, place)
        return place.resolve()
    if given is not None and not given.is_dir():
        if not given.is_file():
            raise Off2OnError(f"--from {given}: no such file or directory")
        check(entry, given)
        file = given
    else:
        places = [directory for directory in (given, d4rl_directory()) if directory is not None]
        file = next((found for d in places if (found := find(entry, d))), None) or _downloaded(entry, server, bar)
    _link(file.resolve(), place)
    return file


def _downloaded(entry: Published, server: str | None, bar: "Bar") -> Path:
    from off2on.data.download import download

    file = download(entry, d4rl_directory(), server or SERVER, bar)
    # another program may have put it there in the meantime
    check(entry, file)
    return file


def _link(file: Path, place: Path) -> None:
    """A symbolic link: a file of half a gigabyte is stored once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    # what is there is no file: a link to nowhere
    place.unlink(missing_ok=True)
    place.symlink_to(file)
