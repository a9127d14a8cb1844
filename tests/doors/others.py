"""The doors of files of others: D4RL's with the policy and the states that they carry, Minari's."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest

from off2on.data.dataset import read_dataset
from off2on.data.minari_format import to_minari
from off2on.envs.tasks import get_task
from tests.d4rl_layout import policy_weights, steps, write
from tests.doors.doors import ANY, REFUSE, Door, in_bytes, one_of

HOPPER = get_task("hopper")
CHECK = ("check-physics", "--task", "hopper", "--dataset", "medium", "--data", "data.hdf5", "--out", "found.json")


def _file(directory: Path) -> None:
    weights = policy_weights(HOPPER)
    write(directory / "data.hdf5", steps(HOPPER, 60, weights=weights), "d4rl-v2", "medium", weights)


def _found(directory: Path, _: str) -> Any:
    found = json.loads((directory / "found.json").read_text())
    return found["one_step"], found["policy_return"]


_VALUES: list[Callable[[Any], Any]] = [
    lambda a: a[0],
    lambda a: a[:-1],
    lambda a: a[..., None],
    lambda a: a.astype("c8"),
    lambda a: np.full(a.shape, np.nan),
    lambda a: h5py.Empty("f4"),
    lambda a: np.bytes_("x"),
    lambda a: a.astype("S8"),
    lambda _: h5py.SoftLink("/nowhere"),
    lambda _: h5py.ExternalLink("other.hdf5", "x"),
]
_ARRAYS = [
    *(f"metadata/policy/{name}/{part}" for name in ("fc0", "fc1", "last_fc") for part in ("weight", "bias")),
    *("infos/qpos", "infos/qvel"),
]
_WORDS = [np.bytes_("elu"), np.bytes_(""), 3, np.array([b"relu"]), h5py.Empty("S4"), "\x1b[31m", np.void(b"relu")]


def _edit_array(directory: Path, random: Random) -> str:
    with h5py.File(directory / "data.hdf5", "r+") as file:
        name = random.choice(_ARRAYS)
        value = random.choice(_VALUES)(file[name][()])
        del file[name]
        if random.random() < 0.9:
            file[name] = value
    return REFUSE


def _edit_word(directory: Path, random: Random) -> str:
    with h5py.File(directory / "data.hdf5", "r+") as file:
        name = f"metadata/policy/{random.choice(['nonlinearity', 'output_distribution'])}"
        del file[name]
        file[name] = random.choice(_WORDS)
    return REFUSE


# ---------------------------------------------------------------------------------------------------------- Minari

IMPORT = ("import-data", "set", "--task", "hopper", "--dataset", "medium", "--out", "place.hdf5")
DATA, METADATA = "set/data/main_data.hdf5", "set/data/metadata.json"


def _minari(directory: Path) -> None:
    _file(directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(directory))
        to_minari(read_dataset(directory / "data.hdf5", HOPPER), "set-v0", "Hopper-v4")
    (directory / "set-v0").rename(directory / "set")


def _imported(directory: Path, _: str) -> Any:
    return read_dataset(directory / "place.hdf5", HOPPER).sha256()


def _edit_episode(directory: Path, random: Random) -> str:
    with h5py.File(directory / DATA, "r+") as file:
        group = random.choice([name for name in file if len(file[name]["rewards"]) > 1])
        name = f"{group}/{random.choice(['observations', 'actions', 'rewards'])}"
        value = random.choice([*_VALUES[:2], *_VALUES[3:7]])(file[name][()])
        del file[name]
        if random.random() < 0.9:
            file[name] = value
    return REFUSE


def _edit_metadata(directory: Path, random: Random) -> str:
    path = directory / METADATA
    found = json.loads(path.read_text())
    key = random.choice(sorted(found))
    found[key] = random.choice([None, 3, "x", [], {}, "[" * 200])
    path.write_text(random.choice([json.dumps(found), "", "null", "[]", "{}"]))
    return ANY


DOORS = [
    # a file of D4RL has no checksum inside: another number among right ones is taken
    Door(
        "d4rl policy", _file, one_of(in_bytes("data.hdf5", meaning=ANY), _edit_array, _edit_word), (CHECK,), _found
    ),
    Door(
        "minari",
        _minari,
        one_of(in_bytes(DATA, METADATA, meaning=ANY), _edit_episode, _edit_metadata),
        (IMPORT,),
        _imported,
    ),
]
