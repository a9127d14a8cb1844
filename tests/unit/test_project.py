"""pyproject.toml, constraints.txt, environment.yml, Makefile and documents say the same."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import off2on
from off2on.config import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
CONSTRAINTS = (REPOSITORY / "constraints.txt").read_text().split()
PINS = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in CONSTRAINTS}
MAKEFILE = (REPOSITORY / "Makefile").read_text()


LOWEST = dict(
    line.split("==") for line in (REPOSITORY / "constraints-lowest.txt").read_text().splitlines() if "==" in line
)


def test_dependencies_are_ranges_that_have_the_exact_set_and_end_at_what_was_tested() -> None:
    for text in PROJECT["dependencies"]:
        requirement = Requirement(text)
        assert PINS[canonicalize_name(requirement.name)] in requirement.specifier, text
        (lower,) = (part.version for part in requirement.specifier if part.operator == ">=")
        assert Version(lower) == Version(LOWEST[requirement.name]), text
    assert len(LOWEST) == len(PROJECT["dependencies"])


def test_extras_for_clusters_have_the_exact_set() -> None:
    extras = PROJECT["optional-dependencies"]
    for text in extras["slurm"] + extras["kubernetes"]:
        requirement = Requirement(text)
        assert PINS[canonicalize_name(requirement.name)] in requirement.specifier, text


def test_tools_are_pinned_as_in_the_constraints() -> None:
    extras = PROJECT["optional-dependencies"]
    for text in extras["dev"] + extras["browser"]:
        requirement = Requirement(text)
        assert str(requirement.specifier) == f"=={PINS[canonicalize_name(requirement.name)]}", text


def test_constraints_are_exact_and_name_no_build() -> None:
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+", line) for line in CONSTRAINTS)
    assert len(PINS) == len(CONSTRAINTS)
    assert "off2on" not in PINS


def test_conda_users_get_the_same_versions() -> None:
    packages = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    assert packages[-1] == {"pip": CONSTRAINTS}
    assert packages[0] == f"python {PROJECT['requires-python']}"


def test_the_makefile_installs_the_pinned_torch_first() -> None:
    lines = [line for line in MAKEFILE.splitlines() if "pip install" in line]
    assert f"torch=={PINS['torch']}" in lines[0]
    assert "-e '.[dev]'" in lines[1]
    assert all("-c constraints.txt" in line for line in lines)


def test_ci_does_what_the_readme_says() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()


def test_documents_name_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", "config/README.md"):
        used = re.findall(r"^(?:    )?make ([a-z]+)", (REPOSITORY / name).read_text(), re.MULTILINE)
        assert set(used) <= targets, name


def test_one_version() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    assert off2on.__version__ == PROJECT["version"] == citation["version"]
    assert f"## [{PROJECT['version']}]" in changelog


def make(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The Makefile in a directory that has no .venv."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, directory)
    # `make test` runs this test: what it tells its children is not for this make
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment.pop("MFLAGS", None)
    return subprocess.run(["make", *arguments], cwd=directory, capture_output=True, text=True, env=environment)


def test_make_refuses_an_old_python_in_one_message(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 || exit 1\n')
    old.chmod(0o755)
    done = make(tmp_path, "reproduce", f"PYTHON={old}")
    assert done.returncode != 0
    assert f"off2on needs Python 3.11 or newer; '{old}' is Python 3.9.1" in done.stderr
    assert "make reproduce PYTHON=python3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_passes_scale_target_and_options_on(tmp_path: Path) -> None:
    words = ["SCALE=smoke", "CORES=2", "TARGET=fig_4a", "CONFIG=seeds=2", "ARGS=--dry-run"]
    done = make(tmp_path, "--dry-run", "reproduce", *words)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.endswith("off2on.reproduce --cores 2 fig_4a --config scale=smoke seeds=2 --dry-run")
    assert "--extra-index-url URL" in make(tmp_path, "-n", "setup", "TORCH_INDEX=URL").stdout


def test_make_adopt_passes_every_word_of_config_on(tmp_path: Path) -> None:
    done = make(tmp_path, "--dry-run", "adopt", "SCALE=smoke", "CONFIG=seeds=2 'tasks=[hopper,walker2d]'")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.endswith("off2on adopt --scale smoke --config seeds=2 --config 'tasks=[hopper,walker2d]'")
