"""Shared fixtures: a scale of seconds, and a finished dataset and pre-training at that scale."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

MICRO = Path(__file__).parent / "micro.yaml"


def run_off2on(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m off2on` with the arguments in `cwd`."""
    command = [sys.executable, "-m", "off2on", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="session")
def micro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the dataset and the offline agents of `tests/micro.yaml`; copy it before writing."""
    directory = tmp_path_factory.mktemp("micro")
    common = ("--scale", MICRO, "--task", "halfcheetah", "--dataset", "medium")
    for arguments in (("collect", *common), ("pretrain", *common)):
        done = run_off2on(*arguments, cwd=directory)
        assert done.returncode == 0, done.stderr
    return directory
