"""`make reproduce`: one Snakemake per directory, and a clean start after a killed one.

A SIGKILL of Snakemake leaves its lock behind, and Snakemake cannot tell it from the lock of a live process. So
every run of the workflow also holds `.off2on.lock`, which the kernel releases with the process: whoever gets it
knows that Snakemake's own lock is stale and may remove it.

    python -m off2on.reproduce --cores all --config scale=quick
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from off2on.errors import Off2OnError

LOCK = Path(".off2on.lock")
#: names the process that took the lock before it became Snakemake
HOLDER = "OFF2ON_LOCK_HOLDER"


def hold(lock: Path = LOCK) -> int:
    """Take the lock until this process ends, and return its file descriptor.

    Raises:
        Off2OnError: another process holds it.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 20, 0).decode()
        os.close(descriptor)
        raise Off2OnError(
            f"process {owner} runs the workflow in {lock.absolute().parent}. Let it finish, or stop it with "
            f"'kill {owner}'; to run two at once, use another directory (--directory)"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def hold_unless_held() -> None:
    """Take the lock, unless `main` took it before this process became Snakemake."""
    if os.environ.get(HOLDER) != str(os.getpid()):
        hold()


def explain_lock() -> str:
    """What Snakemake's own lock in this directory means, which Snakemake itself cannot tell."""
    try:
        os.close(hold())
    except Off2OnError as error:
        return str(error)
    return "a killed Snakemake left its lock here. Run `make reproduce`, or `snakemake --unlock` and try again"


def main() -> None:
    """Take the lock, remove a stale one of Snakemake, and become Snakemake with the same arguments."""
    try:
        os.set_inheritable(hold(), True)
    except Off2OnError as error:
        _say(f"error: {error}")
        sys.exit(2)
    snakemake = [sys.executable, "-m", "snakemake"]
    os.environ[HOLDER] = str(os.getpid())
    locks = Path(".snakemake/locks")
    if locks.is_dir() and any(locks.iterdir()):
        unlocked = subprocess.run([*snakemake, *sys.argv[1:], "--unlock"], check=False)  # noqa: S603 - our own words
        if unlocked.returncode:
            sys.exit(unlocked.returncode)
    os.execv(sys.executable, [*snakemake, *sys.argv[1:]])  # noqa: S606 - no shell wanted


def _say(text: str) -> None:
    print(f"off2on: {text}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
