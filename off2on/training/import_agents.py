"""The authors' published CQL agents: legacy torch files of weights -> networks of an ensemble [S121]."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from off2on.agents.sac import EnsembleAgent
from off2on.algorithms.sac import Sac
from off2on.codehash import PLUMBING, code_hash
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.nn.mlp import Params, layer_names
from off2on.nn.state import Nets, flatten
from off2on.provenance import config_hash
from off2on.training.agents import StoredAgents
from off2on.training.evaluate import member_episodes, return_columns
from off2on.training.rundir import Handling, Row, RunDirectory

#: what they were trained on: D4RL's v0 file
TASK, DATASET = "halfcheetah", "medium"
_HEADS = {"last_fc": "mean", "last_fc_log_std": "log_std"}


def read_published(directory: Path) -> Nets:
    """The agents in `directory/*_seed<k>/{actor,critic1,critic2}_<step>.pt`, in the order of `k`.

    Returns:
        `policy [N]` and `critic [2N]`, twin-major: the first critics of all members, then the second ones.
        Weights are transposed from (out, in) to (in, out).

    Raises:
        Off2OnError: no agents, a file missing or in doubt, no plain weights in it, or shapes that do not fit.
    """
    members = _members(directory)
    actors = [_renamed(path, is_policy=True) for path in _files(members, "actor")]
    first, second = (
        [_renamed(path, is_policy=False) for path in _files(members, name)] for name in ("critic1", "critic2")
    )
    nets = {"policy": _stacked(members, actors), "critic": _stacked(members * 2, first + second)}
    observation, action = nets["policy"]["layer0.weight"].shape[1], nets["policy"]["mean.weight"].shape[2]
    if (sizes := nets["critic"]["layer0.weight"].shape[1]) != observation + action:
        raise Off2OnError(
            f"{directory}: the critics take {sizes} inputs, the actors {observation} observations and give "
            f"{action} actions: they are of different tasks"
        )
    return nets


def import_agents(directory: Path, out: Path, named: tuple[str, str, int] = ("published", "local", 0)) -> None:
    """Write the published agents (halfcheetah-medium-v0) as a pre-training directory that can be fine-tuned.

    Args:
        directory: of the published files.
        out: the directory to write.
        named: scale, source and seed of the runs that start from them.

    Raises:
        Off2OnError: the published files are not as expected, or `out` is in use or cannot be written.
    """
    nets, task = read_published(directory), get_task(TASK)
    members, observation, width = nets["policy"]["layer0.weight"].shape
    action = nets["policy"]["mean.weight"].shape[2]
    if (observation, action) != (task.observation.size, task.action_size):
        raise Off2OnError(
            f"{directory}: agents of {observation} observations and {action} actions, not of {task.name}"
        )
    steps = 1_000_000
    identity: dict[str, Any] = {
        "kind": "pretrain",
        **dict(zip(("scale", "source", "seed"), named, strict=True)),
        "task": task.name,
        "dataset": DATASET,
        "algorithm": "cql",
        "members": members,
        "settings": {"members": members, "network": {"width": width, "depth": len(layer_names(nets["policy"]))}},
    }
    hashes = {"config_hash": config_hash(identity["settings"]), "code_hash": code_hash(__name__, without=PLUMBING)}
    inputs = {str(path.relative_to(directory)): path for path in sorted(directory.glob("*_seed*/*.pt"))}
    with RunDirectory(out, identity, hashes, inputs, Handling()) as run:
        if run.complete():
            return
        found = member_episodes(_agents(nets), task, episodes=5, seed=0)
        episodes = [episode for member in range(members) for episode in found[f"member {member}"]]
        row: Row = {"env_steps": 0, "online_episodes": 0, "gradient_steps": steps}
        row |= return_columns(episodes, task) | {"wall_seconds": round(run.wall_seconds, 1)}
        extra: dict[str, Any] = {
            "dataset_mean_return": None,
            "dataset_transitions": None,
        }
        run.finish([row], flatten(nets), extra)


def _agents(nets: Nets) -> StoredAgents:
    members = len(nets["policy"]["mean.bias"])
    single = [
        {net: {name: value[i::members] for name, value in params.items()} for net, params in nets.items()}
        for i in range(members)
    ]
    return StoredAgents([EnsembleAgent(own, Sac()) for own in single], EnsembleAgent(nets, Sac()))


def _members(directory: Path) -> list[Path]:
    found: dict[int, Path] = {}
    for path in sorted(directory.glob("*_seed*")):
        if path.is_dir() and (match := re.search(r"_seed(\d{1,9})$", path.name)):
            if (seed := int(match[1])) in found:
                raise Off2OnError(f"{directory}: {found[seed].name} and {path.name} are both of seed {seed}")
            found[seed] = path
    if not found:
        raise Off2OnError(f"{directory}: no published agents; expected sub-directories named *_seed<number>")
    return [found[seed] for seed in sorted(found)]


def _files(members: list[Path], name: str) -> list[Path]:
    files = []
    for member in members:
        found = sorted(member.glob(f"{name}_*.pt"))
        if len(found) != 1:
            raise Off2OnError(f"{member}: expected one file {name}_<step>.pt, found {len(found)}")
        files += found
    return files


def _renamed(path: Path, is_policy: bool) -> Params:
    """One network with our names and a member axis of one."""
    weights = _load(path)
    hidden = sum(bool(re.fullmatch(r"fc\d+\.weight", key)) for key in weights)
    layers = {f"fc{j}": f"layer{j}" for j in range(hidden)}
    layers |= _HEADS if is_policy else {"last_fc": f"layer{hidden}"}
    expected = {f"{name}.{kind}" for name in layers for kind in ("weight", "bias")}
    if not hidden or set(weights) != expected:
        kind = "policy" if is_policy else "critic"
        raise Off2OnError(f"{path}: not a published {kind}; keys {sorted(weights)}, expected {sorted(expected)}")
    params: Params = {}
    width: int | None = None
    for theirs, ours in layers.items():
        weight, bias = (
            _plain(path, f"{theirs}.{kind}", weights[f"{theirs}.{kind}"]) for kind in ("weight", "bias")
        )
        fits = weight.dim() == 2 and bias.shape == weight.shape[:1] and width in {None, weight.shape[-1]}
        if not fits:
            raise Off2OnError(
                f"{path}: {theirs} has shapes {tuple(weight.shape)}, {tuple(bias.shape)}, expected (out, in), "
                f"(out,), where in is what the layer before it gives ({width or 'any'})"
            )
        width = weight.shape[0] if theirs.startswith("fc") else width
        params[f"{ours}.weight"], params[f"{ours}.bias"] = weight.T.unsqueeze(0), bias.unsqueeze(0)
    return params


def _load(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise Off2OnError(f"{path} is no file")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # a pickle that would run code is refused here; what is not a pickle at all can end in any exception
        raise Off2OnError(
            f"{path}: not a torch file of plain weights ({type(error).__name__}); fetch it again"
        ) from None
    tensors = isinstance(loaded, dict) and all(isinstance(value, Tensor) for value in loaded.values())
    if not tensors or not all(isinstance(name, str) for name in loaded):
        raise Off2OnError(f"{path}: not a dictionary of named tensors; expected the state of one network")
    return dict(loaded)


def _plain(path: Path, name: str, tensor: Tensor) -> Tensor:
    """A dense tensor of finite numbers as float32."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta or not tensor.is_floating_point():
        raise Off2OnError(f"{path}: {name} is no dense tensor of real numbers ({tensor.dtype}, {tensor.layout})")
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise Off2OnError(f"{path}: {name} of shape {tuple(tensor.shape)} repeats fewer numbers than it has")
    found = tensor.float()
    if not found.isfinite().all():
        raise Off2OnError(f"{path}: {name} holds NaN or infinite weights")
    return found


def _stacked(members: list[Path], networks: list[Params]) -> Params:
    for member, network in zip(members, networks, strict=True):
        for name, value in network.items():
            if name not in networks[0] or value.shape != networks[0][name].shape:
                raise Off2OnError(
                    f"{member}: {name} has shape {tuple(value.shape[1:])}, unlike that of {members[0]}; "
                    "all members of an ensemble must have the same shape"
                )
    return {name: torch.cat([network[name] for network in networks]).contiguous() for name in networks[0]}
