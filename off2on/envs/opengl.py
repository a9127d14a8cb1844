"""OpenGL without a display, for MuJoCo's pictures."""

import os
import subprocess
import sys
from ctypes.util import find_library

#: value of MUJOCO_GL -> the library that it needs, in order of preference
_BACKENDS = {"egl": "EGL", "osmesa": "OSMesa"}
#: what helps where there is none
ADVICE = "install libegl1 or libosmesa6 (Debian's names), or set MUJOCO_GL"
#: a picture of an empty scene
_TRIAL = (
    "from off2on.envs.opengl import choose_backend; choose_backend(); import mujoco; "
    "mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 8, 8).render()"
)
_SECONDS = 60


def choose_backend() -> None:
    """Set MUJOCO_GL to what this machine has, if the user did not; MuJoCo reads it when it is imported."""
    if sys.platform != "linux" or "MUJOCO_GL" in os.environ or "mujoco" in sys.modules:
        return
    found = next((name for name, library in _BACKENDS.items() if find_library(library)), None)
    if found is not None:
        os.environ["MUJOCO_GL"] = found


def no_pictures() -> str | None:
    """Why this machine draws no pictures; None: it does. A bad driver can end a process: another one tries."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            [sys.executable, "-c", _TRIAL], capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no picture after {_SECONDS} s; {ADVICE}"
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()
    return f"{said[-1] if said else f'the process ended with status {done.returncode}'}; {ADVICE}"
