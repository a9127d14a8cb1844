"""Downloads over a bad line: pooch tries again and checks the checksum, this module goes on where it was cut."""

import shutil
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pooch
import requests
from filelock import FileLock

from off2on.data.catalogue import Published
from off2on.errors import Off2OnError, shown

#: makes a progress bar: title, total, unit, what is there already
Bar = Callable[[str, int, str, int], Any]

#: tries in a row that bring nothing new; pooch waits 1, 2, 3, ... seconds between them
TRIES = 5
#: seconds without an answer, or without a byte of it
CONNECT, SILENCE = 15, 60
#: bytes that are written at once; what is less is lost when the line is cut
CHUNK = 1 << 16
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: refusals that may pass by themselves
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


def download(entry: Published, directory: Path, server: str, bar: Bar) -> Path:
    """The file in `directory`, by D4RL's own name, downloaded and checked.

    What an earlier call, killed or cut off, left in `<name>.part` is not asked for again. A second process waits
    for the first.

    Args:
        entry: the file.
        directory: made if it is missing.
        server: the address that `entry.path` is below.
        bar: makes the progress bar.

    Raises:
        Off2OnError: the server refuses, sends something else or nothing for too long; the disk is too small. The
            message names address, file, size and both checksums where they differ.
    """
    url = f"{server.rstrip('/')}/{entry.path}"
    if not server.startswith(("http://", "https://")):
        raise Off2OnError(f"mirror {shown(server)}: expected an address that starts with http:// or https://")
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / entry.name
    with FileLock(directory / f".{entry.name}.lock"):
        if target.is_file():
            return target
        resuming = _Resuming(entry, directory / f"{entry.name}.part", bar)
        try:
            _as_long_as_it_goes_on(resuming, entry, directory, url)
        except requests.RequestException as error:
            raise Off2OnError(_broken_off(url, resuming, error)) from None
        except ValueError as error:
            raise Off2OnError(f"{url} is not {entry} as published: {error} Name another --mirror") from None
    return target


def _as_long_as_it_goes_on(resuming: "_Resuming", entry: Published, directory: Path, url: str) -> None:
    """Start over with the tries whenever they brought something."""
    registry = pooch.create(
        path=directory,
        base_url="",
        registry={entry.name: f"sha256:{entry.sha256}"},
        urls={entry.name: url},
        retry_if_failed=TRIES - 1,
    )
    while True:
        before = resuming.there
        try:
            registry.fetch(entry.name, downloader=resuming)
            return
        except requests.RequestException:
            if resuming.there <= before:
                raise


class _Resuming:
    """A downloader of pooch that keeps what came, and asks for the rest."""

    def __init__(self, entry: Published, part: Path, bar: Bar) -> None:
        self.entry, self.part, self._bar = entry, part, bar

    @property
    def there(self) -> int:
        """Bytes that came so far."""
        return self.part.stat().st_size if self.part.is_file() else 0

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        if self.there > self.entry.size:
            self.part.unlink()
        if self.there < self.entry.size:
            self._check_disk()
            self._ask(url)
        # the length that the server gives is not believed, only this
        if self.there != self.entry.size:
            raise requests.ConnectionError(f"{self.there} of {self.entry.size} bytes came")
        shutil.move(self.part, output_file)

    def _check_disk(self) -> None:
        free, needed = shutil.disk_usage(self.part.parent).free, self.entry.size - self.there
        if free < needed:
            raise Off2OnError(
                f"{self.part.parent} has {free / 1e6:.0f} MB free, {self.entry.name} needs {needed / 1e6:.0f}; "
                "free some, or set D4RL_DATASET_DIR to another directory"
            )

    def _ask(self, url: str) -> None:
        headers = {"Accept-Encoding": "identity"}
        if self.there:
            headers["Range"] = f"bytes={self.there}-"
        try:
            answer = requests.get(url, headers=headers, stream=True, timeout=(CONNECT, SILENCE))
        except (requests.TooManyRedirects, requests.exceptions.InvalidURL) as error:
            raise Off2OnError(f"{url}: {error}; name another --mirror") from None
        with answer:
            self._check_status(url, answer)
            with self.part.open("ab") as part:
                if not self._goes_on(answer):
                    part.truncate(0)
                self._write(url, answer, part)

    def _check_status(self, url: str, answer: requests.Response) -> None:
        status = answer.status_code
        if 400 <= status < 500 and status not in {*_PASSING, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}:
            raise Off2OnError(f"{url} answers {status} {answer.reason}: {_elsewhere(self.entry, self.part)}")
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            # the server's file is another one, or it cannot continue: the next try starts again
            self.part.unlink(missing_ok=True)
        answer.raise_for_status()

    def _goes_on(self, answer: requests.Response) -> bool:
        """Whether the answer starts where the part ends; a whole file, or any other range, starts again."""
        if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
            return False
        return answer.headers.get("Content-Range", "").startswith(f"bytes {self.there}-")

    def _write(self, url: str, answer: requests.Response, part: Any) -> None:
        left = self.entry.size - part.tell()
        with self._bar(self.entry.name, self.entry.size, "B", self.entry.size - left) as progress:
            for chunk in answer.iter_content(CHUNK):
                if left == self.entry.size and not chunk.startswith(_SIGNATURE[: len(chunk)]):
                    kind = answer.headers.get("Content-Type", "of no type")
                    raise Off2OnError(
                        f"{url} is no HDF5 file but {shown(kind)}: a login page or a proxy? Name another --mirror"
                    )
                part.write(chunk[:left])
                progress.update(min(len(chunk), left))
                left -= min(len(chunk), left)
                if not left:
                    return


def _broken_off(url: str, resuming: _Resuming, error: Exception) -> str:
    return (
        f"{url}: {resuming.there} of {resuming.entry.size} bytes came, then {TRIES} tries brought nothing more "
        f"({error}). The same command goes on from there; or {_elsewhere(resuming.entry, resuming.part)}"
    )


def _elsewhere(entry: Published, part: Path) -> str:
    return (
        f"name another --mirror, or put the file ({entry.size} bytes, sha256 {entry.sha256}) at "
        f"{part.with_name(entry.name)}"
    )
