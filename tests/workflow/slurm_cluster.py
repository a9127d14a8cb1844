"""A Slurm cluster of two nodes on this machine: no accounting, no systemd; needs root and Debian's packages."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = Path("/etc/slurm/slurm.conf")
FIRST_LINE = "# two nodes on one machine, made by off2on's tests\n"
NODES = ("n1", "n2")
PROGRAMS = ("sbatch", "slurmctld", "slurmd", "munged")


def missing() -> str | None:
    """Why there can be no cluster here; None: there can."""
    if not os.environ.get("OFF2ON_TEST_SLURM"):
        return "OFF2ON_TEST_SLURM is not set (.ci/run sets it)"
    if lacking := [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]:
        return f"not installed: {', '.join(lacking)}"
    if os.geteuid():
        return "Slurm's daemons need root here"
    if CONFIGURATION.is_file() and not CONFIGURATION.read_text().startswith(FIRST_LINE):
        return f"{CONFIGURATION} is of another cluster"
    return None


@contextmanager
def slurm(directory: Path) -> Iterator[None]:
    """The cluster, with state and logs in `directory`."""
    CONFIGURATION.parent.mkdir(exist_ok=True)
    # sbatch inside a job looks nowhere else
    CONFIGURATION.write_text(_configuration(directory))
    munge = _start_munge()
    try:
        _call("slurmctld", "-c")
        for node in NODES:
            _call("slurmd", "-N", node)
        _wait_until_idle()
        yield
    finally:
        _call("scontrol", "shutdown")
        if munge is not None:
            munge.terminate()
            munge.wait()
        CONFIGURATION.unlink()


def slurm_says(*words: str) -> str:
    """What a command of Slurm prints."""
    return _call(*words).strip()


def _configuration(directory: Path) -> str:
    host = socket.gethostname().split(".")[0]
    nodes = "".join(
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={17821 + i} CPUs=2 RealMemory=8000\n"
        for i, node in enumerate(NODES)
    )
    return FIRST_LINE + (
        f"""ClusterName=off2on
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=17820
SlurmUser=root
AuthType=auth/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
# finished jobs stay visible to squeue, which is asked where nothing accounts for them
MinJobAge=3600
ReturnToService=2
StateSaveLocation={directory}/state
SlurmctldPidFile={directory}/slurmctld.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdSpoolDir={directory}/spool-%n
SlurmdPidFile={directory}/slurmd-%n.pid
SlurmdLogFile={directory}/slurmd-%n.log
{nodes}PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
"""
    )


def _start_munge() -> "subprocess.Popen[bytes] | None":
    """Slurm's messages are signed by munge; None: it runs already."""
    if subprocess.run(["munge", "-n"], capture_output=True).returncode == 0:
        return None
    run = Path("/run/munge")
    run.mkdir(mode=0o755, exist_ok=True)
    shutil.chown(run, "munge", "munge")
    return subprocess.Popen(["munged", "--foreground"], user="munge", group="munge", env={"PATH": _path()})


def _wait_until_idle() -> None:
    deadline = time.monotonic() + 30
    while slurm_says("sinfo", "-h", "-t", "idle", "-o", "%D") != str(len(NODES)):
        assert time.monotonic() < deadline, slurm_says("sinfo", "-R")
        time.sleep(0.2)


def _call(*words: str) -> str:
    done = subprocess.run(words, env=os.environ | {"PATH": _path()}, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def _path() -> str:
    """Daemons are in directories that only root has on its path."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"
