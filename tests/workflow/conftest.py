"""A directory in which the micro scale has run once, shared by all tests, and what calls Snakemake."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

REPOSITORY = Path(__file__).resolve().parents[2]
MICRO = REPOSITORY / "tests" / "micro.yaml"
#: where the micro scale puts its results
RESULTS, FIGURES = Path("results/micro/local"), Path("figures/micro/local")
RUN = RESULTS / "runs/halfcheetah/medium/ours/seed0"

Snakemake = Callable[..., "subprocess.CompletedProcess[str]"]


def command(
    directory: Path, *arguments: str, module: str = "snakemake", repository: Path = REPOSITORY
) -> list[str]:
    where = ["-s", str(repository / "Snakefile"), "--directory", str(directory)]
    return [sys.executable, "-m", module, *where, "--cores", "2", *arguments]


def environment(repository: Path = REPOSITORY) -> dict[str, str]:
    """The jobs import the package of `repository`, wherever they run."""
    return os.environ | {"PYTHONPATH": str(repository)}


@pytest.fixture
def snakemake(tmp_path: Path) -> Snakemake:
    """Run Snakemake in tmp_path (or `directory`), and give back what it printed and its status."""

    def call(
        *arguments: str, directory: Path = tmp_path, module: str = "snakemake", repository: Path = REPOSITORY
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command(directory, *arguments, module=module, repository=repository),
            cwd=directory,
            env=environment(repository),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The micro scale, run to its report; read only. The processes of pytest-xdist share one."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "micro"
    with FileLock(f"{shared}.lock"):
        if not (shared / "output.txt").is_file():
            shutil.rmtree(shared, ignore_errors=True)
            shared.mkdir()
            run = subprocess.run(
                command(shared, "--config", f"scale={MICRO}"),
                cwd=shared,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert run.returncode == 0, run.stdout
            (shared / "output.txt").write_text(run.stdout)
    return shared


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished directory, times of change kept."""
    return Path(shutil.copytree(finished, tmp_path / "copy", ignore=shutil.ignore_patterns(".off2on.lock")))
