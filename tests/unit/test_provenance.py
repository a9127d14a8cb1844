import resource
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from off2on import provenance as module
from off2on.provenance import peak_memory_mb, provenance


def test_outside_a_repository_commit_and_dirty_flag_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPOSITORY", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    module._git.cache_clear()
    told = provenance()
    module._git.cache_clear()
    assert (told["git_commit"], told["git_dirty"]) == (None, None)


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_peak_memory_is_in_mb_on_each_platform(platform: str, unit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    peak = SimpleNamespace(ru_maxrss=100 * 1024**2 // unit)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda _who: peak)
    assert peak_memory_mb() == 100


def test_what_is_not_of_the_exact_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = {"torch": version("torch").split("+")[0], "PyYAML": version("pyyaml"), "not-installed": "3"}
    (tmp_path / "constraints.txt").write_text("".join(f"{name}=={v}\n" for name, v in exact.items()))
    monkeypatch.setattr(module, "REPOSITORY", tmp_path)

    def found() -> dict[str, str] | None:
        module.other_versions.cache_clear()
        return module.other_versions()

    assert found() == {}
    (tmp_path / "constraints.txt").write_text("torch==1.0\nnumpy==1.0\n")
    assert found() == {"numpy": version("numpy"), "torch": exact["torch"]}
    (tmp_path / "constraints.txt").unlink()
    assert found() is None
    module.other_versions.cache_clear()
