"""A copy of the code, a directory in which the micro scale has run once, and what calls Snakemake."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import micro_scale

CHECKOUT = Path(__file__).resolve().parents[2]
#: where the micro scale puts its results
RESULTS, FIGURES = Path("results/micro/local"), Path("figures/micro/local")
RUN = RESULTS / "runs/halfcheetah/medium/ours/seed0"

Completed = subprocess.CompletedProcess[str]
Snakemake = Callable[..., Completed]


def command(repository: Path, directory: Path, *arguments: str, module: str = "snakemake") -> list[str]:
    where = ["-s", str(repository / "Snakefile"), "--directory", str(directory)]
    return [sys.executable, "-m", module, *where, "--cores", "2", *arguments]


def environment(repository: Path) -> dict[str, str]:
    """The jobs import the package of `repository`, wherever they run."""
    return os.environ | {"PYTHONPATH": str(repository)}


def run(repository: Path, directory: Path, *arguments: str, module: str = "snakemake") -> Completed:
    return subprocess.run(
        command(repository, directory, *arguments, module=module),
        cwd=directory,
        env=environment(repository),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that all processes of pytest-xdist have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def scale(shared: Path) -> Path:
    """The file of the scale `micro`, one for all processes."""
    path = shared / "micro.yaml"
    with FileLock(f"{path}.lock"):
        return path if path.is_file() else micro_scale(path)


@pytest.fixture(scope="session")
def repository(shared: Path) -> Path:
    """A copy of the code, so that an edit of the checkout during the tests changes no hash."""
    root = shared / "repository"
    with FileLock(f"{root}.lock"):
        if not root.exists():
            caches = shutil.ignore_patterns("__pycache__")
            for name in ("off2on", "workflow", "profiles", "config", "docs"):
                shutil.copytree(CHECKOUT / name, root / name, ignore=caches)
            for name in ("Snakefile", "environment.yml"):
                shutil.copy(CHECKOUT / name, root / name)
    return root


@pytest.fixture(scope="session")
def finished(shared: Path, repository: Path, scale: Path) -> Path:
    """The micro scale, run to its report; read only."""
    directory = shared / "micro"
    with FileLock(f"{directory}.lock"):
        if not (directory / "output.txt").is_file():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            done = run(repository, directory, "--config", f"scale={scale}")
            assert done.returncode == 0, done.stdout
            (directory / "output.txt").write_text(done.stdout)
    return directory


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished directory, times of change kept."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture
def snakemake(repository: Path, tmp_path: Path) -> Snakemake:
    """Run Snakemake in tmp_path (or `directory`); give back what it printed and its status."""

    def call(
        *arguments: str, directory: Path = tmp_path, module: str = "snakemake", code: Path = repository
    ) -> Completed:
        return run(code, directory, *arguments, module=module)

    return call
