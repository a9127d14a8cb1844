import errno
import hashlib
from pathlib import Path

import pytest

from off2on.errors import Off2OnError
from off2on.files import atomic, sha256, write_text


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
