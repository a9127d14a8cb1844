"""Which GPU a job gets: several share one, so that environments step on the CPU meanwhile. Nothing loads torch."""

import os
import tempfile
from itertools import count, takewhile
from pathlib import Path

from filelock import FileLock, Timeout

#: what `--device` and `device=` of `--config` take
DEVICES = ("cpu", "cuda", "auto")
#: jobs that share a GPU: of the time of a fine-tuning run a quarter is the GPU's
SLOTS = 4
_DEV = Path("/dev")


def visible_gpus() -> list[str]:
    """Names as CUDA_VISIBLE_DEVICES has them: what a scheduler left to this process, or all of the machine."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        # CUDA takes none from the first wrong name on: -1 hides all
        names = (name.strip() for name in given.split(","))
        return list(takewhile(lambda name: name and not name.startswith("-"), names))
    # CUDA counts those that it sees from 0, also in a container, where the file of one may be /dev/nvidia3
    return [str(index) for index, _ in enumerate(_DEV.glob("nvidia[0-9]*"))]


def kind_of(device: str) -> str:
    """The kind that "auto" stands for: "cuda" where there is a GPU, or else "cpu"."""
    return device if device != "auto" else ("cuda" if visible_gpus() else "cpu")


def take_gpu(directory: Path | None = None) -> FileLock | None:
    """Choose the GPU with the fewest jobs for this process; before CUDA starts.

    A job holds a numbered slot of its GPU, by a lock that ends with the process, however it ends. It never waits:
    how many jobs run at once is the business of who starts them.

    Args:
        directory: of the locks; default: one a user, below that of temporary files.

    Returns:
        what keeps the slot as long as it lives; None: there is no GPU.
    """
    gpus = visible_gpus()
    if not gpus:
        return None
    directory = directory or Path(tempfile.gettempdir()) / f"off2on-gpus-{os.getuid()}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for slot in count():
        for gpu in gpus:
            lock = FileLock(directory / f"{gpu.replace('/', '_')}.{slot}")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            return lock
    raise AssertionError("slots have no end")
