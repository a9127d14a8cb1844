"""Offline datasets in D4RL's HDF5 layout: one file, checked when it is opened [S101, S103]."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from off2on.data import checks
from off2on.data.checks import Floats, Marks, TaskSizes
from off2on.data.hdf5 import ATTRIBUTES, Attribute, opened, origin_names, read_array, read_attributes
from off2on.errors import Off2OnError
from off2on.files import atomic
from off2on.observations import ObservationSpec

Rows = NDArray[np.int64]

#: time limit of the locomotion tasks, for a file without `timeouts`
HORIZON = 1000
_COLUMNS = ("observations", "actions", "rewards")
_log = logging.getLogger(__name__)


@dataclass
class Dataset:
    """N rows in time order; the next observation of row `i` is the observation of row `i + 1`."""

    #: `[N, O]` float32, or images `[N, ...]` uint8
    observations: NDArray[Any]
    #: `[N, A]`, in [-1, 1]
    actions: Floats
    #: `[N]`
    rewards: Floats
    #: `[N]`: the task ended here (a fall)
    terminals: Marks
    #: `[N]`: a time limit or a step budget ended the episode here; the row has no next observation
    timeouts: Marks
    #: `[N]` uint8: which of `origin_names` the row comes from
    origin: NDArray[np.uint8] | None = None
    origin_names: tuple[str, ...] = ()
    #: those of `ATTRIBUTES` that the file has
    attributes: dict[str, Attribute] = field(default_factory=dict)
    horizon: int = HORIZON
    #: the part of a dictionary observation that `observations` is; None: observations are arrays
    observation_key: str | None = None

    def __len__(self) -> int:
        return len(self.observations)

    def starts(self) -> Rows:
        """Rows that start a usable transition: all but the last row and the timeouts [S103].

        These make the rows of a transition store, with the observations as frames:
        `store.append(observations, actions[rows], rewards[rows], terminals[rows], frame=rows)`.
        """
        return np.flatnonzero(~self.timeouts[:-1])

    def episodes(self) -> Rows:
        """`[K, 2]`: first row and row after the last of each complete episode (a fall or `horizon` steps)."""
        bounds = _episodes(self.terminals | self.timeouts)
        whole = self.terminals[bounds[:, 1] - 1] | (bounds[:, 1] - bounds[:, 0] >= self.horizon)
        return bounds[whole]

    def episode_returns(self) -> NDArray[np.float64]:
        """`[K]`: undiscounted returns of the complete episodes."""
        total = np.concatenate([[0.0], np.cumsum(self.rewards, dtype=np.float64)])
        first, end = self.episodes().T
        return np.asarray(total[end] - total[first])

    def mean_episode_return(self) -> float | None:
        """Mean return of the complete episodes; None where a tiny dataset has none."""
        returns = self.episode_returns()
        return float(returns.mean()) if len(returns) else None

    def sha256(self) -> str:
        """Checksum of the arrays: names, types, shapes and values."""
        digest = hashlib.sha256()
        for name, array in self.arrays().items():
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by the names they have in the file."""
        names = {name: name for name in (*_COLUMNS, "terminals", "timeouts", "origin")}
        names["observations"] = _observations(self.observation_key)
        return {key: array for name, key in names.items() if (array := getattr(self, name)) is not None}


def write_dataset(path: Path, dataset: Dataset) -> None:
    """Write the HDF5 file in one piece, with the checksum of its arrays in the attribute `sha256`.

    Raises:
        Off2OnError: the file cannot be written; what was at `path` stays as it was.
        ValueError: an attribute that nobody would read.
    """
    if unknown := dataset.attributes.keys() - set(ATTRIBUTES):
        raise ValueError(f"attributes {sorted(unknown)} are not in ATTRIBUTES")
    with atomic(path) as temporary:
        try:
            with h5py.File(temporary, "w") as file:
                for name, array in dataset.arrays().items():
                    file.create_dataset(name, data=array, **_storage(array))
                if dataset.origin is not None:
                    file["origin"].attrs["names"] = list(dataset.origin_names)
                file.attrs.update(dataset.attributes | {"sha256": dataset.sha256()})
        except RuntimeError as error:  # what h5py makes of some failures to flush on a full disk
            raise OSError(str(error).split("\n")[0]) from error


