"""D4RL's files over a bad line, from a bad server, and under odd names."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pooch import core

from off2on.cli import main
from off2on.data import catalogue, checksums, download
from off2on.data.catalogue import Published, published, said_of_origin
from off2on.data.checksums import recalled_sha256
from off2on.data.fetch import DIRECTORY, d4rl_directory, fetch, find
from off2on.data.inventory import take_inventory
from off2on.data.sources import get_source
from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.paths import Layout
from off2on.training.progress import progress_bar
from tests import server as faulty
from tests.server import Server, drops, lies, redirects, sends, serving, status
from tests.unit.small import write_data

PATH = "gym_mujoco/walker_mixed.hdf5"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "www/gym_mujoco").mkdir(parents=True)
    write_data(tmp_path / "www" / PATH)
    with serving(tmp_path / "www") as running:
        yield running


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D4RL's directory and the memory of checksums are the test's own, nobody sleeps, little is lost."""
    monkeypatch.setenv(DIRECTORY, str(tmp_path / "d4rl"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("OFF2ON_D4RL_MIRROR", raising=False)
    monkeypatch.setattr(core.time, "sleep", lambda _: None)
    monkeypatch.setattr(download, "CHUNK", 100)


@pytest.fixture
def entry(server: Server, monkeypatch: pytest.MonkeyPatch) -> Published:
    """The file of walker2d/medium-replay, v0, as if D4RL had published this one."""
    file = server.root / PATH
    found = Published("d4rl-v0", "walker2d", "medium-replay", PATH, file.stat().st_size, sha256(file))
    monkeypatch.setitem(catalogue.catalogue(), ("d4rl-v0", "walker2d", "medium-replay"), found)
    return found


def get(entry: Published, tmp_path: Path, server: Server) -> Path:
    return download.download(entry, tmp_path / "d4rl", server.url, progress_bar)


def test_the_catalogue_has_every_file_once() -> None:
    entries = list(catalogue.catalogue().values())
    assert len(entries) == 33
    assert len({entry.sha256 for entry in entries}) == len({entry.name for entry in entries}) == 33
    assert all(len(entry.sha256) == 64 and entry.size > 8_000_000 for entry in entries)
    assert published("d4rl-v0", "walker2d", "medium-replay").name == "walker_mixed.hdf5"
    with pytest.raises(Off2OnError, match="d4rl-v0 has no file of hopper/full-replay; it has: halfcheetah/random"):
        published("d4rl-v0", "hopper", "full-replay")


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [drops(3000), drops(2000)],
        [drops(3000), faulty.no_ranges],
        [drops(3000), faulty.wrong_range],
        [drops(3000), status(416)],
        [drops(3000), status(503), status(429)],
        [drops(0), drops(1), drops(107)],
        [lies(-2000), lies(-100)],
        [lies(5000)],
        [redirects("/gym_mujoco/../gym_mujoco/walker_mixed.hdf5"), drops(100)],
        [sends(b"\x89HDF\r\n\x1a\n" + bytes(92)), drops(500)],
        # more tries than a row of failures may have, but each brings something
        [drops(500)] * (2 * download.TRIES),
    ],
)
def test_what_arrives_is_the_file(
    faults: list[faulty.Fault], entry: Published, server: Server, tmp_path: Path
) -> None:
    server.faults = list(faults)
    path = get(entry, tmp_path, server)
    assert path.read_bytes() == (server.root / PATH).read_bytes()
    assert not server.faults
    assert [file.name for file in path.parent.iterdir() if not file.name.startswith(".")] == ["walker_mixed.hdf5"]


def test_a_download_goes_on_where_another_process_was_cut(
    entry: Published, server: Server, tmp_path: Path
) -> None:
    server.faults = [drops(3000), *[status(503)] * 2 * download.TRIES]
    with pytest.raises(Off2OnError, match=rf"3000 of {entry.size} bytes came.* goes on from there"):
        get(entry, tmp_path, server)
    server.asked.clear()
    server.faults.clear()
    get(entry, tmp_path, server)
    assert server.asked == [(f"/{PATH}", "bytes=3000-")]
    get(entry, tmp_path, server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (status(403), "answers 403 Forbidden: name another --mirror, or put the file"),
        (status(404), "answers 404 Not Found"),
        (sends(b"<html>log in</html>", "text/html"), "is no HDF5 file but 'text/html': a login page or a proxy"),
    ],
)
def test_a_refusal_is_told_at_once(
    fault: faulty.Fault, told: str, entry: Published, server: Server, tmp_path: Path
) -> None:
    server.faults = [fault]
    with pytest.raises(Off2OnError, match=told) as error:
        get(entry, tmp_path, server)
    assert len(server.asked) == 1
    assert f"{server.url}/{PATH}" in str(error.value)
    assert not (tmp_path / "d4rl/walker_mixed.hdf5").exists()


