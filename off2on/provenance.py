"""What a result came from: commit, versions, hardware (docs/results-format.md)."""

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from off2on.config import REPOSITORY

PACKAGES = ("off2on", "torch", "numpy", "gymnasium", "mujoco", "h5py", "pandas", "snakemake", "safetensors")


def provenance() -> dict[str, Any]:
    """Commit and dirty flag (None outside a repository), package versions, processor and graphics card."""
    status = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
        "other_versions": other_versions(),
        "packages": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "cpu": _cpu(),
        "gpu": _gpu(),
        "host_cores": os.cpu_count(),
    }


@cache
def other_versions() -> dict[str, str] | None:
    """The installed packages that have another version than in constraints.txt: numbers are promised for that set.

    Empty: the exact set; None: there is no constraints.txt beside the package. A build, as in 2.13.0+cpu, does not
    count.
    """
    path = REPOSITORY / "constraints.txt"
    if not path.is_file():
        return None
    exact = dict(line.split("==") for line in path.read_text(encoding="utf-8").split())
    wanted = {_canonical(name): version for name, version in exact.items()}
    # of two installations the first on the path is the one that is imported
    installed = [d for d in reversed(list(distributions())) if d.metadata["Name"]]
    found = {_canonical(d.metadata["Name"]): d.version.split("+")[0] for d in installed}
    return {name: found[name] for name in sorted(wanted) if found.get(name, wanted[name]) != wanted[name]}


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-")


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def peak_memory_mb() -> float:
    """The largest resident size of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux KiB
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)


def config_hash(settings: Mapping[str, Any]) -> str:
    """A short hash of resolved settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", *arguments],  # noqa: S607
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
