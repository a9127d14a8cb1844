"""The code hash changes with what the code does, and with nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from off2on.codehash import code_hash, reachable

MODULES = {
    "__init__": "",
    "entry": '"""Doc."""\nfrom pkg.agents.cql import step\ndef run():\n    from pkg import late\n    step(late)\n',
    "late": "VALUE = 1\n",
    "other": "VALUE = 1\n",
    "agents/__init__": "",
    "agents/cql": "from ..shared import scale\nfrom . import loss\ndef step(x):\n    return scale(x) + loss.A\n",
    "agents/loss": "A = 1\n",
    "shared": 'def scale(x):\n    """Double."""\n    return 2 * x\n',
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "pkg"
    for name, text in MODULES.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def edit(package: Path, name: str, old: str, new: str) -> None:
    path = package / f"{name}.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_imports_are_followed_into_functions_packages_and_relative_names(package: Path) -> None:
    assert set(reachable(["pkg.entry"], package)) == {
        "pkg",
        "pkg.entry",
        "pkg.late",
        "pkg.agents",
        "pkg.agents.cql",
        "pkg.agents.loss",
        "pkg.shared",
    }


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("shared", '"""Double."""', '"""Twice as much."""'),
        ("shared", '    """Double."""\n', ""),
        ("shared", "return 2 * x", "return 2 * x  # twice"),
        ("entry", '"""Doc."""\n', "# doc\n\n"),
        ("other", "VALUE = 1", "VALUE = 2"),
    ],
)
def test_comments_docstrings_and_unrelated_modules_change_nothing(
    package: Path, name: str, old: str, new: str
) -> None:
    before = code_hash("pkg.entry", package=package)
    edit(package, name, old, new)
    assert code_hash("pkg.entry", package=package) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("shared", "2 * x", "3 * x"), ("late", "VALUE = 1", "VALUE = 2"), ("agents/loss", "A = 1", "A = 2")],
)
def test_an_edit_of_a_dependency_changes_the_hash(package: Path, name: str, old: str, new: str) -> None:
    before = code_hash("pkg.entry", package=package)
    edit(package, name, old, new)
    assert code_hash("pkg.entry", package=package) != before


def test_the_hash_is_over_bytes_not_places(package: Path, tmp_path: Path) -> None:
    template = tmp_path / "page.html.j2"
    template.write_text("a")
    before = code_hash("pkg.entry", files=[template], package=package)
    (tmp_path / "elsewhere").mkdir()
    moved = package.rename(tmp_path / "elsewhere" / "pkg")
    assert code_hash("pkg.entry", files=[template], package=moved) == before
    template.write_text("b")
    assert code_hash("pkg.entry", files=[template], package=moved) != before


def test_an_unknown_entry_is_an_error(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"pkg\.missing"):
        code_hash("pkg.missing", package=package)


def test_nothing_is_imported_to_hash_training_code() -> None:
    code = (
        "import sys; from off2on.codehash import code_hash, reachable\n"
        "code_hash('off2on.agents.sac'); assert 'off2on.nn.mlp' in reachable(['off2on.agents.sac'])\n"
        "assert not {'torch', 'numpy', 'off2on.agents'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