def test_a_server_that_stays_down_a_redirect_in_a_circle_and_no_server(
    entry: Published, server: Server, tmp_path: Path
) -> None:
    server.faults = [status(503)] * download.TRIES
    with pytest.raises(Off2OnError, match=r"brought nothing more .*503"):
        get(entry, tmp_path, server)
    server.faults = [redirects(f"/{PATH}")] * 40
    with pytest.raises(Off2OnError, match="redirects"):
        get(entry, tmp_path, server)
    with pytest.raises(Off2OnError, match="brought nothing more"):
        download.download(entry, tmp_path / "d4rl", "http://127.0.0.1:9", progress_bar)
    with pytest.raises(Off2OnError, match="expected an address that starts with http"):
        download.download(entry, tmp_path / "d4rl", "file:///etc", progress_bar)


def test_another_file_of_the_right_length_is_an_error_with_both_checksums(
    entry: Published, server: Server, tmp_path: Path
) -> None:
    other = bytearray((server.root / PATH).read_bytes())
    other[-1] ^= 1
    (server.root / PATH).write_bytes(other)
    with pytest.raises(Off2OnError) as error:
        get(entry, tmp_path, server)
    assert entry.sha256 in str(error.value)
    assert sha256(server.root / PATH) in str(error.value)
    assert not (tmp_path / "d4rl/walker_mixed.hdf5").exists()


def test_a_damaged_part_is_downloaded_again(entry: Published, server: Server, tmp_path: Path) -> None:
    part = tmp_path / "d4rl/walker_mixed.hdf5.part"
    part.parent.mkdir()
    for size in (1000, entry.size, entry.size + 5):
        part.write_bytes(b"x" * size)
        path = get(entry, tmp_path, server)
        assert sha256(path) == entry.sha256
        path.unlink()


