"""Online fine-tuning with the cadence of the authors' code (facts 1.8), and SAC from scratch (facts 3)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from off2on.agents.ensemble import init_agent
from off2on.agents.interface import online_module
from off2on.config import Settings
from off2on.data.dataset import read_dataset
from off2on.envs.rollout import Floats, Rollout, episode_seeds
from off2on.envs.tasks import Task, get_task
from off2on.method import Method
from off2on.nn.state import Nets, flatten
from off2on.replay.samplers import make_sampler
from off2on.replay.store import TransitionStore
from off2on.seeding import restore, states, stream
from off2on.training.agents import load_members
from off2on.training.evaluate import Averages, auroc_columns, return_columns
from off2on.training.progress import progress_bar
from off2on.training.rundir import Row, RunDirectory


@dataclass(frozen=True)
class FinetuneJob:
    """What a fine-tuning run is: its name in results/ and its settings."""

    scale: str
    source: str
    task: str
    dataset: str
    method: Method
    seed: int
    settings: Settings

    @property
    def members(self) -> int:
        """Ensemble size of the run."""
        return self.method.size(self.settings)

    @property
    def key(self) -> tuple[str | int, ...]:
        """What the random streams of the run are named by."""
        return ("finetune", self.source, self.task, self.dataset, self.method.name, self.seed)

    @property
    def title(self) -> str:
        """What messages and the progress bar call the run."""
        return f"{self.method.name} {self.task}/{self.dataset} seed {self.seed}"

    @property
    def rates(self) -> str:
        """The section of the settings that has the learning rates."""
        objective = self.method.objective
        return objective if objective in {"awac", "bcq"} else "online"

    def identity(self) -> dict[str, Any]:
        """What the numbers depend on: the first part of run.json."""
        return {
            "kind": "finetune",
            "scale": self.scale,
            "source": self.source,
            "task": self.task,
            "dataset": self.dataset,
            "method": self.method.name,
            "seed": self.seed,
            "members": self.members,
            "method_settings": {
                "sampler": self.method.sampler,
                "objective": self.method.objective,
                "offline": self.method.offline,
                "members": self.members,
            },
            "settings": self.settings.model_dump(include=self.method.sections),
        }


@dataclass(frozen=True)
class Start:
    """What a run starts from: an offline dataset and the pre-training directory on it."""

    data: Path
    agents: Path


def finetune(
    job: FinetuneJob, start: Start | None, out: Path, wait: bool = False, checkpoint_seconds: float = 60
) -> None:
    """Fine-tune, or carry on fine-tuning, and write the outputs of `out`.

    Args:
        job: the run.
        start: dataset and offline agents; None: from scratch.
        out: the run's directory.
        wait: wait for another process that holds the directory.
        checkpoint_seconds: the least time between two states on disk.

    Raises:
        Off2OnError: bad dataset or agents, a directory in use or of other settings, a damaged state, a full disk.
    """
    with RunDirectory(out, job.identity(), wait, checkpoint_seconds) as run:
        if not run.complete():
            _Finetuning(job, start, run).work()


def _initial_nets(job: FinetuneJob, task: Task, start: Start | None) -> Nets:
    if start is not None and job.method.offline is not None:
        return load_members(start.agents, job.members, task, job.method.offline, job.settings)
    rngs = [stream(*job.key, member, "init") for member in range(job.members)]
    return init_agent(task.observation_size, task.action_size, job.settings.network.widths, rngs)


class _Finetuning:
    """The state of the loop: agent, store, sampler, generators, rows so far, place in the epoch."""

    def __init__(self, job: FinetuneJob, start: Start | None, run: RunDirectory) -> None:
        self.job, self.run, self.start = job, run, start
        self.online = online = job.settings.online
        self.task = get_task(job.task)
        self.dataset_return: float | None = None
        if start is None:
            self.store = TransitionStore(self.task.observation_size, self.task.action_size, online.env_steps)
        else:
            dataset = read_dataset(start.data, self.task)
            self.dataset_return = dataset.mean_episode_return()
            self.store = TransitionStore.from_dataset(dataset)
        self.offline_size, self.offline_frames = self.store.size, self.store.frames
        self.agent = online_module(job.method.objective).online_agent(
            _initial_nets(job, self.task, start), job.settings
        )
        if start is not None:
            run.starts_from({"dataset": start.data, "agents": start.agents / "agent.safetensors"})
        roles = ("explore", "reset", "sample", "update")
        self.rngs = {role: stream(*job.key, role) for role in roles}
        self.sampler = make_sampler(
            job.method.sampler,
            self.store,
            self.offline_size,
            job.settings,
            job.method.batch(job.settings),
            init_rng=stream(*job.key, "density"),
            rng=self.rngs["sample"],
        )
        self.evaluation, self.exploration = Rollout(self.task, online.eval_episodes), Rollout(self.task, 1)
        self.averages = Averages(self._averaged())
        self.rows: list[Row] = []
        #: epochs finished, gradient steps of this epoch done (None: its steps are not collected yet)
        self.epoch = 0
        self.step: int | None = None
        self.explore_returns: list[float] = []
        self.episodes = 0
        self.gradient_steps = 0

    def _averaged(self) -> list[str]:
        """The columns that are means over minibatches; the others stay empty."""
        density = ["density_ratio_online", "density_ratio_offline"]
        return ["q_mean"] + ["offline_fraction"] * (self.start is not None) + density * self.job.method.balanced

    # ----------------------------------------------------------------------------------------- the loop

    @property
    def epochs(self) -> int:
        """Epochs of the run; the warm-up of a run from scratch counts as environment steps."""
        warmup = self.online.warmup_steps if self.start is None else 0
        return (self.online.env_steps - warmup) // self.online.epoch_steps

    def _updates(self, epoch: int) -> int:
        longer = epoch == 0 and self.job.method.first_epoch_longer
        return self.online.epoch_steps * (self.online.first_epoch_multiplier if longer else 1)

    def work(self) -> None:
        self._load()
        total = sum(self._updates(epoch) for epoch in range(self.epochs))
        with progress_bar(self.job.title, total, "step", initial=self.gradient_steps) as bar:
            while self.epoch < self.epochs:
                if self.step is None:
                    self._evaluate()
                    bar.set_postfix(return_mean=f"{self.rows[-1]['return_mean']:.0f}")
                    self._collect()
                    self.step = 0
                while self.step < self._updates(self.epoch):
                    self._learn()
                    self.step += 1
                    bar.update()
                    if self.run.due():
                        self._save()
                self.epoch, self.step = self.epoch + 1, None
        self._evaluate()
        self._finish()

    def _collect(self) -> None:
        """One epoch of exploration; from scratch, the first one has the warm-up in front of it (facts 3.1)."""
        steps = self.online.epoch_steps
        if self.start is None and self.epoch == 0:
            steps += self.online.warmup_steps
        self.explore_returns = []
        for episode in self.exploration.explore(self._explore, steps, self.rngs["reset"]):
            rows = self.store.append(episode.observations, episode.actions, episode.rewards, episode.terminals)
            self.sampler.append(rows)
            self.episodes += 1
            if episode.complete:
                self.explore_returns.append(episode.total)

    def _learn(self) -> None:
        rows = self.sampler.draw()
        batch = self.store.batch(rows)
        noise = self.agent.draw_noise(self.rngs["update"], len(rows))
        metrics = self.agent.update(batch, noise) | self.sampler.update(batch, rows)
        metrics["offline_fraction"] = torch.tensor((rows < self.offline_size).mean())
        self.averages.add(metrics)
        self.gradient_steps += 1

    def _explore(self, observations: Floats) -> Floats:
        noise = self.agent.acting_noise(self.rngs["explore"], len(observations), explore=True)
        return self.agent.act(torch.from_numpy(observations), noise).numpy()

    # ------------------------------------------------------------------------------- rows and outputs

    def _evaluate(self) -> None:
        key = self.job.key
        rng = stream(*key, "evaluate", self.epoch)
        seeds = episode_seeds(rng, self.online.eval_episodes)

        def act(observations: Floats) -> Floats:
            noise = self.agent.acting_noise(rng, len(observations), explore=False)
            return self.agent.act(torch.from_numpy(observations), noise).numpy()

        row: Row = {
            "env_steps": self.store.size - self.offline_size,
            "online_episodes": self.episodes,
            "gradient_steps": self.gradient_steps,
        }
        row |= return_columns(self.evaluation.episodes(act, seeds), self.task)
        explored = self.explore_returns
        row["explore_return_mean"] = float(np.mean(explored)) if explored else None
        row |= self.averages.take(f"{self.job.title}, step {self.gradient_steps}", self.job.rates)
        row |= auroc_columns(self.agent.q, self.store, self.offline_size, self.online.auroc_pairs, *key)
        temperature = self.agent.nets.get("temperature")
        row["alpha"] = float(temperature["log_alpha"].detach().exp()) if temperature else None
        row["wall_seconds"] = round(self.run.wall_seconds, 1)
        self.rows.append(row)
        self.run.write_progress(self.rows)

    def _finish(self) -> None:
        method = self.job.method
        words = {"label": method.label, "description": method.description}
        extra = {
            "method_settings": words | self.job.identity()["method_settings"],
            "dataset_mean_return": self.dataset_return,
            "dataset_transitions": self.offline_size,
        }
        self.run.finish(self.rows, flatten(self.agent.nets), extra)

    # ------------------------------------------------------------------------------------ resume state

    def _save(self) -> None:
        position = {
            "epoch": self.epoch,
            "step": self.step,
            "gradient_steps": self.gradient_steps,
            "episodes": self.episodes,
            "explore_returns": self.explore_returns,
            "rows": self.rows,
            "rngs": states(self.rngs),
        }
        tensors: dict[str, Tensor] = self.agent.state() | self.averages.state()
        tensors |= self.store.tail_state(self.offline_size, self.offline_frames)
        tensors |= {f"sampler/{name}": tensor for name, tensor in self.sampler.state().items()}
        self.run.save_state(tensors, position)

    def _load(self) -> None:
        found = self.run.load_state()
        if found is None:
            return
        tensors, position = found
        self.agent.load_state(tensors)
        self.averages.load_state(tensors)
        self.store.load_tail(tensors)
        own = {k.removeprefix("sampler/"): t for k, t in tensors.items() if k.startswith("sampler/")}
        self.sampler.load_state(own)
        restore(self.rngs, position["rngs"])
        self.epoch, self.step = position["epoch"], position["step"]
        self.gradient_steps, self.episodes = position["gradient_steps"], position["episodes"]
        self.explore_returns, self.rows = position["explore_returns"], position["rows"]
