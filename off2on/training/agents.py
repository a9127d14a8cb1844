"""Reading the agents of a pre-training or run directory, with the checks that name what does not fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from off2on.agents.interface import OnlineAgent, agent_module
from off2on.algorithms import ALGORITHMS, get_algorithm
from off2on.envs.task import Task
from off2on.errors import Off2OnError, shown
from off2on.nn.state import Nets, unflatten
from off2on.results.directory import check_outputs
from off2on.results.run_json import read_info
from off2on.settings import Settings

Shapes = dict[str, dict[str, tuple[int, ...]]]


@dataclass(frozen=True)
class StoredAgents:
    """The agents of a directory, ready to act: each member alone, and the ensemble of all."""

    members: list[OnlineAgent]
    ensemble: OnlineAgent


def load_members(
    directory: Path,
    members: int,
    task: Task,
    algorithm: str,
    settings: Settings,
    named: Mapping[str, str | None] | None = None,
) -> Nets:
    """Members `0 .. members-1` of a pre-training: the networks `KEPT` of the algorithm.

    Args:
        directory: the pre-training's.
        members: how many.
        task: whose sizes the networks must have; run.json must name it, too.
        algorithm: which run.json must name.
        settings: sizes of the networks.
        named: more that run.json must agree with, where both say something: dataset, dataset_sha256.

    Raises:
        Off2OnError: a file is missing or damaged, too few members, networks of another shape, or agents of another
            task, algorithm or dataset.
    """
    path, record = directory / "agent.safetensors", _record(directory)
    _check_named(
        directory, record, {"kind": "pretrain", "task": task.name, "algorithm": algorithm, **(named or {})}
    )
    nets, available = _read_nets(path), record["members"]
    if available < members:
        raise Off2OnError(
            f"{path} holds {available} members, the run needs {members}; raise `members` of the scale"
        )
    return _chosen(_checked(nets, available, task, algorithm, settings, path), available, range(members))


def stored_agents(directory: Path, task: Task) -> StoredAgents:
    """The agents of a pre-training or run directory, whatever their algorithm.

    Raises:
        Off2OnError: a file is missing or damaged, or the networks are not those of the task.
    """
    path, record = directory / "agent.safetensors", _record(directory)
    _check_named(directory, record, {"task": task.name})
    nets, members = _read_nets(path), record["members"]
    kept = record["algorithm"] if record["kind"] == "pretrain" else record["method_settings"]["objective"]
    settings = _settings(directory, record)
    nets = _checked(nets, members, task, kept, settings, path)
    acting = agent_module(get_algorithm(kept).ensemble or kept)
    single = [acting.online_agent(_chosen(nets, members, [i]), settings) for i in range(members)]
    return StoredAgents(single, acting.online_agent(nets, settings))


def _record(directory: Path) -> dict[str, Any]:
    """run.json of a directory of agents, and that the weights are those it was written with."""
    path = directory / "run.json"
    if not path.is_file():
        raise Off2OnError(f"no agents: {path} is missing; make them with `off2on pretrain` first")
    record = read_info(directory)
    made = record["algorithm"] if record["kind"] == "pretrain" else record["method_settings"].get("objective")
    if not isinstance(made, str) or made not in ALGORITHMS:
        raise Off2OnError(
            f"{path} is of {shown(made)}, which is no algorithm of this project; its agents cannot act"
        )
    check_outputs(directory, record, ["agent.safetensors"])
    return record


def _check_named(directory: Path, record: Mapping[str, Any], named: Mapping[str, str | None]) -> None:
    for key, wanted in named.items():
        if record.get(key) is not None and wanted is not None and record[key] != wanted:
            raise Off2OnError(
                f"{directory / 'run.json'}: {key} is {shown(record[key])}, but agents with {shown(wanted)} are "
                "needed; name the right directory with --agents"
            )


def _settings(directory: Path, record: Mapping[str, Any]) -> Settings:
    """The settings that the agents were trained with; what their training did not read has its default."""
    try:
        # the loops' sections are not needed to act, and what was not read of them is not recorded
        read = {
            key: value for key, value in record["settings"].items() if key not in {"pretraining", "finetuning"}
        }
        return Settings.model_validate(read)
    except (ValidationError, KeyError) as error:
        raise Off2OnError(f"{directory / 'run.json'}: settings cannot be read: {error}") from None


def _read_nets(path: Path) -> Nets:
    if not path.is_file():
        raise Off2OnError(f"no agents: {path} is missing; make them with `off2on pretrain` first")
    try:
        tensors = load_file(path)
        nets = unflatten(tensors)
    except (SafetensorError, ValueError, OSError) as error:
        raise Off2OnError(
            f"{path} is not an agent file ({error}); remove its directory and pre-train again"
        ) from error
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32:
            raise Off2OnError(
                f"{path}: {name} is {tensor.dtype}, expected torch.float32; convert it, or pre-train again"
            )
        if not tensor.isfinite().all():
            raise Off2OnError(f"{path}: {name} holds NaN or infinite weights; pre-train again")
    return nets


def _checked(nets: Nets, members: int, task: Task, algorithm: str, settings: Settings, path: Path) -> Nets:
    """The networks `KEPT`, in the order in which the algorithm makes them."""
    stacked = max(
        (value.shape[0] for params in nets.values() for value in params.values() if value.dim()), default=0
    )
    if not 0 < members <= stacked:
        raise Off2OnError(f"{path} holds {stacked} networks at most, its run.json says {members} members")
    fresh = [np.random.default_rng(0) for _ in range(members)]
    expected = agent_module(algorithm).init_nets(task.sizes, settings, fresh)
    _check(_shapes(nets), _shapes(expected), path)
    return {name: {key: nets[name][key] for key in params} for name, params in expected.items()}


def _chosen(nets: Nets, available: int, members: Any) -> Nets:
    """Some of the members; twins are stacked first critics of all members, then the second ones."""
    rows = list(members)

    def chosen(stacked: Tensor) -> Tensor:
        return stacked.view(-1, available, *stacked.shape[1:])[:, rows].flatten(0, 1).clone()

    return {net: {name: chosen(value) for name, value in params.items()} for net, params in nets.items()}


def _shapes(nets: Nets) -> Shapes:
    return {net: {name: tuple(value.shape) for name, value in params.items()} for net, params in nets.items()}


def _check(found: Shapes, expected: Shapes, path: Path) -> None:
    for net, shapes in expected.items():
        have = found.get(net, {})
        for name in sorted(shapes.keys() | have.keys()):
            if have.get(name) != shapes.get(name):
                raise Off2OnError(
                    f"{path}: {net}/{name} has shape {have.get(name)}, expected {shapes.get(name)}; the agents "
                    "were made for another task, network or algorithm: check `network` of the scale, or pre-train "
                    "again"
                )
