"""OpenGL without a display: which kind is chosen, and what is said where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from off2on.envs import opengl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MuJoCo has one kind of OpenGL")
#: a picture of a task from pixels, and what was chosen
DRAW = "env = gymnasium.make('off2on/PickPlace-v0'); env.reset(); import os; print(os.environ['MUJOCO_GL'])"


def python(code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if name != "MUJOCO_GL"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=own | variables)


@pytest.mark.usefixtures("opengl")
def test_another_environment_made_before_takes_no_pictures_away() -> None:
    other = "gymnasium.make('HalfCheetah-v4').reset()"
    done = python(f"import gymnasium, off2on; {other}; {DRAW}")
    assert (done.returncode, done.stdout.strip() in opengl._BACKENDS) == (0, True), done.stderr


@pytest.mark.usefixtures("opengl")
def test_mujoco_imported_too_early_is_said() -> None:
    done = python(f"import mujoco, gymnasium, off2on; {DRAW}", DISPLAY="")
    assert done.returncode == 1
    assert "MuJoCo was imported before off2on could choose: import off2on first, or set MUJOCO_GL=" in done.stderr


def test_a_library_without_a_driver_is_not_chosen(tmp_path: Path) -> None:
    chosen = "from off2on.envs.opengl import _egl; print(_egl())"
    assert python(chosen, __EGL_VENDOR_LIBRARY_DIRS=str(tmp_path)).stdout.strip() == "False"


def test_the_first_that_works_is_chosen_and_the_users_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    # as if nothing had imported it
    monkeypatch.delitem(sys.modules, "mujoco", raising=False)
    monkeypatch.setattr(opengl, "_BACKENDS", {"egl": lambda: False, "osmesa": lambda: False})
    opengl.choose_backend()
    assert "MUJOCO_GL" not in os.environ
    monkeypatch.setattr(opengl, "_BACKENDS", {"egl": lambda: False, "osmesa": lambda: True})
    opengl.choose_backend()
    assert os.environ["MUJOCO_GL"] == "osmesa"
    monkeypatch.setattr(opengl, "_BACKENDS", {"egl": lambda: True})
    opengl.choose_backend()
    assert os.environ["MUJOCO_GL"] == "osmesa"


def test_a_process_that_says_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "false")
    assert opengl.in_another_process("-c", "") == ("", "the process ended with status 1")
