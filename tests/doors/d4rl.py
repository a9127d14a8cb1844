"""The doors of files of others: D4RL's with the policy and the states that they carry."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

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


DOORS = [
    # a file of D4RL has no checksum inside: another number among right ones is taken
    Door(
        "d4rl policy", _file, one_of(in_bytes("data.hdf5", meaning=ANY), _edit_array, _edit_word), (CHECK,), _found
    )
]
