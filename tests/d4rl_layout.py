"""Small files in the layouts of D4RL's: real steps of the tasks, stored as v0 and v2 store them [S101, S132]."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from off2on.envs.make import make_env
from off2on.envs.task import Task

Arrays = dict[str, NDArray[Any]]

#: of a policy of the files; D4RL's has 256
WIDTH = 16


def policy_weights(task: Task, seed: int = 0) -> Arrays:
    """`fc0/weight` [out, in], ... of a policy that nobody trained."""
    rng = np.random.default_rng(seed)
    sizes = {
        "fc0": (WIDTH, task.observation.size),
        "fc1": (WIDTH, WIDTH),
        "last_fc": (task.action_size, WIDTH),
        "last_fc_log_std": (task.action_size, WIDTH),
    }
    found: Arrays = {}
    for name, (outer, inner) in sizes.items():
        found[f"{name}/weight"] = (rng.standard_normal((outer, inner)) / np.sqrt(inner)).astype(np.float32)
        found[f"{name}/bias"] = rng.standard_normal(outer).astype(np.float32) * 0.1
    found["last_fc_log_std/bias"] -= 1
    return found


def act(weights: Arrays, observation: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    """Written again, from the description of the layout: ReLU, ReLU, a Gaussian, tanh."""
    hidden = observation
    for name in ("fc0", "fc1"):
        hidden = np.maximum(weights[f"{name}/weight"] @ hidden + weights[f"{name}/bias"], 0)
    mean, log_std = (
        weights[f"{name}/weight"] @ hidden + weights[f"{name}/bias"] for name in ("last_fc", "last_fc_log_std")
    )
    sample = mean + np.exp(np.clip(log_std, -20, 2)) * rng.standard_normal(len(mean))
    return np.tanh(sample).astype(np.float32)


def steps(
    task: Task,
    rows: int,
    seed: int = 0,
    weights: Arrays | None = None,
    change: Callable[[Any], None] | None = None,
) -> Arrays:
    """Rows of episodes as D4RL's script has them: states before the action, `timeouts` at the 1,000th step.

    Args:
        task: whose environment.
        rows: how many; the last episode may be cut.
        seed: of resets and actions.
        weights: of the policy; None: uniform actions.
        change: what is done to the environment before.
    """
    rng, env = np.random.default_rng(seed), make_env(task).unwrapped
    if change:
        change(env)
    found: dict[str, list[Any]] = {}
    observation, length = env.reset(seed=seed)[0], 0
    for _ in range(rows):
        action = rng.uniform(-1, 1, task.action_size) if weights is None else act(weights, observation, rng)
        qpos, qvel = env.data.qpos.copy(), env.data.qvel.copy()
        after, reward, terminal, _, _ = env.step(action)
        length += 1
        row = {
            "observations": observation,
            "next_observations": after,
            "actions": action,
            "rewards": reward,
            "terminals": terminal and length < task.horizon,
            "timeouts": length == task.horizon,
            "infos/qpos": qpos,
            "infos/qvel": qvel,
            "infos/action_log_probs": 0.0,
        }
        for name, value in row.items():
            found.setdefault(name, []).append(value)
        observation = after
        if terminal or length == task.horizon:
            observation, length = env.reset()[0], 0
    return {
        name: np.array(values, bool if name in {"terminals", "timeouts"} else np.float32)
        for name, values in found.items()
    }


def write(path: Path, content: Arrays, source: str, dataset: str, weights: Arrays | None = None) -> Path:
    """The file of a dataset, in the layout that its version and its kind have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = dict(content)
    if source == "d4rl-v0":
        content = {name: array for name, array in content.items() if "/" not in name and "next" not in name}
        if dataset in {"medium-replay", "medium-expert"}:
            content["rewards"] = content["rewards"][:, None]
        if dataset == "medium-replay":
            content |= {name: content[name].astype(np.float32) for name in ("terminals", "timeouts")}
    elif dataset in {"medium-replay", "full-replay"}:
        content = {name: a.astype(np.float64) if a.dtype == np.float32 else a for name, a in content.items()}
    with h5py.File(path, "w") as file:
        for name, array in content.items():
            file.create_dataset(name, data=array, compression="gzip")
        if source == "d4rl-v2" and dataset not in {"random", "medium-expert"}:
            file["metadata/algorithm"] = np.bytes_("SAC")
            file["metadata/iteration"] = np.int32(53)
        if weights is not None:
            file["metadata/policy/nonlinearity"] = np.bytes_("relu")
            file["metadata/policy/output_distribution"] = np.bytes_("tanh_gaussian")
            for name, array in weights.items():
                file[f"metadata/policy/{name}"] = array
    return path
