"""OpenGL without a display, for MuJoCo's pictures."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from ctypes import CDLL, CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_uint, c_void_p
from ctypes.util import find_library

#: what helps where there is none
ADVICE = "install libegl1 with a driver (libgl1-mesa-dri), or libosmesa6 (Debian's names), or set MUJOCO_GL"
#: a picture of an empty scene
_TRIAL = (
    "from off2on.envs.opengl import choose_backend; choose_backend(); import mujoco; "
    "mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 8, 8).render()"
)
_SECONDS = 120


def choose_backend() -> None:
    """Set MUJOCO_GL to what this machine has, if the user did not; MuJoCo reads it when it is imported."""
    if "mujoco" not in sys.modules and (found := _backend()):
        os.environ["MUJOCO_GL"] = found


def advice() -> str:
    """What helps where this process cannot draw."""
    if found := _backend():
        return f"MuJoCo was imported before off2on could choose: import off2on first, or set MUJOCO_GL={found}"
    return ADVICE


def no_pictures() -> str | None:
    """Why this machine draws no pictures; None: it does."""
    _, failure = in_another_process("-c", _TRIAL)
    return f"{failure}; {ADVICE}" if failure else None


def in_another_process(*words: str) -> tuple[str, str | None]:
    """What Python prints that draws, and why it failed, None: it did not. A bad driver can end a process."""
    try:
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603 - no shell
    except subprocess.TimeoutExpired:
        return "", f"no picture after {_SECONDS} s"
    if done.returncode == 0:
        return done.stdout, None
    said: Sequence[str] = done.stderr.strip().splitlines()
    return "", said[-1] if said else f"the process ended with status {done.returncode}"


def _backend() -> str | None:
    """The first value of MUJOCO_GL that would work here; None: none, or the user has set it."""
    if sys.platform != "linux" or "MUJOCO_GL" in os.environ:
        return None
    return next((name for name, works in _BACKENDS.items() if works()), None)


def _egl() -> bool:
    """Whether there is EGL with a device: in a container its library often has no driver."""
    try:
        address = CDLL(find_library("EGL") or "").eglGetProcAddress
        address.restype, address.argtypes = c_void_p, [c_char_p]
        query = CFUNCTYPE(c_uint, c_int, c_void_p, POINTER(c_int))(address(b"eglQueryDevicesEXT"))
        count = c_int()
        return bool(query(0, None, byref(count)) and count.value)
    except (AttributeError, OSError, TypeError, ValueError):
        return False


def _osmesa() -> bool:
    return find_library("OSMesa") is not None


#: values of MUJOCO_GL, in order of preference
_BACKENDS: dict[str, Callable[[], bool]] = {"egl": _egl, "osmesa": _osmesa}
