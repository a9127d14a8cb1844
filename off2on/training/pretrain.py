"""Offline pre-training: N members of an algorithm on one dataset, with evaluations along the way (facts 2)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from off2on.agents.cql import CqlAgent, CqlSettings
from off2on.agents.ensemble import init_agent
from off2on.config import Offline, Settings
from off2on.data.dataset import read_dataset
from off2on.envs.rollout import Floats, Rollout, episode_seeds
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.nn.state import flatten
from off2on.replay.store import TransitionStore
from off2on.seeding import restore, states, stream
from off2on.training.evaluate import Averages, auroc_columns, return_columns
from off2on.training.progress import progress_bar
from off2on.training.rundir import Row, RunDirectory

ALGORITHMS = ("cql",)
#: dataset pairs that the AUROC of a row looks at
AUROC_PAIRS = 2_000


@dataclass(frozen=True)
class PretrainJob:
    """What an offline pre-training is: its name in results/ and its settings."""

    scale: str
    source: str
    task: str
    dataset: str
    algorithm: str
    seed: int
    settings: Settings

    @property
    def key(self) -> tuple[str | int, ...]:
        """What the random streams of the job are named by."""
        return ("pretrain", self.source, self.task, self.dataset, self.algorithm, self.seed)

    def identity(self) -> dict[str, Any]:
        """The first part of run.json."""
        settings = self.settings.model_dump(include={"members", "network", "offline"})
        return {
            "kind": "pretrain",
            "scale": self.scale,
            "source": self.source,
            "task": self.task,
            "dataset": self.dataset,
            "algorithm": self.algorithm,
            "seed": self.seed,
            "members": self.settings.members,
            "settings": settings,
        }


def cql_settings(offline: Offline) -> CqlSettings:
    """The part of the scale's settings that CQL's update reads."""
    return CqlSettings(**{name: getattr(offline, name) for name in CqlSettings.__dataclass_fields__})


def pretrain(job: PretrainJob, data: Path, out: Path, wait: bool = False, checkpoint_seconds: float = 60) -> None:
    """Train, or carry on training, and write the outputs of `out`.

    Raises:
        Off2OnError: an unknown algorithm, a bad dataset, a directory in use or of other settings, a damaged state,
            a full disk.
    """
    if job.algorithm not in ALGORITHMS:
        raise Off2OnError(
            f"unknown offline algorithm '{job.algorithm}'; known algorithms: {', '.join(ALGORITHMS)}"
        )
    with RunDirectory(out, job.identity(), wait, checkpoint_seconds) as run:
        if not run.complete():
            _Pretraining(job, data, run).work()


class _Pretraining:
    """The state of the loop: agent, generators, rows so far, gradient steps done."""

    def __init__(self, job: PretrainJob, data: Path, run: RunDirectory) -> None:
        self.job, self.run, self.data = job, run, data
        self.task = get_task(job.task)
        self.offline = job.settings.offline
        dataset = read_dataset(data, self.task)
        self.dataset_return = dataset.mean_episode_return()
        self.store = TransitionStore.from_dataset(dataset)
        members = range(job.settings.members)
        self.rngs = {f"{role}{i}": stream(*job.key, i, role) for role in ("batch", "noise") for i in members}
        widths = [job.settings.network.width] * job.settings.network.depth
        init = [stream(*job.key, i, "init") for i in members]
        nets = init_agent(self.task.observation_size, self.task.action_size, widths, init)
        self.agent = CqlAgent(nets, cql_settings(self.offline))
        self.rollout = Rollout(self.task, self.offline.eval_episodes)
        self.averages = Averages(["q_mean", "alpha"])
        self.rows: list[Row] = []
        self.step = 0

    def work(self) -> None:
        self._load()
        total = self.offline.steps
        title = f"{self.job.algorithm} {self.job.task}/{self.job.dataset} seed {self.job.seed}"
        with progress_bar(title, total, "step", initial=self.step) as bar:
            if not self.rows:
                self._evaluate()
            while self.step < total:
                self._learn()
                bar.update()
                if self.step % self.offline.evaluate_every == 0 or self.step == total:
                    self._evaluate()
                    bar.set_postfix(return_mean=f"{self.rows[-1]['return_mean']:.0f}")
                if self.run.due():
                    self._save()
        extra: dict[str, Any] = {
            "dataset_sha256": sha256(self.data),
            "dataset_mean_return": self.dataset_return,
            "dataset_transitions": self.store.size,
            "parents": {},
            "member_returns": self.member_returns,
        }
        nets = {name: self.agent.nets[name] for name in ("policy", "critic")}
        self.run.finish(self.rows, flatten(nets), extra)

    def _learn(self) -> None:
        members, batch = range(self.agent.members), self.offline.batch
        rows = np.stack([self.rngs[f"batch{i}"].integers(self.store.size, size=batch) for i in members])
        noise = self.agent.draw_noise([self.rngs[f"noise{i}"] for i in members], batch)
        self.averages.add(self.agent.update(self.store.batch(rows), noise))
        self.step += 1

    def _evaluate(self) -> None:
        seeds = episode_seeds(stream(*self.job.key, "evaluate", self.step), self.offline.eval_episodes)
        found = []
        for member in range(self.agent.members):

            def act(observations: Floats, member: int = member) -> Floats:
                return self.agent.act(torch.from_numpy(observations), member).numpy()

            found.append(self.rollout.episodes(act, seeds))
        self.member_returns = [float(np.mean([e.total for e in episodes])) for episodes in found]
        row: Row = {"env_steps": 0, "online_episodes": 0, "gradient_steps": self.step}
        row |= return_columns([episode for episodes in found for episode in episodes], self.task)
        row |= auroc_columns(self.agent.q, self.store, 0, AUROC_PAIRS, *self.job.key)
        row |= self.averages.take()
        row["wall_seconds"] = round(self.run.wall_seconds, 1)
        self.rows.append(row)
        self.run.write_progress(self.rows)

    def _save(self) -> None:
        position = {
            "step": self.step,
            "rows": self.rows,
            "rngs": states(self.rngs),
            "member_returns": self.member_returns,
        }
        self.run.save_state(self.agent.state() | self.averages.state(), position)

    def _load(self) -> None:
        found = self.run.load_state()
        if found is None:
            return
        tensors, position = found
        self.agent.load_state(tensors)
        self.averages.load_state(tensors)
        restore(self.rngs, position["rngs"])
        self.step, self.rows = position["step"], position["rows"]
        self.member_returns = position["member_returns"]
