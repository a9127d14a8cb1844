import errno
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from off2on.errors import Off2OnError
from off2on.files import atomic, read_text, remove_leftovers, sha256, write_text


def fail_half_way(path: Path, error: BaseException) -> None:
    with atomic(path) as temporary:
        temporary.write_text("half of the n")
        raise error


def test_a_written_file_has_its_name_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_full_disk_is_one_clear_error_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(Off2OnError, match=r"cannot write .*file\.txt: No space left.*same command"):
        fail_half_way(path, OSError(errno.ENOSPC, "No space left on device"))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_an_interrupt_leaves_no_temporary_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail_half_way(tmp_path / "file.txt", KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"off2on")
    assert sha256(path) == hashlib.sha256(b"off2on").hexdigest()


def test_a_file_that_cannot_be_hashed_is_named(tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match="nowhere cannot be read: No such file"):
        sha256(tmp_path / "nowhere")


def test_leftovers_of_ended_processes_are_removed(tmp_path: Path) -> None:
    """A kill -9 in the middle of writing leaves a temporary file behind; the next writer sweeps it."""
    code = "import os, sys; from pathlib import Path; from off2on.files import atomic\n"
    code += "with atomic(Path(sys.argv[1])): print(os.getpid(), flush=True); os.kill(os.getpid(), 9)"
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.csv")], stdout=subprocess.PIPE, text=True
    )
    assert killed.returncode == -9
    (left,) = tmp_path.iterdir()
    assert f"-{killed.stdout.strip()}." in left.name
    foreign = [tmp_path / ".a.csv.elsewhere-1.x.csv", tmp_path / ".b.csv.x1.csv"]
    for path in foreign:
        path.write_text("")
    write_text(tmp_path / "a.csv", "whole")
    assert sorted(tmp_path.iterdir()) == sorted([*foreign, tmp_path / "a.csv"])
    remove_leftovers(tmp_path / "a.csv", locked=True)
    assert sorted(tmp_path.iterdir()) == sorted([foreign[1], tmp_path / "a.csv"])


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "is missing; make it"), (b"ab\xff", "is not UTF-8 text .byte 2"), (b"x" * 11, "has 11 bytes")],
)
def test_text_from_outside(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Off2OnError, match=told):
        read_text(path, "make it", largest=10)
    with pytest.raises(Off2OnError, match="cannot be read: Is a directory"):
        read_text(tmp_path)
