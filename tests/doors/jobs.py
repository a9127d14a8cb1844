"""The doors of training jobs: datasets, agents, states, finished directories, published agents, names."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from off2on.files import sha256
from off2on.training.rundir import STATE, RunDirectory
from tests.conftest import micro_scale
from tests.doors.doors import ANY, REFUSE, SAME, Door, in_bytes, off2on, one_of
from tests.unit.small import write_data

SCALE = ("--scale", "micro.yaml", "--task", "hopper", "--dataset", "random")
PRETRAIN = ("pretrain", *SCALE, "--data", "data.hdf5", "--out", "agents")
FINETUNE = ("finetune", *SCALE, "--method", "ours", "--data", "data.hdf5", "--agents", "agents", "--out", "run")


def _data(directory: Path) -> None:
    micro_scale(directory / "micro.yaml")
    write_data(directory / "data.hdf5")


def _done(directory: Path, words: tuple[str, ...]) -> None:
    status, said = off2on(directory, *words)
    assert status == 0, said


def _agents(directory: Path) -> None:
    _data(directory)
    _done(directory, PRETRAIN)


def _interrupted(directory: Path) -> None:
    """A fine-tuning that was stopped at its third checkpoint."""
    _agents(directory)
    saved, save = [], RunDirectory.save_state

    def save_and_stop(*state: Any) -> None:
        save(*state)
        saved.append(1)
        if len(saved) == 3:
            raise SystemExit(9)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDirectory, "save_state", save_and_stop)
        assert off2on(directory, *FINETUNE, "--checkpoint-seconds", "0")[0] == 9
    assert (directory / "run" / STATE).is_file()


def _finished(directory: Path) -> None:
    _agents(directory)
    _done(directory, FINETUNE)


def _weights_of(name: str) -> Callable[[Path, str], Any]:
    return lambda directory, _: sha256(directory / name / "agent.safetensors")


# --------------------------------------------------------------------------------------------------- datasets

Edit = Callable[[h5py.File, Random], str]


def _replaced(name: str, make: Callable[[Any], Any], meaning: str = REFUSE) -> Edit:
    def edit(file: h5py.File, _: Random) -> str:
        value = make(np.asarray(file[name]))
        del file[name]
        file[name] = value
        return meaning

    return edit


def _anew(name: str, **options: Any) -> Edit:
    """An array that is declared in another way, and never written."""

    def edit(file: h5py.File, _: Random) -> str:
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        file.create_dataset(name, **({"shape": shape, "dtype": dtype} | options))
        return REFUSE

    return edit


def _linked(name: str, link: Any) -> Edit:
    def edit(file: h5py.File, _: Random) -> str:
        del file[name]
        file[name] = link
        return REFUSE

    return edit


def _virtual(file: h5py.File, _: Random) -> str:
    layout = h5py.VirtualLayout(shape=file["rewards"].shape, dtype="f4")
    layout[:] = h5py.VirtualSource("nowhere.hdf5", "rewards", shape=file["rewards"].shape)
    del file["rewards"]
    file.create_virtual_dataset("rewards", layout)
    return REFUSE


def _edited(name: str, index: Any, value: Any) -> Edit:
    """A value that cannot be right, in a file without a checksum."""

    def edit(file: h5py.File, _: Random) -> str:
        file.attrs.pop("sha256", None)
        array = np.asarray(file[name])
        array[index] = value
        del file[name]
        file[name] = array
        return REFUSE

    return edit


def _attribute(name: str, value: Any, meaning: str = REFUSE) -> Edit:
    def edit(file: h5py.File, _: Random) -> str:
        file.attrs[name] = value
        return meaning

    return edit


def _removed(name: str) -> Edit:
    def edit(file: h5py.File, _: Random) -> str:
        del file[name]
        return REFUSE

    return edit


_FLOATS, _MARKS = ("observations", "actions", "rewards"), ("terminals", "timeouts")
EDITS: list[Edit] = [
    *(
        _replaced(name, lambda a, kind=kind: a.astype(kind), SAME)
        for name in _MARKS
        for kind in ("f4", "f8", "i1")
    ),
    *(_replaced(name, lambda a: a.astype("f8"), SAME) for name in _FLOATS),
    _replaced("rewards", lambda a: a[:, None], SAME),
    *(_replaced(name, lambda a: a[0].ravel()[0]) for name in (*_FLOATS, *_MARKS)),
    *(_replaced(name, lambda a: h5py.Empty(a.dtype)) for name in (*_FLOATS, *_MARKS)),
    *(_replaced(name, lambda a: a[:0]) for name in (*_FLOATS, *_MARKS)),
    *(_replaced(name, lambda a: a[:-1]) for name in (*_FLOATS, *_MARKS)),
    *(_replaced(name, lambda a: a.astype("c8")) for name in (*_FLOATS, *_MARKS)),
    *(_replaced(name, lambda a: a.astype("S8")) for name in (*_FLOATS, *_MARKS)),
    *(_replaced(name, lambda a: np.zeros(len(a), [("x", "f4"), ("y", "i4")])) for name in (*_FLOATS, *_MARKS)),
    *(_replaced(name, lambda a: np.zeros(len(a), np.dtype(("f4", (2,))))) for name in ("rewards", *_MARKS)),
    *(_anew(name) for name in (*_FLOATS, *_MARKS)),
    *(_anew(name, shape=(10**12,), chunks=(1000,)) for name in ("rewards", *_MARKS)),
    *(_anew(name, external=[("raw.bin", 0, h5py.h5f.UNLIMITED)]) for name in ("rewards", *_MARKS)),
    *(_linked(name, h5py.ExternalLink("other.hdf5", name)) for name in (*_FLOATS, *_MARKS)),
    *(_linked(name, h5py.SoftLink("/nowhere")) for name in (*_FLOATS, "terminals")),
    *(_linked(name, h5py.SoftLink(f"/{name}")) for name in (*_FLOATS, "terminals")),
    _virtual,
    *(_edited(name, 3, value) for name in _FLOATS for value in (np.nan, np.inf, -np.inf)),
    *(_edited("observations", slice(None), value) for value in (1e30, 3e38)),
    *(_edited("actions", 5, value) for value in (1.5, -7.0)),
    *(_edited(name, slice(None), 1) for name in ("timeouts",)),
    *(_removed(name) for name in (*_FLOATS, "terminals")),
    *(_attribute(name, value) for name, value in (("task", "walker2d"), ("dataset", "medium"), ("source", "x"))),
    *(_attribute("sha256", value) for value in (3, "ab", np.arange(4), np.nan, b"\xff")),
    *(_attribute("settings", value, SAME) for value in (np.arange(4), b"text")),
    *(_attribute("seed", value, SAME) for value in (np.arange(4), "text", np.nan, 2**63 - 1)),
    *(_attribute(f"more{k}", value, SAME) for k, value in enumerate((np.zeros(1000), "x" * 50_000, [1, 2]))),
]


def _edit_data(directory: Path, random: Random) -> str:
    with h5py.File(directory / "data.hdf5", "r+") as file:
        return random.choice(EDITS)(file, random)


def _other_file(directory: Path, random: Random) -> str:
    path = directory / "data.hdf5"
    path.unlink()
    what = random.randrange(5)
    if what == 4:
        os.mkfifo(path)
    if what == 1:
        path.mkdir()
    if what == 2:
        path.symlink_to("nowhere")
    if what == 3:
        path.symlink_to("data.hdf5")
    return REFUSE


# ----------------------------------------------------------------------------------------------------- agents


def _edit_weights(directory: Path, random: Random) -> str:
    """Weights that no job wrote, in a directory whose run.json has no checksum of them."""
    path, record = directory / "agents/agent.safetensors", directory / "agents/run.json"
    info = json.loads(record.read_text())
    info.pop("outputs", None)
    record.write_text(json.dumps(info))
    tensors = load_file(path)
    name = random.choice(sorted(tensors))
    tensor = tensors[name]
    changed: list[Callable[[], None]] = [
        lambda: tensors.update({name: tensor.half()}),
        lambda: tensors.update({name: tensor.double()}),
        lambda: tensors.update({name: tensor.to(torch.complex64)}),
        lambda: tensors.update({name: torch.full_like(tensor, torch.nan)}),
        lambda: tensors.update({name: torch.full_like(tensor, torch.inf)}),
        lambda: tensors.update({name: tensor[:1].clone()}),
        lambda: tensors.update({name: torch.cat([tensor, tensor])}),
        lambda: tensors.update({name: tensor.reshape(-1).clone()}),
        lambda: tensors.update({name: torch.zeros(0)}),
        lambda: tensors.update({f"{name}x": tensor.clone()}),
        lambda: tensors.update(flat=tensors.pop(name)),
        lambda: tensors.clear(),
    ]
    random.choice(changed)()
    save_file(tensors, path)
    return REFUSE


def _edit_record(directory: Path, random: Random) -> str:
    """Agents that say that they are something else."""
    path = directory / "agents/run.json"
    info = json.loads(path.read_text())
    key, value = random.choice(
        [
            *(("task", name) for name in ("walker2d", "halfcheetah", "x", 3)),
            *(("dataset", name) for name in ("medium", "../x", None)),
            *(("algorithm", name) for name in ("awac", "fqe", "x", None)),
            *(("members", count) for count in (0, 1, -1, 10**9, "2", 2.5, None)),
            *(("dataset_sha256", text) for text in ("ab" * 32, 3)),
            *(("kind", name) for name in ("finetune", "x", None)),
            *(("settings", value) for value in ([], None, "x")),
        ]
    )
    info[key] = value
    path.write_text(json.dumps(info))
    return REFUSE


def _edit_finished(directory: Path, random: Random) -> str:
    what = random.randrange(5)
    if what == 0:
        write_data(directory / "other.hdf5")
        with h5py.File(directory / "other.hdf5", "r+") as file:
            file.attrs["seed"] = 5
        (directory / "other.hdf5").rename(directory / "data.hdf5")
    elif what == 1:
        (directory / "data.hdf5").unlink()
    elif what == 2:
        lines = (directory / "run/progress.csv").read_text().splitlines(keepends=True)
        del lines[random.randrange(1, len(lines))]
        (directory / "run/progress.csv").write_text("".join(lines))
    elif what == 3:
        (directory / "run" / random.choice(["progress.csv", "agent.safetensors"])).write_bytes(b"")
    else:
        info = json.loads((directory / "run/run.json").read_text())
        key = random.choice(
            ["task", "dataset", "method", "seed", "members", "config_hash", "code_hash", "parents"]
        )
        info[key] = {} if key == "parents" else 7 if key in {"seed", "members"} else "other"
        (directory / "run/run.json").write_text(json.dumps(info))
    return REFUSE


# --------------------------------------------------------------------------------------------- published agents


def _layer(outer: int, inner: int, name: str) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(outer * 100 + inner)
    weight = torch.randn(outer, inner, generator=generator)
    return {f"{name}.weight": weight / inner, f"{name}.bias": torch.zeros(outer)}


def _published(directory: Path) -> None:
    for seed in (0, 1):
        member = directory / f"published/agent_seed{seed}"
        member.mkdir(parents=True)
        actor = _layer(8, 17, "fc0") | _layer(6, 8, "last_fc") | _layer(6, 8, "last_fc_log_std")
        critic = _layer(8, 23, "fc0") | _layer(1, 8, "last_fc")
        for name, weights in (("actor", actor), ("critic1", critic), ("critic2", critic)):
            torch.save(weights, member / f"{name}_1.pt")


def _edit_published(directory: Path, random: Random) -> str:
    path = random.choice(sorted(directory.glob("published/*/*.pt")))
    weights = torch.load(path, weights_only=True)
    name = random.choice(sorted(weights))
    value = weights[name]
    if random.randrange(10) == 0:
        other = directory / "published/twin_seed1"
        other.mkdir()
        return REFUSE
    weights[name] = random.choice(
        [
            lambda: torch.full_like(value, torch.nan),
            lambda: torch.full_like(value, torch.inf),
            lambda: value.to(torch.complex64),
            lambda: value.to(torch.int32),
            lambda: value.to_sparse(),
            lambda: value.to("meta"),
            lambda: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8),
            lambda: torch.cat([value, value]),
            lambda: value[:0],
            lambda: value.reshape(-1)[0],
            lambda: value.unsqueeze(0),
            lambda: "text",
        ]
    )()
    if random.randrange(10) == 0:
        weights = {**weights, 3: value}
    torch.save(weights, path)
    return REFUSE


# ------------------------------------------------------------------------------------------------------- names

WORDS = [
    "nope",
    "../../../x",
    "",
    "none",
    "/etc",
    "a" * 300,
    "medium\n",
    "\x1b[31m",
    "*",
    "MEDIUM",
    "ü",
    "-1",
    "1e9",
]
LINES: list[tuple[str, ...]] = [
    ("collect", "--scale", "micro.yaml", "--task", "hopper", "--dataset", "?"),
    ("collect", "--scale", "micro.yaml", "--task", "?", "--dataset", "random"),
    ("pretrain", "--scale", "micro.yaml", "--task", "hopper", "--dataset", "?", "--data", "data.hdf5"),
    ("pretrain", "--scale", "micro.yaml", "--task", "?", "--dataset", "random", "--data", "data.hdf5"),
    ("pretrain", *SCALE, "--algorithm", "?", "--data", "data.hdf5"),
    ("finetune", "--scale", "micro.yaml", "--task", "hopper", "--dataset", "?", "--method", "sac-ft"),
    ("finetune", *SCALE, "--method", "?"),
    ("finetune", *SCALE, "--method", "ours", "--data", "?"),
    ("rollout", "--scale", "micro.yaml", "--task", "hopper", "--dataset", "?"),
    ("likelihood", "--scale", "micro.yaml", "--task", "hopper", "--dataset", "?"),
    ("evaluate", "?", "--task", "hopper"),
    ("evaluate", ".", "--task", "?"),
    ("render", "--scale", "micro.yaml", "--task", "?"),
    ("plan", "--scale", "micro.yaml", "--config", "seeds=?"),
    ("plan", "--scale", "micro.yaml", "--config", "datasets=[?]"),
    ("plan", "--scale", "micro.yaml", "--config", "methods=?"),
    ("plan", "--scale", "micro.yaml", "--config", "?=3"),
    ("plan", "?", "--scale", "micro.yaml"),
    ("plan", "--scale", "?"),
    ("plan", "--scale", "micro.yaml", "--source", "?"),
    ("validate", "?"),
    ("figure", "?", "--scale", "micro.yaml"),
    ("import-agents", "?", "--out", "x"),
]


def named_line(random: Random) -> tuple[str, ...]:
    """A command with a word that names nothing."""
    return tuple(word.replace("?", random.choice(WORDS)) for word in random.choice(LINES))


DOORS = [
    Door(
        "dataset",
        _data,
        one_of(in_bytes("data.hdf5"), _edit_data, _edit_data, _edit_data, _other_file),
        (PRETRAIN,),
        _weights_of("agents"),
    ),
    Door(
        "agents",
        _agents,
        one_of(in_bytes("agents/agent.safetensors"), _edit_weights, _edit_record),
        (FINETUNE,),
        _weights_of("run"),
    ),
    Door("state", _interrupted, in_bytes(f"run/{STATE}"), (FINETUNE,), _weights_of("run")),
    Door(
        "finished directory",
        _finished,
        one_of(in_bytes("run/progress.csv", "run/agent.safetensors", meaning=REFUSE), _edit_finished),
        (FINETUNE,),
        _weights_of("run"),
    ),
    Door(
        "published agents",
        _published,
        one_of(
            in_bytes(*(f"published/agent_seed1/{name}_1.pt" for name in ("actor", "critic1")), meaning=ANY),
            _edit_published,
        ),
        (("import-agents", "published", "--out", "agents"),),
        _weights_of("agents"),
    ),
]
