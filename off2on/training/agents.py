"""Reading the members of a pre-training directory, with the checks that name what does not fit."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from off2on.envs.tasks import Task
from off2on.errors import Off2OnError
from off2on.nn.state import Nets, unflatten


def load_members(directory: Path, members: int, task: Task, widths: Sequence[int]) -> Nets:
    """Members `0 .. members-1` of `directory/agent.safetensors`: `policy [N]` and `critic [2N]`.

    Raises:
        Off2OnError: no such file, a damaged one, too few members, or networks of another shape.
    """
    path = directory / "agent.safetensors"
    nets = read_agent(path)
    found = _shapes(nets)
    available = found["policy"]["mean.bias"][0] if "mean.bias" in found.get("policy", {}) else 0
    if available < members:
        raise Off2OnError(
            f"{path} holds {available} members, the run needs {members}; raise `members` of the scale"
        )
    _check(found, _expected(available, task, widths), path)
    # critics are stacked twin-major: first critics of all members, then the second ones
    twins = {name: value.view(2, available, *value.shape[1:]) for name, value in nets["critic"].items()}
    return {
        "policy": {name: value[:members].clone() for name, value in nets["policy"].items()},
        "critic": {name: value[:, :members].flatten(0, 1).clone() for name, value in twins.items()},
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


def _shapes(nets: Nets) -> dict[str, dict[str, tuple[int, ...]]]:
    return {net: {name: tuple(value.shape) for name, value in params.items()} for net, params in nets.items()}


def _expected(members: int, task: Task, widths: Sequence[int]) -> dict[str, dict[str, tuple[int, ...]]]:
    def layers(count: int, sizes: Sequence[int]) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for j, (inner, outer) in enumerate(pairwise(sizes)):
            shapes[f"layer{j}.weight"], shapes[f"layer{j}.bias"] = (count, inner, outer), (count, outer)
        return shapes

    policy = layers(members, [task.observation_size, *widths])
    for head in ("mean", "log_std"):
        policy[f"{head}.weight"] = (members, widths[-1], task.action_size)
        policy[f"{head}.bias"] = (members, task.action_size)
    return {
        "policy": policy,
        "critic": layers(2 * members, [task.observation_size + task.action_size, *widths, 1]),
    }


def _check(
    found: dict[str, dict[str, tuple[int, ...]]], expected: dict[str, dict[str, tuple[int, ...]]], path: Path
) -> None:
    for net, shapes in expected.items():
        have = found.get(net, {})
        for name in sorted(shapes.keys() | have.keys()):
            if have.get(name) != shapes.get(name):
                raise Off2OnError(
                    f"{path}: {net}/{name} has shape {have.get(name)}, expected {shapes.get(name)}; the agents "
                    "were made for another task or network: check `network` of the scale, or pre-train again"
                )
