"""The actors shipped with the package, `off2on/actors/<task>/`: how they are chosen, copied, read."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.nn.mlp import Params
from off2on.training.actors import ActorRun

ACTORS = Path(__file__).resolve().parent.parent / "actors"
#: at most this many actors between scratch and medium level
SNAPSHOTS = 16


@dataclass(frozen=True)
class Levels:
    """Deterministic returns, over 10 episodes, that make an actor medium or expert."""

    medium: tuple[float, float]
    expert: float


LEVELS = {
    "halfcheetah": Levels((4000, 6000), 8000),
    "hopper": Levels((900, 1800), 3000),
    "walker2d": Levels((2000, 3500), 3500),
}


def load_actor(task: str, name: str) -> Params:
    """A shipped policy in float32, one member: `name` is medium, expert or one of `snapshot_names`.

    Raises:
        Off2OnError: it is not there, or not readable.
    """
    path = ACTORS / task / f"{name}.safetensors"
    if not path.is_file():
        raise _missing(path, task)
    try:
        return {key: value.float() for key, value in load_file(path).items()}
    except SafetensorError as error:
        raise Off2OnError(
            f"{path} is damaged ({error}); install off2on again, or `off2on train-actors --task {task}`"
        ) from None


def snapshot_names(task: str) -> list[str]:
    """The snapshots of a task in the order of training, the last one of medium level.

    Raises:
        Off2OnError: there are none.
    """
    names = sorted(path.stem for path in (ACTORS / task).glob("snapshot_*.safetensors"))
    if not names:
        raise _missing(ACTORS / task / "snapshot_00.safetensors", task)
    return names


def shipped_run(task: str) -> ActorRun:
    """The settings of the SAC run that made a task's shipped actors.

    Raises:
        Off2OnError: there are none.
    """
    path = ACTORS / task / "settings.json"
    if not path.is_file():
        raise _missing(path, task)
    return ActorRun(**json.loads(path.read_text())["run"])


def ship(
    run: Path,
    task: str,
    medium_epoch: int | None = None,
    expert_epoch: int | None = None,
    expert_run: Path | None = None,
) -> dict[str, Any]:
    """Copy runs of `train_actors` into the package: medium, expert, snapshots, logs and `settings.json`.

    Args:
        run: the directory of the run that medium and snapshots come from.
        task: the task it was trained on.
        medium_epoch: default: the first epoch whose return lies in the medium band.
        expert_epoch: default: the epoch of the best return; it must be of expert level.
        expert_run: the directory of the run that the expert comes from; default: the same.

    Returns:
        What `settings.json` says: settings of the runs and the chosen epochs with their returns.

    Raises:
        Off2OnError: unknown task, the run has no epoch of that level, or not the epoch asked for.
    """
    levels = LEVELS[get_task(task).name]
    expert_run = expert_run or run
    medium = _first_medium(run, _returns(run), levels) if medium_epoch is None else medium_epoch
    expert = _expert(expert_run, _returns(expert_run), levels) if expert_epoch is None else expert_epoch
    # spaced from the first epoch to medium; a run faster than that has fewer
    snapshots = sorted({int(epoch) for epoch in np.linspace(1, medium, SNAPSHOTS).round()})
    chosen = {"medium": (run, medium), "expert": (expert_run, expert)}
    chosen |= {f"snapshot_{j:02d}": (run, epoch) for j, epoch in enumerate(snapshots)}
    for name, (source, epoch) in chosen.items():
        if not _policy(source, epoch).is_file() or epoch not in _returns(source):
            raise Off2OnError(f"{_policy(source, epoch)}: no such checkpoint for '{name}'")
    directory = ACTORS / task
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name, (source, epoch) in chosen.items():
        (directory / f"{name}.safetensors").write_bytes(_policy(source, epoch).read_bytes())
    told = _told(run, directory / "log.jsonl")
    if expert_run != run:
        told["expert_run"] = _told(expert_run, directory / "expert_log.jsonl")
    told["actors"] = {
        name: {"epoch": epoch, "return_mean": _returns(source)[epoch]} for name, (source, epoch) in chosen.items()
    }
    (directory / "settings.json").write_text(json.dumps(told, indent=1) + "\n")
    return told


def _policy(run: Path, epoch: int) -> Path:
    return run / f"policy_{epoch:04d}.safetensors"


def _told(run: Path, log: Path) -> dict[str, Any]:
    """Command and settings of a run, whose log is copied to `log`."""
    log.write_bytes((run / "log.jsonl").read_bytes())
    settings = json.loads((run / "settings.json").read_text())
    words = "off2on train-actors --task {task} --seed {seed} --epochs {epochs} --policy-lr {policy_lr} --out DIR"
    return {"command": words.format(**settings), "run": settings}


def _missing(path: Path, task: str) -> Off2OnError:
    known = sorted(p.parent.name for p in ACTORS.glob("*/medium.safetensors"))
    return Off2OnError(
        f"no shipped actor {path}; tasks with actors: {', '.join(known) or 'none'}; "
        f"make them with `off2on train-actors --task {task}`"
    )


def _returns(run: Path) -> dict[int, float]:
    path = run / "log.jsonl"
    if not path.is_file():
        raise Off2OnError(f"{path}: no such log; {run} was not written by `off2on train-actors`")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["epoch"]: row["return_mean"] for row in rows}


def _first_medium(run: Path, returns: dict[int, float], levels: Levels) -> int:
    low, high = levels.medium
    found = next((epoch for epoch, value in returns.items() if low <= value <= high), None)
    if found is None:
        raise Off2OnError(f"{run}: no epoch's return lies in {low} .. {high} (medium level); train longer")
    return found


def _expert(run: Path, returns: dict[int, float], levels: Levels) -> int:
    best = max(returns, key=returns.__getitem__)
    if returns[best] < levels.expert:
        raise Off2OnError(
            f"{run}: the best return is {returns[best]:.0f}, an expert needs {levels.expert}; train longer"
        )
    return best
