"""Reading the members of a pre-training directory, with the checks that name what does not fit."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from off2on.agents.interface import offline_module
from off2on.config import Settings
from off2on.envs.tasks import Task
from off2on.errors import Off2OnError
from off2on.nn.state import Nets, unflatten


def load_members(directory: Path, members: int, task: Task, algorithm: str, settings: Settings) -> Nets:
    """Members `0 .. members-1` of `directory/agent.safetensors`: the networks `KEPT` of the algorithm.

    Raises:
        Off2OnError: no such file, a damaged one, too few members, or networks of another shape.
    """
    path = directory / "agent.safetensors"
    nets = read_agent(path)
    # most networks have a row a member, twins two: the fewest rows are the members
    available = min(
        (len(value) for params in nets.values() for value in params.values() if value.dim()), default=0
    )
    if available < members:
        raise Off2OnError(
            f"{path} holds {available} members, the run needs {members}; raise `members` of the scale"
        )
    fresh = [np.random.default_rng(0) for _ in range(available)]
    module = offline_module(algorithm)
    expected = module.init_nets(task.observation_size, task.action_size, settings, fresh)
    _check(_shapes(nets), _shapes(expected), path)
    return {
        name: {key: _first(value, available, members) for key, value in nets[name].items()} for name in expected
    }


def read_agent(path: Path) -> Nets:
    """The networks of an agent file, as they are.

    Raises:
        Off2OnError: no such file, or a damaged one.
    """
    if not path.is_file():
        raise Off2OnError(f"no agents: {path} is missing; make them with `off2on pretrain` first")
    try:
        return unflatten(load_file(path))
    except (SafetensorError, ValueError) as error:
        raise Off2OnError(
            f"{path} is no agent file ({error}); remove its directory and pre-train again"
        ) from error


def tanh_gaussian_policies(directory: Path, task: Task) -> dict[str, Tensor]:
    """The policies `[N]` of a pre-training or run directory, if they are tanh-Gaussian ones, as CQL's and SAC's.

    Raises:
        Off2OnError: no agents, a damaged file, agents of another kind, or of a task of other sizes.
    """
    path = directory / "agent.safetensors"
    policies = read_agent(path).get("policy", {})
    if "log_std.weight" not in policies:
        raise Off2OnError(
            f"{path} holds no tanh-Gaussian policies: agents of CQL, FQE or SAC, or "
            "of a method that starts from them, can be rolled out by hand; those of AWAC and BCQ cannot"
        )
    sizes = policies["layer0.weight"].shape[1], policies["mean.weight"].shape[2]
    if sizes != (task.observation_size, task.action_size):
        raise Off2OnError(
            f"{path} holds policies from {sizes[0]} observations to {sizes[1]} actions, task '{task.name}' has "
            f"{task.observation_size} and {task.action_size}; give --task the task that they were trained on"
        )
    return policies


def _first(stacked: Tensor, available: int, members: int) -> Tensor:
    """The rows of the first members; twins are stacked first critics of all members, then the second ones."""
    return stacked.view(-1, available, *stacked.shape[1:])[:, :members].flatten(0, 1).clone()


def _shapes(nets: Nets) -> dict[str, dict[str, tuple[int, ...]]]:
    return {net: {name: tuple(value.shape) for name, value in params.items()} for net, params in nets.items()}


def _check(
    found: dict[str, dict[str, tuple[int, ...]]], expected: dict[str, dict[str, tuple[int, ...]]], path: Path
) -> None:
    for net, shapes in expected.items():
        have = found.get(net, {})
        for name in sorted(shapes.keys() | have.keys()):
            if have.get(name) != shapes.get(name):
                raise Off2OnError(
                    f"{path}: {net}/{name} has shape {have.get(name)}, expected {shapes.get(name)}; the agents "
                    "were made for another task, network or algorithm: check `network` of the scale, or pre-train "
                    "again"
                )