def read_dataset(path: Path, task: TaskSizes | None = None, named: Mapping[str, str] | None = None) -> Dataset:
    """Open a file of D4RL or of this project and check it.

    `infos/*`, `next_observations`, `metadata/*` are ignored. A file without `timeouts` gets one mark after
    every `horizon` steps of an episode [S102]. Actions that leave [-1, 1] by rounding are clipped.

    Args:
        path: the file.
        task: whose sizes it must have; None: any.
        named: what the job calls the file: source, task, dataset. What the file says of itself must agree.

    Raises:
        Off2OnError: missing, truncated or altered file; missing keys; shapes, types, values, actions or episode
            marks that cannot be right. The message names file, key and row.
    """
    observation = task.observation if task else ObservationSpec(())
    raw, names, attributes = _load(path, _observations(observation.key))
    checks.belongs(path, attributes, named or {})
    columns = {name: checks.floats(path, name, raw[name]) for name in ("actions", "rewards")}
    frames = checks.images if observation.dtype == "uint8" else checks.floats
    columns["observations"] = frames(path, _observations(observation.key), raw["observations"])
    columns["rewards"] = checks.column(columns["rewards"])
    checks.shapes(path, columns, task)
    checks.actions(path, columns["actions"])
    horizon = HORIZON if task is None else task.horizon
    size = len(columns["observations"])
    terminals = checks.marks(path, "terminals", raw["terminals"], size)
    timeouts = checks.marks(path, "timeouts", raw["timeouts"], size) if "timeouts" in raw else None
    dataset = Dataset(
        **columns,
        terminals=terminals,
        timeouts=_count_timeouts(terminals, horizon) if timeouts is None else timeouts,
        origin=checks.origin(path, raw["origin"], names, size) if "origin" in raw else None,
        origin_names=names,
        attributes=attributes,
        horizon=horizon,
        observation_key=observation.key,
    )
    _check_episodes(path, dataset)
    if "sha256" in attributes and attributes["sha256"] != dataset.sha256():
        raise Off2OnError(
            f"{path}: its arrays do not match its attribute sha256: the file is damaged; make it again"
        )
    np.clip(dataset.actions, -1.0, 1.0, out=dataset.actions)
    return dataset


def _storage(array: NDArray[Any]) -> dict[str, Any]:
    """Images are compressed, some two megabytes at a time; training reads a file once, as a whole."""
    if array.dtype != np.uint8 or array.ndim < 3 or not len(array):
        return {}
    rows = max(1, 2**21 // array[0].nbytes)
    return {"chunks": (min(rows, len(array)), *array.shape[1:]), "compression": "gzip", "compression_opts": 1}


def _observations(key: str | None) -> str:
    """The name that observations have in a file."""
    return "observations" if key is None else f"observations/{key}"


def _load(path: Path, observations: str) -> tuple[dict[str, NDArray[Any]], tuple[str, ...], dict[str, Attribute]]:
    with opened(path) as file:
        raw = {name: read_array(path, file, name) for name in ("actions", "rewards", "terminals")}
        raw["observations"] = read_array(path, file, observations)
        raw |= {name: read_array(path, file, name) for name in ("timeouts", "origin") if name in file}
        return raw, origin_names(path, file) if "origin" in file else (), read_attributes(file)


def _count_timeouts(terminals: Marks, horizon: int) -> Marks:
    """A mark after every `horizon` steps since the last terminal or mark."""
    row = np.arange(len(terminals))
    after_terminal = np.concatenate([[0], np.where(terminals, row + 1, 0)[:-1]])
    return np.asarray((row - np.maximum.accumulate(after_terminal)) % horizon == horizon - 1)


def _episodes(ends: Marks) -> Rows:
    """`[K, 2]`: first row and row after the last of each marked episode."""
    end = np.flatnonzero(ends) + 1
    return np.stack([np.concatenate([[0], end[:-1]]).astype(np.int64)[: len(end)], end], 1)


def _check_episodes(path: Path, dataset: Dataset) -> None:
    if not len(dataset.starts()):
        raise Off2OnError(
            f"{path}: key 'timeouts' marks every row: no row has a next observation; mark the last row of "
            "each episode"
        )
    bounds = _episodes(dataset.terminals | dataset.timeouts)
    if len(bounds) == 0 and len(dataset) > dataset.horizon:
        raise Off2OnError(
            f"{path}: keys 'terminals' and 'timeouts' mark no episode end in {len(dataset)} rows; mark the last "
            f"row of each episode, or remove 'timeouts' to have {dataset.horizon} steps counted"
        )
    long = bounds[:, 1] - bounds[:, 0] > dataset.horizon
    if long.any():
        # hopper and walker2d medium-replay-v0 mark no time limit [S105], and must still open
        row = int(bounds[long.argmax(), 0])
        _log.warning(
            "%s: the episode from row %d is longer than %d steps: time limits are not marked, so a few next "
            "observations belong to another episode",
            path,
            row,
            dataset.horizon,
        )