def test_a_silent_server_is_not_waited_for(
    entry: Published, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SILENCE", 0.05)
    plain, timeouts = requests.get, []

    def asked(*words: object, timeout: object, **more: object) -> object:
        timeouts.append(timeout)
        return plain(*words, timeout=timeout, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(requests, "get", asked)
    server.faults = [lambda handler, _: core.time.monotonic() and handler.rfile.read(1)]
    get(entry, tmp_path, server)
    assert timeouts == [(download.CONNECT, 0.05)] * 2


def test_a_full_disk_is_told_before(
    entry: Published, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(Off2OnError, match=r"has 0 MB free, walker_mixed\.hdf5 needs"):
        get(entry, tmp_path, server)


# ------------------------------------------------------------------------------------------- in the right place


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *words: object) -> int:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["off2on", "fetch", *map(str, words)])
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


WORDS = ("--scale", "smoke", "--source", "d4rl-v0", "--task", "walker2d", "--dataset", "medium-replay")
PLACE = Path("results/smoke/d4rl-v0/datasets/walker2d/medium-replay.hdf5")


def test_a_fetched_file_is_linked_to_its_place(
    entry: Published, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFF2ON_D4RL_MIRROR", f"{server.url}/")
    assert run(monkeypatch, tmp_path, *WORDS) == 0
    assert (tmp_path / PLACE).resolve() == tmp_path / "d4rl/walker_mixed.hdf5"
    assert run(monkeypatch, tmp_path, *WORDS) == 0
    assert len(server.asked) == 1
    # the cache was cleared: the link leads nowhere, and is made again
    (tmp_path / "d4rl/walker_mixed.hdf5").unlink()
    assert run(monkeypatch, tmp_path, *WORDS) == 0
    assert sha256(tmp_path / PLACE) == entry.sha256


@pytest.mark.parametrize("name", ["walker_mixed.hdf5", "walker2d-medium-replay-v0.hdf5", "gym_mujoco/w.h5"])
def test_a_file_is_found_under_any_name(
    name: str, entry: Published, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "d4rl" / name
    file.parent.mkdir(parents=True)
    shutil.copy(server.root / PATH, file)
    (file.parent / "other.hdf5").write_bytes(bytes(entry.size))
    assert run(monkeypatch, tmp_path, *WORDS) == 0
    assert (tmp_path / PLACE).resolve() == file
    assert not server.asked


@pytest.mark.parametrize("given", ["dir", "dir/odd.hdf5"])
def test_a_file_or_a_directory_can_be_given(
    given: str, entry: Published, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dir").mkdir()
    shutil.copy(server.root / PATH, tmp_path / "dir/odd.hdf5")
    assert run(monkeypatch, tmp_path, *WORDS, "--from", given) == 0
    assert (tmp_path / PLACE).resolve() == tmp_path / "dir/odd.hdf5"


def test_another_file_is_refused_wherever_it_lies(
    entry: Published,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "d4rl").mkdir()
    other = tmp_path / "d4rl/walker_mixed.hdf5"
    other.write_bytes(b"half of it")
    for words in (WORDS, (*WORDS, "--from", other)):
        assert run(monkeypatch, tmp_path, *words) == 2
        said = capsys.readouterr().err
        assert f"it has 10 bytes and sha256 {sha256(other)}, published were {entry.size} bytes" in said
        assert entry.sha256 in said
    assert other.read_bytes() == b"half of it"
    assert run(monkeypatch, tmp_path, *WORDS, "--from", "nowhere") == 2
    assert run(monkeypatch, tmp_path, "--scale", "smoke") == 2
    assert "source 'local' has nothing to fetch" in capsys.readouterr().err


# ----------------------------------------------------------------------------------------- while a DAG is planned


def inventory(tmp_path: Path, source: str = "d4rl-v0") -> dict[str, object]:
    places = [("walker2d", "medium-replay")]
    layout = Layout("smoke", source, tmp_path)
    return vars(take_inventory(get_source(source), layout, places, places, "my/scale.yaml"))


def test_what_is_missing_is_known_while_the_dag_is_planned(
    entry: Published, server: Server, tmp_path: Path
) -> None:
    pair = ("walker2d", "medium-replay")
    found = inventory(tmp_path)
    assert found["checksums"] == {pair: entry.sha256}
    assert found["missing"] == (pair,)
    assert f"MB are downloaded to {tmp_path / 'd4rl'}; set D4RL_DATASET_DIR" in str(found["notes"])
    place = tmp_path / PLACE
    fetch(entry, place, server.root / PATH, None, progress_bar)
    assert inventory(tmp_path) == {"checksums": {pair: entry.sha256}, "missing": (), "notes": ()}
    place.unlink()
    place.write_bytes(b"mine")
    found = inventory(tmp_path)
    assert found["checksums"] == {pair: sha256(place)}
    assert "is not d4rl-v0's walker2d/medium-replay as published" in str(found["notes"])
    assert said_of_origin("d4rl-v0", *pair, {entry.sha256}) == "d4rl-v0, as published"
    for others in ({sha256(place)}, {sha256(place), entry.sha256}, {None}, set()):
        assert said_of_origin("d4rl-v0", *pair, others) == "d4rl-v0, not the published file"
    assert said_of_origin("minari", *pair, {entry.sha256}) == "minari"
    with pytest.raises(
        Off2OnError, match=r"source minari: .* is missing.* FILE --scale my/scale\.yaml --source minari"
    ):
        inventory(tmp_path, "minari")


def test_a_damaged_file_of_d4rl_stops_the_planning(entry: Published, tmp_path: Path) -> None:
    (tmp_path / "d4rl").mkdir()
    (tmp_path / "d4rl" / entry.name).write_bytes(b"cut")
    with pytest.raises(Off2OnError, match="it has 3 bytes"):
        inventory(tmp_path)
    assert find(entry, tmp_path / "nowhere") is None


def test_without_the_variable_d4rls_own_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for unset in (None, ""):
        monkeypatch.delenv(DIRECTORY, raising=False)
        if unset is not None:
            monkeypatch.setenv(DIRECTORY, unset)
        assert d4rl_directory() == tmp_path / ".d4rl/datasets"


def test_a_checksum_is_computed_once_and_again_when_anything_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []
    monkeypatch.setattr(checksums, "sha256", lambda path: computed.append(path) or sha256(path))
    file = tmp_path / "data"
    file.write_bytes(b"abc")
    first = recalled_sha256(file)
    assert recalled_sha256(file) == first == sha256(file)
    assert len(computed) == 1
    # another file of the same size and time
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_bytes(b"xyz")
    os.utime(file, ns=times)
    assert recalled_sha256(file) == sha256(file)
    assert len(computed) == 2
    memory = tmp_path / "cache/off2on/sha256.json"
    assert len(json.loads(memory.read_text())) == 2
    for damage in ("", "[1]", '{"a": 3}', "{"):
        memory.write_text(damage)
        assert recalled_sha256(file) == sha256(file)
    with pytest.raises(Off2OnError, match="cannot be read"):
        recalled_sha256(tmp_path / "none")
