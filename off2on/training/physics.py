"""Do old data and today's physics agree? Measured on what D4RL's v2 files carry: their policy, and states.

The policy is rolled out here, and its return compared with that of the data. Stored states are set, stored actions
taken, and what comes is compared with the next stored state [S110, S132].
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from off2on.data.checks import floats
from off2on.data.dataset import Dataset, read_dataset
from off2on.data.hdf5 import opened, read_array, read_word
from off2on.envs.make import make_env
from off2on.envs.rollout import Floats, Policy, Rollout, episode_seeds
from off2on.envs.task import Task
from off2on.errors import Off2OnError, shown
from off2on.files import sha256
from off2on.provenance import provenance
from off2on.seeding import Rng, stream
from off2on.training.progress import progress_bar

Array = NDArray[np.float64]

#: rlkit's bounds of the logarithm of a standard deviation
_LOG_STD = (-20.0, 2.0)
_POLICY = "metadata/policy"
#: what observations and stored states may differ by: both are float32
_ROUNDING = 1e-4


@dataclass(frozen=True)
class PhysicsJob:
    """What is measured on which file."""

    source: str
    task: Task
    dataset: str
    #: of the policy that made the data
    episodes: int
    #: stored states that are stepped from, evenly over the file
    steps: int
    seed: int


def check_physics(job: PhysicsJob, data: Path) -> dict[str, Any]:
    """Measure how far the environment here is from the one that made a file.

    Returns:
        `data_return` and `policy_return` (mean, std, episodes); `one_step`: relative error of the state, absolute
        error of the reward (median, 95th percentile), rows. None for what the file does not carry.

    Raises:
        Off2OnError: a bad file, a policy of another kind or size, or a file with neither policy nor states.
    """
    dataset = read_dataset(data, job.task, {"source": job.source, "task": job.task.name, "dataset": job.dataset})
    with opened(data) as file:
        policy = _read_policy(data, file, job.task) if _POLICY in file else None
        states = _read_states(data, file, dataset) if "infos/qpos" in file else None
    if policy is None and states is None:
        raise Off2OnError(
            f"{data} carries neither the policy that made it ({_POLICY}) nor states (infos/qpos), as v2 files do"
        )
    returns = dataset.episode_returns()
    return {
        "source": job.source,
        "task": job.task.name,
        "dataset": job.dataset,
        "env_id": job.task.env_id,
        "dataset_sha256": sha256(data),
        "seed": job.seed,
        "data_return": _summary(returns) if len(returns) else None,
        "policy_return": _summary(_returns(job, policy)) if policy else None,
        "one_step": _one_step(job, dataset, states) if states is not None else None,
        **provenance(),
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """What was measured, in words."""
    told = []
    if (here := found["policy_return"]) and (there := found["data_return"]):
        error = np.hypot(*(part["std"] / np.sqrt(part["episodes"]) for part in (here, there)))
        told.append(
            f"return of the data's policy: {here['mean']:.1f} here ({here['episodes']} episodes), "
            f"{there['mean']:.1f} in the data ({there['episodes']}); difference "
            f"{here['mean'] - there['mean']:.1f}, standard error {error:.1f}"
        )
    if step := found["one_step"]:
        state, reward = step["state_error"], step["reward_error"]
        told.append(
            f"one step from {step['rows']} stored states: error of the state {state['median']:.2g} of the step's "
            f"length (median; 95 %: {state['p95']:.2g}), of the reward {reward['median']:.2g} (95 %: "
            f"{reward['p95']:.2g})"
        )
    return told


def _numbers(path: Path, file: h5py.File, name: str) -> Array:
    return floats(path, name, read_array(path, file, name)).astype(np.float64)


# ----------------------------------------------------------------------------------------------------- its policy


def _read_policy(path: Path, file: h5py.File, task: Task) -> Callable[[Rng], Policy]:
    """The stochastic policy in a file: ReLU layers, mean and log standard deviation, tanh."""
    for name, wanted in (("nonlinearity", "relu"), ("output_distribution", "tanh_gaussian")):
        if (found := read_word(path, file, f"{_POLICY}/{name}")) != wanted:
            raise Off2OnError(f"{path}: key '{_POLICY}/{name}' is {shown(found)}; only {wanted} is known")
    sizes = [task.observation.size]
    layers = {}
    for name in ("fc0", "fc1", "last_fc", "last_fc_log_std"):
        weight, bias = (_numbers(path, file, f"{_POLICY}/{name}/{part}") for part in ("weight", "bias"))
        inner = sizes[-1]
        outer = len(bias) if name.startswith("fc") else task.action_size
        if weight.shape != (outer, inner) or bias.shape != (outer,):
            raise Off2OnError(
                f"{path}: key '{_POLICY}/{name}' has shapes {weight.shape} and {bias.shape}, expected "
                f"{(outer, inner)} and {(outer,)}"
            )
        layers[name] = weight, bias
        if name.startswith("fc"):
            sizes.append(outer)
    return lambda rng: _acting(layers, rng)


def _acting(layers: Mapping[str, tuple[Array, Array]], rng: Rng) -> Policy:
    def linear(name: str, inputs: Array) -> Array:
        weight, bias = layers[name]
        return np.asarray(inputs @ weight.T + bias)

    def act(observations: Floats) -> Floats:
        hidden = observations.astype(np.float64)
        for name in ("fc0", "fc1"):
            hidden = np.maximum(linear(name, hidden), 0)
        mean, log_std = linear("last_fc", hidden), np.clip(linear("last_fc_log_std", hidden), *_LOG_STD)
        noise = rng.standard_normal(mean.shape)
        return np.tanh(mean + np.exp(log_std) * noise).astype(np.float32)

    return act


def _returns(job: PhysicsJob, policy: Callable[[Rng], Policy]) -> Array:
    rng = stream("physics", f"{job.task.name}/{job.dataset}", job.seed, "policy")
    act, lanes = policy(rng), Rollout(job.task, min(job.episodes, 16))
    with progress_bar(f"policy of {job.task.name}/{job.dataset}", job.episodes, "episode") as progress:
        episodes = lanes.episodes(act, episode_seeds(rng, job.episodes))
        progress.update(len(episodes))
    return np.array([episode.total for episode in episodes])


def _summary(values: Array) -> dict[str, float]:
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(values.mean()), "std": spread, "episodes": len(values)}


# ------------------------------------------------------------------------------------------------------ its states


def _read_states(path: Path, file: h5py.File, dataset: Dataset) -> tuple[Array, Array]:
    """Positions and velocities `[N, .]` before each action, checked against the observations."""
    qpos, qvel = (_numbers(path, file, f"infos/{name}") for name in ("qpos", "qvel"))
    rows = len(dataset)
    width = dataset.observations.shape[1]
    if qpos.ndim != 2 or qvel.ndim != 2 or len(qpos) != rows or len(qvel) != rows:
        raise Off2OnError(f"{path}: keys 'infos/qpos', 'infos/qvel' have shapes {qpos.shape}, {qvel.shape}")
    # observations leave out the way along x, and some tasks clip velocities at 10
    seen = np.concatenate([qpos[:, 1:], np.clip(qvel, -10, 10)], 1)
    if seen.shape[1] != width:
        raise Off2OnError(f"{path}: 'infos' has {seen.shape[1]} coordinates besides x, observations {width}")
    close = np.abs(seen - np.clip(dataset.observations, -10, 10)).max(1) < _ROUNDING * np.maximum(
        1, np.abs(seen).max(1)
    )
    if not close.mean() > 0.99:
        row = int((~close).argmax())
        raise Off2OnError(f"{path}: key 'infos/qpos', row {row}: not the state of the observation in that row")
    return qpos, qvel


def _one_step(job: PhysicsJob, dataset: Dataset, states: tuple[Array, Array]) -> dict[str, Any]:
    qpos, qvel = states
    within = np.flatnonzero(~(dataset.terminals | dataset.timeouts)[:-1])
    rows = within[np.linspace(0, len(within) - 1, min(job.steps, len(within))).astype(int)]
    env = make_env(job.task).unwrapped
    env.reset(seed=job.seed)
    errors, rewards = np.empty(len(rows)), np.empty(len(rows))
    with progress_bar(f"steps of {job.task.name}/{job.dataset}", len(rows), "step") as progress:
        for i, row in enumerate(rows):
            env.set_state(qpos[row], qvel[row])
            _, reward, *_ = env.step(dataset.actions[row])
            before, after = (np.concatenate([qpos[k], qvel[k]]) for k in (row, row + 1))
            now = np.concatenate([env.data.qpos, env.data.qvel])
            errors[i] = np.linalg.norm(now - after) / np.maximum(np.linalg.norm(after - before), 1e-12)
            rewards[i] = abs(float(reward) - float(dataset.rewards[row]))
            progress.update()
    return {"rows": len(rows), "state_error": _spread(errors), "reward_error": _spread(rewards)}


def _spread(values: Array) -> dict[str, float]:
    return {"median": float(np.median(values)), "p95": float(np.quantile(values, 0.95))}
