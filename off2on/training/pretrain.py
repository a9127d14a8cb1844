"""Offline pre-training: N members of an algorithm on one dataset, with evaluations along the way."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from off2on.agents.interface import OfflineAgent, agent_module, derived_columns
from off2on.codehash import PLUMBING, code_hash
from off2on.data.dataset import read_dataset
from off2on.envs.rollout import Floats, Observations, Rollout, episode_seeds
from off2on.errors import Off2OnError
from off2on.jobs import PretrainJob, identity, parameters, title
from off2on.nn.state import flatten
from off2on.provenance import config_hash
from off2on.replay.store import TransitionStore
from off2on.seeding import job_key, restore, states, stream
from off2on.training.agents import load_members
from off2on.training.evaluate import Averages, auroc_columns, return_columns
from off2on.training.progress import progress_bar
from off2on.training.rundir import Row, RunDirectory

#: dataset pairs that the AUROC of a row looks at
AUROC_PAIRS = 2_000


def pretrain(
    job: PretrainJob,
    data: Path,
    agents: Path | None,
    out: Path,
    wait: bool = False,
    checkpoint_seconds: float = 60,
) -> None:
    """Train, or resume training, and write the outputs of `out`.

    Args:
        job: the pre-training.
        data: the dataset.
        agents: the pre-training directory that the algorithm starts from; None: it starts from nothing.
        out: the directory to write.
        wait: wait for another process that holds it.
        checkpoint_seconds: the least time between two states on disk.

    Raises:
        Off2OnError: a bad dataset or bad agents, a directory in use or of other settings, a damaged state, a full
            disk.
    """
    if (agents is None) != (job.algorithm.start is None):
        need = f"the agents of '{job.algorithm.start}'" if job.algorithm.start else "no agents"
        raise Off2OnError(f"algorithm '{job.algorithm.name}' starts from {need}; --agents says {agents}")
    settings_hash = config_hash(parameters(job))
    with RunDirectory(out, identity(job), settings_hash, wait, checkpoint_seconds) as run:
        if not run.complete():
            _Pretraining(job, data, agents, run).work()


class _Pretraining:
    """The state of the loop: agent, generators, rows so far, gradient steps done."""

    def __init__(self, job: PretrainJob, data: Path, agents: Path | None, run: RunDirectory) -> None:
        self.job, self.run, self.agents = job, run, agents
        self.task, self.loop, self.key = job.task, job.settings.pretraining, job_key(job)
        dataset = read_dataset(data, self.task)
        self.dataset_return = dataset.mean_episode_return()
        self.store = TransitionStore.from_dataset(dataset, derived_columns(job.algorithm.name))
        members = range(job.settings.members)
        self.rngs = {f"{role}{i}": stream(*self.key, i, role) for role in ("batch", "noise") for i in members}
        self.agent = self._fresh_agent()
        self.rollout = Rollout(self.task, self.loop.eval_episodes)
        run.starts_from({"dataset": data} | ({"agents": agents / "agent.safetensors"} if agents else {}))
        # taken now: an edit made during the run is not in the code that runs
        run.runs_code(code_hash(*job.modules, without=PLUMBING))
        self.averages = Averages(["q_mean"] + ["alpha"] * ("temperature" in self.agent.nets))
        self.rows: list[Row] = []
        self.step = 0

    def _fresh_agent(self) -> OfflineAgent:
        job, settings = self.job, self.job.settings
        module = agent_module(job.algorithm.name)
        init = [stream(*self.key, i, "init") for i in range(settings.members)]
        nets = module.init_nets(self.task.sizes, settings, init)
        if self.agents is not None and job.algorithm.start is not None:
            found = load_members(self.agents, settings.members, self.task, job.algorithm.start, settings)
            nets["policy"] = found["policy"]
        return module.offline_agent(nets, settings)

    def work(self) -> None:
        self._load()
        total = self.job.steps
        with progress_bar(title(self.job), total, "step", initial=self.step) as bar:
            if not self.rows:
                self._evaluate()
            while self.step < total:
                self._learn()
                bar.update()
                if self.step % self.loop.evaluate_every == 0 or self.step == total:
                    self._evaluate()
                    bar.set_postfix(return_mean=f"{self.rows[-1]['return_mean']:.0f}")
                if self.run.due():
                    self._save()
        extra: dict[str, Any] = {
            "dataset_mean_return": self.dataset_return,
            "dataset_transitions": self.store.size,
            "member_returns": self.member_returns,
        }
        nets = {name: self.agent.nets[name] for name in agent_module(self.job.algorithm.name).KEPT}
        self.run.finish(self.rows, flatten(nets), extra)

    def _learn(self) -> None:
        members, batch = range(self.agent.members), self.job.batch
        rows = np.stack([self.rngs[f"batch{i}"].integers(self.store.size, size=batch) for i in members])
        noise = self.agent.draw_noise([self.rngs[f"noise{i}"] for i in members], batch)
        self.averages.add(self.agent.update(self.store.batch(rows), noise))
        self.step += 1

    def _evaluate(self) -> None:
        rng = stream(*self.key, "evaluate", self.step)
        seeds = episode_seeds(rng, self.loop.eval_episodes)
        found = []
        for member in range(self.agent.members):

            def act(observations: Observations, member: int = member) -> Floats:
                noise = self.agent.acting_noise(rng, len(observations), explore=False)
                return self.agent.act(torch.from_numpy(observations), noise, member).numpy()

            found.append(self.rollout.episodes(act, seeds))
        self.member_returns = [float(np.mean([e.total for e in episodes])) for episodes in found]
        row: Row = {"env_steps": 0, "online_episodes": 0, "gradient_steps": self.step}
        row |= return_columns([episode for episodes in found for episode in episodes], self.task)
        row |= auroc_columns(self.agent.q, self.store, 0, AUROC_PAIRS, *self.key)
        row |= self.averages.take(f"{title(self.job)}, step {self.step}", self.job.section)
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
