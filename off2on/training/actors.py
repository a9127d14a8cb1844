"""The SAC run that makes a task's shipped actors: a medium and an expert actor and 16 snapshots.

It follows D4RL's recipe with the project's own SAC: several lanes are rolled out in lock-step, the updates
come in blocks after them. `off2on train-actors` runs it; the shipped files are in `off2on/actors/`.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from off2on.agents.sac import EnsembleAgent, ensemble_policy, init_agent
from off2on.algorithms.sac import Sac
from off2on.envs.rollout import Episode, Floats, Policy, Rollout, episode_seeds
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.nn.mlp import BATCHED, Params
from off2on.replay.store import TransitionStore


@dataclass(frozen=True)
class ActorRun:
    """Settings of the run; the log records them."""

    task: str
    seed: int = 0
    hidden: int = 256
    batch: int = 128
    lanes: int = 4
    #: environment steps a lane and gradient steps, each epoch
    lane_steps: int = 1000
    updates: int = 1500
    epochs: int = 500
    policy_lr: float = 3e-4
    q_lr: float = 1e-3
    eval_episodes: int = 10


@dataclass(frozen=True)
class Epoch:
    """One epoch of the run: its row of the log, what it added to the replay buffer, the policy after it."""

    row: dict[str, float]
    episodes: list[Episode]
    policy: Params


def train_actors(run: ActorRun, out: Path) -> Iterator[dict[str, float]]:
    """Train from scratch; after each epoch write `policy_<epoch>.safetensors` and a row of `log.jsonl`.

    Yields:
        The row of the log: epoch, env_steps, gradient_steps, return_mean, return_std, alpha, seconds.

    Raises:
        Off2OnError: unknown task, or `out` has the log of a run already.
    """
    get_task(run.task)
    path = out / "log.jsonl"
    if path.exists():
        raise Off2OnError(f"{path}: {out} holds a run already; choose another directory with --out, or remove it")
    out.mkdir(parents=True, exist_ok=True)
    (out / "settings.json").write_text(json.dumps(asdict(run), indent=1))
    for epoch in sac_epochs(run):
        save_policy(epoch.policy, out / f"policy_{epoch.row['epoch']:04.0f}.safetensors")
        with path.open("a") as log:
            log.write(json.dumps(epoch.row) + "\n")
        yield epoch.row


def sac_epochs(run: ActorRun) -> Iterator[Epoch]:
    """SAC from scratch, epoch by epoch; deterministic in the settings."""
    task = get_task(run.task)
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence([run.seed]).spawn(4)]
    init_rng, env_rng, noise_rng, batch_rng = streams
    # as when the shipped actors were made; rlkit would draw by the output width
    nets = init_agent(task.observation.size, task.action_size, [run.hidden, run.hidden], [init_rng], BATCHED)
    agent = EnsembleAgent(nets, Sac(policy_lr=run.policy_lr, q_lr=run.q_lr))
    explorer, evaluator = Rollout(task, run.lanes), Rollout(task, run.eval_episodes)
    store = TransitionStore(task.observation, task.action_size, 1_000_000)
    evaluation_seeds = episode_seeds(np.random.default_rng([run.seed, 1]), run.eval_episodes)
    start = time.monotonic()
    for epoch in range(1, run.epochs + 1):
        explore = actor_policy(agent.nets["policy"], noise_rng)
        episodes = explorer.explore(explore, run.lane_steps, env_rng)
        for episode in episodes:
            store.append(episode.observations, episode.actions, episode.rewards, episode.terminals)
        for _ in range(run.updates):
            rows = batch_rng.integers(store.size, size=run.batch)
            metrics = agent.update(store.batch(rows), agent.draw_noise(noise_rng, run.batch))
        returns = [e.total for e in evaluator.episodes(actor_policy(agent.nets["policy"]), evaluation_seeds)]
        row = {
            "epoch": epoch,
            "env_steps": epoch * run.lanes * run.lane_steps,
            "gradient_steps": epoch * run.updates,
            "return_mean": float(np.mean(returns)),
            "return_std": float(np.std(returns)),
            "alpha": float(metrics["alpha"]),
            "q_mean": float(metrics["q_mean"]),
            "seconds": time.monotonic() - start,
        }
        yield Epoch(row, episodes, agent.nets["policy"])


def actor_policy(params: Params, rng: np.random.Generator | None = None) -> Policy:
    """A policy for roll-outs: samples with the generator's noise, or tanh of the mean without one."""

    @torch.no_grad()
    def act(observations: Floats) -> Floats:
        gaussian = ensemble_policy(params, torch.from_numpy(observations))
        z = gaussian.mean
        if rng is not None:
            z = z + gaussian.std * torch.from_numpy(rng.standard_normal(z.shape, np.float32))
        return torch.tanh(z).numpy()

    return act


def save_policy(params: Params, path: Path) -> None:
    """Write one policy in half precision."""
    save_file({name: value.detach().half().contiguous() for name, value in params.items()}, path)
