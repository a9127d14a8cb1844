"""What is wrong on this machine, and how to mend it, before anything runs for hours."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from filelock import FileLock, Timeout

from off2on.data.fetch import d4rl_directory
from off2on.data.inventory import take_inventory
from off2on.data.sources import get_source
from off2on.envs.opengl import ADVICE
from off2on.envs.tasks import get_task
from off2on.gpus import visible_gpus
from off2on.own_tasks import check_environment
from off2on.paths import Layout
from off2on.plan import memory_mb, plan
from off2on.provenance import other_versions
from off2on.reproduce import LOCK, explain_lock
from off2on.scale import Scale
from off2on.scale_jobs import datasets, foreign_datasets

#: the profile of a cluster -> the plugin of Snakemake that it needs
EXECUTORS = {"slurm": "slurm", "kubernetes": "cluster_generic"}


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Literal["ok", "note", "wrong"]
    topic: str
    found: str
    #: what to do; empty: nothing
    mend: str = ""


def examine(scale: Scale, layout: Layout) -> Iterator[Finding]:
    """Look at everything that a run of this scale in this directory needs; a check that fails is a finding."""
    for topic, look in CHECKS.items():
        try:
            yield from look(scale, layout)
        # whatever a broken installation raises
        except Exception as error:
            yield Finding("wrong", topic, str(error).split("\n")[0] or type(error).__name__)


def _python(_scale: Scale, _layout: Layout) -> Iterator[Finding]:
    yield Finding("ok", "Python", f"{sys.version.split()[0]}, {sys.executable}")


def _packages(_scale: Scale, _layout: Layout) -> Iterator[Finding]:
    from packaging.requirements import Requirement

    try:
        needed = requires("off2on") or ()
    except PackageNotFoundError:
        yield Finding(
            "note", "packages", "off2on runs from its checkout without being installed", "pip install -e ."
        )
        return
    for text in needed:
        wanted = Requirement(text)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            yield Finding("wrong", "packages", f"{wanted.name} is missing", f"pip install '{wanted}'")
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            yield Finding("wrong", "packages", f"{wanted.name} {found}", f"pip install '{wanted}'")
    others = other_versions()
    if others:
        named = ", ".join(f"{name} {found}" for name, found in others.items())
        mend = "numbers are promised for constraints.txt alone: make setup (docs/installing.md)"
        yield Finding("note", "packages", f"other versions than the exact set: {named}", mend)
    else:
        yield Finding("ok", "packages", "the exact set" if others == {} else "no constraints.txt to compare with")


def _torch(_scale: Scale, _layout: Layout) -> Iterator[Finding]:
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    yield Finding("ok", "torch", f"{torch.__version__}, built for {build}")
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        card = torch.cuda.get_device_properties(index)
        yield Finding("ok", "torch", f"device {index}: {card.name}, {card.total_memory / 2**30:.0f} GiB")
    if torch.version.cuda and not torch.cuda.is_available():
        mend = "on a machine with a card: check the driver with nvidia-smi; else a CPU build is smaller"
        yield Finding("note", "torch", "a CUDA build, and no device", mend)
    if not torch.version.cuda and (gpus := visible_gpus()):
        mend = "to train on them: make setup TORCH_INDEX=... of your CUDA version (docs/installing.md)"
        yield Finding("note", "torch", f"a CPU build, and GPUs are here: {', '.join(gpus)}", mend)


def _mujoco(scale: Scale, _layout: Layout) -> Iterator[Finding]:
    import mujoco

    from off2on.envs.make import make_env

    # those from pixels are made where pictures are looked at
    names = [name for name in scale.tasks if name not in _from_pixels(scale)]
    for name in names:
        check_environment(get_task(name))
        env = make_env(get_task(name))
        env.reset(seed=0)
        env.step(env.action_space.sample() * 0)
    yield Finding("ok", "MuJoCo", f"{mujoco.__version__}{', a step of ' * bool(names)}{', '.join(names)}")


def _from_pixels(scale: Scale) -> list[str]:
    return [name for name in scale.tasks if get_task(name).observation.is_image]


def _rendering(scale: Scale, _layout: Layout) -> Iterator[Finding]:
    from off2on.training.render import render

    seeing = _from_pixels(scale)
    # of a task of one's own there is no picture
    drawn = next(name for name in (*seeing, *scale.tasks, "halfcheetah") if name not in scale.own_tasks)
    with TemporaryDirectory() as directory:
        info = render(get_task(drawn), Path(directory) / "picture.png")
    if info["image"]:
        yield Finding("ok", "rendering", f"off screen by {info['backend']}")
    else:
        lost = f"a run leaves out {', '.join(seeing)} and the pictures" if seeing else "a run leaves out Figure 6"
        yield Finding("note", "rendering", f"{lost}: {info['reason']}", ADVICE)


def _machine(scale: Scale, _layout: Layout) -> Iterator[Finding]:
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    yield Finding("ok", "processor", f"{cores} cores, load {load:.1f}")
    if load > cores / 2:
        yield Finding("note", "processor", "others are at work: runs take longer than their estimate")
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads not in {None, "1"}:
        mend = "unset OMP_NUM_THREADS; jobs use one thread each whatever it says, programs of your own do not"
        yield Finding("note", "threads", f"OMP_NUM_THREADS={threads}", mend)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    largest = max((memory_mb(scale, *pair) for pair in datasets(scale)), default=memory_mb(scale, "", "none"))
    jobs = max(1, int(memory / 1e6 / largest))
    mend = f"with the largest datasets: --cores {jobs}" if jobs < cores else ""
    found = f"{memory / 2**30:.0f} GiB, a job on the largest dataset takes {largest / 1000:.1f} GB"
    yield Finding("note" if mend else "ok", "memory", found, mend)


def _disk(scale: Scale, layout: Layout) -> Iterator[Finding]:
    here = layout.root.absolute()
    total, free = plan(scale).total, shutil.disk_usage(here).free
    needed = total.disk_bytes + (os.cpu_count() or 1) * total.running_bytes
    found = f"{free / 1e9:.1f} GB free in {here}, scale {scale.name} needs up to {needed / 1e9:.1f}"
    if free < needed:
        yield Finding("wrong", "disk", found, "free some, or run in another directory (snakemake --directory)")
    else:
        yield Finding("ok", "disk", found)
    with TemporaryDirectory(dir=here) as directory:
        _check_lock(Path(directory) / "lock")
    yield Finding("ok", "disk", "files can be written and locked")


def _check_lock(path: Path) -> None:
    """A file system that grants a lock twice would let two jobs write one directory."""
    with FileLock(path):
        try:
            FileLock(path).acquire(timeout=0)
        except Timeout:
            return
    raise OSError(f"the file system of {path.parent.parent} does not keep locks; run on a local disk")


def _data(scale: Scale, layout: Layout) -> Iterator[Finding]:
    source = get_source(scale.source)
    if source.made_here:
        yield Finding("ok", "data", f"source {source.name}: made by the run")
        return
    pairs = foreign_datasets(scale)
    found = take_inventory(source, layout, pairs, pairs, scale.argument)
    missing = found.missing
    yield Finding(
        "ok", "data", f"source {source.name}: {len(pairs) - len(missing)} of {len(pairs)} are in their place"
    )
    for note in found.notes:
        yield Finding("note", "data", note, f"off2on fetch --scale {scale.argument} --source {source.name}")
    if missing:
        free, where = _free(d4rl_directory()), d4rl_directory()
        yield Finding("ok", "data", f"{free / 1e9:.1f} GB free for downloads to {where}")


def _free(directory: Path) -> int:
    """Bytes where a directory is or will be."""
    there = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.is_dir())
    return shutil.disk_usage(there).free


def _snakemake(_scale: Scale, layout: Layout) -> Iterator[Finding]:
    profiles = [name for name, module in EXECUTORS.items() if find_spec(f"snakemake_executor_plugin_{module}")]
    found = f"{version('snakemake')}, profiles that can run here: {', '.join(['default', *profiles])}"
    yield Finding("ok", "Snakemake", found)
    locks = layout.root / ".snakemake" / "locks"
    if (layout.root / LOCK).is_file() and locks.is_dir() and any(locks.iterdir()):
        yield Finding("wrong", "Snakemake", "its lock is in this directory", explain_lock())


CHECKS: dict[str, Callable[[Scale, Layout], Iterator[Finding]]] = {
    "Python": _python,
    "packages": _packages,
    "torch": _torch,
    "MuJoCo": _mujoco,
    "rendering": _rendering,
    "processor": _machine,
    "disk": _disk,
    "data": _data,
    "Snakemake": _snakemake,
}
