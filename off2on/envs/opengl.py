"""OpenGL without a display, for MuJoCo's pictures."""

import os
import sys
from ctypes.util import find_library

#: value of MUJOCO_GL -> the library that it needs, in order of preference
_BACKENDS = {"egl": "EGL", "osmesa": "OSMesa"}
#: what helps where there is none
ADVICE = "install libegl1 or libosmesa6 (Debian's names), or set MUJOCO_GL"


def choose_backend() -> None:
    """Set MUJOCO_GL to what this machine has, if the user did not; MuJoCo reads it when it is imported."""
    if sys.platform != "linux" or "MUJOCO_GL" in os.environ or "mujoco" in sys.modules:
        return
    found = next((name for name, library in _BACKENDS.items() if find_library(library)), None)
    if found is not None:
        os.environ["MUJOCO_GL"] = found
