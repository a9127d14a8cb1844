"""Minari's datasets, read and written by the package minari (an extra); nothing is downloaded [S133]."""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from off2on.data.checks import TaskSizes
from off2on.data.dataset import Dataset
from off2on.errors import Off2OnError, shown

#: said in the description of what is exported
_LAST = (
    "The observation after the last step of an episode is not kept by D4RL's layout: the one before is repeated."
)


class _Arrays(NamedTuple):
    """An episode of T steps without its last observation."""

    observations: Any
    actions: Any
    rewards: Any
    terminals: Any
    timeouts: Any


def from_minari(what: str, task: TaskSizes) -> Dataset:
    """A dataset of Minari's as one in D4RL's layout: T rows an episode, the last one marked.

    Args:
        what: the id of a dataset that is on this machine, such as mujoco/hopper/medium-v0, or its directory.
        task: whose horizon it gets.

    Raises:
        Off2OnError: minari is not installed, or cannot read it.
    """
    minari = _minari()
    try:
        found = minari.MinariDataset(Path(what) / "data") if Path(what).is_dir() else minari.load_dataset(what)
        episodes = [_arrays(episode) for episode in found.iterate_episodes()]
        env_id = found.env_spec.id if found.env_spec else "unknown"
        # whatever minari, h5py and numpy make of a damaged file
        columns = _Arrays(*(np.concatenate(parts) for parts in zip(*episodes, strict=True)))
    except Exception as error:
        reason = str(error).split("\n")[0] or type(error).__name__
        raise Off2OnError(f"minari cannot read {shown(what)}: {reason}. {_known(minari)}") from None
    attributes = {"recipe": f"Minari {found.id}", "env_id": env_id}
    return Dataset(**columns._asdict(), attributes=attributes, horizon=task.horizon)


def _arrays(episode: Any) -> _Arrays:
    rows = np.shape(episode.rewards)[0]
    columns = {
        "observations": (episode.observations, rows + 1, "f"),
        "actions": (episode.actions, rows, "f"),
        "rewards": (episode.rewards, rows, "f"),
        "terminations": (episode.terminations, rows, "b"),
        "truncations": (episode.truncations, rows, "b"),
    }
    for name, (array, length, kind) in columns.items():
        found = getattr(array, "dtype", None), np.shape(array)
        if found[0] is None or found[0].kind != kind or found[1][:1] != (length,) or not rows:
            raise ValueError(f"{name} of episode {episode.id}, {found[0]} {found[1]}, do not fit {rows} rewards")
    observations, actions, rewards = (
        np.asarray(array, np.float32) for array in (episode.observations[:-1], episode.actions, episode.rewards)
    )
    return _Arrays(observations, actions, rewards, episode.terminations, _ends(rows) & ~episode.terminations)


def _ends(rows: int) -> Any:
    return np.arange(rows) == rows - 1


def to_minari(dataset: Dataset, name: str, env_id: str) -> None:
    """Write a dataset into Minari's directory (MINARI_DATASETS_PATH), with its environment.

    Args:
        dataset: of vectors.
        name: Minari's id, such as off2on/hopper/medium-v0.
        env_id: Gymnasium's id of the environment.

    Raises:
        Off2OnError: minari is not installed or refuses the name; a dataset of that name is there; observations are
            images.
    """
    if dataset.observations.ndim != 2:
        raise Off2OnError(
            f"{name}: observations of shape {dataset.observations.shape[1:]}; only vectors are exported"
        )
    minari = _minari()
    from minari.data_collector import EpisodeBuffer

    if name in minari.list_local_datasets():
        raise Off2OnError(
            f"{name} is in Minari's directory already; choose another --id, or `minari delete {name}`"
        )
    ends = np.flatnonzero(dataset.terminals | dataset.timeouts) + 1
    bounds = [0, *ends.tolist(), *([len(dataset)] if not len(ends) or ends[-1] < len(dataset) else [])]
    buffers = [
        EpisodeBuffer(
            id=k,
            observations=np.concatenate([dataset.observations[a:b], dataset.observations[b - 1 : b]]),
            actions=dataset.actions[a:b],
            rewards=list(dataset.rewards[a:b]),
            terminations=list(dataset.terminals[a:b]),
            truncations=list(_ends(b - a) & ~dataset.terminals[a:b]),
        )
        for k, (a, b) in enumerate(pairwise(bounds))
    ]
    described = f"{dataset.attributes.get('recipe', 'a dataset in D4RL layout')}, exported by off2on. {_LAST}"
    try:
        # of the author's address, of a version of the environment
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            minari.create_dataset_from_buffers(
                name, buffers, env=env_id, description=described, data_format="hdf5", algorithm_name="off2on"
            )
    except (ValueError, OSError) as error:
        raise Off2OnError(f"minari refuses {shown(name)}: {error}") from None


def _known(minari: Any) -> str:
    try:
        local = ", ".join(minari.list_local_datasets()) or "none"
    except Exception:
        local = "unknown, one of them is damaged"
    return f"Minari's datasets on this machine: {local}"


def _minari() -> Any:
    try:
        import minari
    except ImportError:
        raise Off2OnError("Minari's datasets need the package minari: pip install 'off2on[minari]'") from None
    return minari
