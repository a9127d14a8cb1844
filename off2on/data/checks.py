"""The checks on the arrays of a dataset file; each error names file, key and row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from off2on.errors import Off2OnError, shown
from off2on.observations import ObservationSpec

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]

#: actions may leave [-1, 1] by rounding, not by more
ACTION_TOLERANCE = 1e-3


class TaskSizes(Protocol):
    """What a dataset is checked against; `off2on.envs.tasks.Task` has it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def observation(self) -> ObservationSpec: ...  # noqa: D102
    @property
    def action_size(self) -> int: ...  # noqa: D102
    @property
    def horizon(self) -> int: ...  # noqa: D102


def floats(path: Path, name: str, array: NDArray[Any]) -> Floats:
    """A finite array as float32."""
    if array.dtype.kind != "f":
        raise Off2OnError(f"{path}: key '{name}' has type {array.dtype}, expected float32")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(np.argwhere(bad)[0, 0])
        count = int(bad.reshape(len(bad), -1).any(1).sum())
        raise Off2OnError(
            f"{path}: key '{name}', row {row}: NaN or infinite ({count} such rows); repair or remove them"
        )
    return array


def images(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Images stay uint8."""
    if array.dtype != np.uint8:
        raise Off2OnError(f"{path}: key '{name}' has type {array.dtype}, expected uint8")
    return array


def column(array: NDArray[Any]) -> NDArray[Any]:
    """`[N, 1]` -> `[N]`; any other shape as it is."""
    return array[:, 0] if array.shape[1:] == (1,) else array


def shapes(path: Path, columns: Mapping[str, NDArray[Any]], task: TaskSizes | None) -> None:
    """As many rows of each, of the task's sizes."""
    size = len(columns["observations"])
    width = {name: array.shape[1] if array.ndim == 2 else -1 for name, array in columns.items()}
    observation = (width["observations"],) if task is None else task.observation.shape
    wanted: dict[str, tuple[int, ...]] = {
        "observations": (size, *observation),
        "actions": (size, width["actions"] if task is None else task.action_size),
        "rewards": (size,),
    }
    owner = "the observations" if task is None else f"{size} rows of {task.name}"
    for name, shape in wanted.items():
        if columns[name].shape != shape:
            raise Off2OnError(
                f"{path}: key '{name}' has shape {columns[name].shape}, expected {shape} for {owner}"
            )
    if size < 2:
        raise Off2OnError(f"{path}: key 'observations' has {size} rows; a transition needs two")


def actions(path: Path, actions: Floats) -> None:
    """Actions lie in [-1, 1]."""
    beyond = np.abs(actions).max(1) > 1.0 + ACTION_TOLERANCE
    if beyond.any():
        row = int(beyond.argmax())
        raise Off2OnError(
            f"{path}: key 'actions', row {row}: {actions[row].tolist()} leaves [-1, 1]; rescale the actions"
        )


def marks(path: Path, name: str, array: NDArray[Any], size: int) -> Marks:
    """A mark for every row, 0 or 1, whatever its type: D4RL has some as floats."""
    array = column(array)
    if array.shape != (size,):
        raise Off2OnError(f"{path}: key '{name}' has shape {array.shape}, expected ({size},) as the observations")
    if array.dtype.kind not in "buif":
        raise Off2OnError(f"{path}: key '{name}' has type {array.dtype}, expected bool")
    other = (array != 0) & (array != 1)
    if other.any():
        row = int(other.argmax())
        raise Off2OnError(f"{path}: key '{name}', row {row}: {array[row]} is neither 0 nor 1")
    return array.astype(np.bool_)


def origin(path: Path, array: NDArray[Any], names: tuple[str, ...], size: int) -> NDArray[np.uint8]:
    """Where each row comes from, every value named."""
    if array.shape != (size,) or array.dtype != np.uint8:
        raise Off2OnError(f"{path}: key 'origin' is {array.dtype} {array.shape}, expected uint8 ({size},)")
    unnamed = array >= len(names)
    if unnamed.any():
        row = int(unnamed.argmax())
        raise Off2OnError(
            f"{path}: key 'origin', row {row}: {array[row]} has no name in its attribute 'names' {names}"
        )
    return np.asarray(array, np.uint8)


def belongs(path: Path, attributes: Mapping[str, Any], named: Mapping[str, str]) -> None:
    """What a file says of itself agrees with what the job calls it; D4RL's files say nothing."""
    for key, wanted in named.items():
        if key in attributes and attributes[key] != wanted:
            raise Off2OnError(
                f"{path}: its attribute {key} is {shown(attributes[key])}, the job reads {shown(wanted)}; give "
                "the right file, or name the job after this one"
            )
