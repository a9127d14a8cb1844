"""Shared fixtures: a scale of seconds, and a finished dataset and pre-training at that scale."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from off2on.algorithms import ALGORITHMS
from off2on.envs.opengl import no_pictures

os.environ.setdefault("OMP_NUM_THREADS", "1")
# no test asks D4RL's server, or looks into anybody's files
NOWHERE = str(Path(tempfile.gettempdir()) / "off2on-nowhere")
os.environ |= {"OFF2ON_D4RL_MIRROR": "http://127.0.0.1:9", "D4RL_DATASET_DIR": NOWHERE}
os.environ |= {"MINARI_DATASETS_PATH": NOWHERE}
torch.set_num_threads(1)


def micro_scale(path: Path, **sections: dict[str, Any]) -> Path:
    """Write the scale of tests/micro.yaml with the example of every algorithm, and with changes by section."""
    scale = yaml.safe_load((Path(__file__).parent / "micro.yaml").read_text())
    examples = {name: spec.example.model_dump(mode="json") for name, spec in ALGORITHMS.items() if spec.example}
    whole = scale | examples
    path.write_text(yaml.safe_dump(whole | {name: whole[name] | changes for name, changes in sections.items()}))
    return path


@pytest.fixture(scope="session")
def micro_yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the scale `micro`."""
    return micro_scale(tmp_path_factory.mktemp("scale") / "micro.yaml")


def run_off2on(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m off2on` with the arguments in `cwd`."""
    command = [sys.executable, "-m", "off2on", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="session")
def micro(tmp_path_factory: pytest.TempPathFactory, micro_yaml: Path) -> Path:
    """A directory with the dataset and the offline agents of the scale `micro`; copy it before writing."""
    directory = tmp_path_factory.mktemp("micro")
    common = ("--scale", micro_yaml, "--task", "halfcheetah", "--dataset", "medium")
    for arguments in (("collect", *common), ("pretrain", *common)):
        done = run_off2on(*arguments, cwd=directory)
        assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="session")
def opengl() -> None:
    """For tests that draw: skipped where this machine cannot."""
    if reason := no_pictures():
        pytest.skip(reason)
