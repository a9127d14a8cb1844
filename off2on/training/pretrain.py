"""Offline pre-training: N members of an algorithm on one dataset, with evaluations along the way."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from off2on.agents.interface import Placed, agent_module, derived_columns
from off2on.data.dataset import read_dataset
from off2on.envs.rollout import Floats, Observations, Rollout, episode_seeds
from off2on.errors import Off2OnError
from off2on.jobs import PretrainJob, names_of_data, title
from off2on.nn.device import CPU, set_precision
from off2on.nn.state import Nets, flatten
from off2on.replay.store import TransitionStore
from off2on.seeding import job_key, restore, states, stream
from off2on.training.agents import load_members
from off2on.training.evaluate import Averages, auroc_columns, return_columns
from off2on.training.kept import kept_steps
from off2on.training.progress import progress_bar
from off2on.training.replayed import Replayed
from off2on.training.rundir import Handling, Row, RunDirectory
from off2on.training.steps import OfflineStep

#: dataset pairs that the AUROC of a row looks at
AUROC_PAIRS = 2_000


def pretrain(
    job: PretrainJob,
    data: Path,
    agents: Path | None,
    out: Path,
    handling: Handling = Handling(),  # noqa: B008 - frozen
    device: torch.device = CPU,
) -> None:
    """Train, or resume training, and write the outputs of `out`.

    Args:
        job: the pre-training.
        data: the dataset.
        agents: the pre-training directory that the algorithm starts from; None: it starts from nothing.
        out: the directory to write.
        handling: of what is in the directory.
        device: where it is trained.

    Raises:
        Off2OnError: a bad dataset or bad agents, a directory in use or of another job, a damaged state, a full
            disk.
        Stopped: a signal asked the job to end; its state is saved.
    """
    if (agents is None) != (job.algorithm.start is None):
        need = f"the agents of '{job.algorithm.start}'" if job.algorithm.start else "no agents"
        raise Off2OnError(f"algorithm '{job.algorithm.name}' starts from {need}; --agents says {agents}")
    set_precision(job.settings.precision)
    files = {"dataset": data} | ({"agents": agents / "agent.safetensors"} if agents else {})
    with RunDirectory.of(job, files, out, handling, device.type) as run:
        if not run.complete():
            _Pretraining(job, data, agents, run, device).work()


class _Pretraining:
    """The state of the loop: agent, generators, rows so far, gradient steps done."""

    def __init__(
        self, job: PretrainJob, data: Path, agents: Path | None, run: RunDirectory, device: torch.device
    ) -> None:
        self.job, self.run = job, run
        self.task, self.loop, self.key = job.task, job.settings.pretraining, job_key(job)
        dataset = read_dataset(data, self.task, names_of_data(job))
        self.dataset_return = dataset.mean_episode_return()
        self.store = TransitionStore.from_dataset(dataset, derived_columns(job.algorithm.name), device)
        module = agent_module(job.algorithm.name)
        nets = self._initial_nets(agents)
        self.placed = Placed(lambda nets: module.offline_agent(nets, job.settings), nets, device)
        self.agent = self.placed.trained
        self.rollout = Rollout(self.task, self.loop.eval_episodes)
        self.averages = Averages(["q_mean"] + ["alpha"] * ("temperature" in self.agent.nets), device)
        members = range(job.settings.members)
        self.rngs = {f"{role}{i}": stream(*self.key, i, role) for role in ("batch", "noise") for i in members}
        own = [[self.rngs[f"{role}{i}"] for i in members] for role in ("batch", "noise")]
        crop = job.settings.images.crop if self.task.observation.is_image else 0
        step = OfflineStep(self.agent, self.store, self.averages, job.batch, crop, *own)
        self.steps = Replayed(step.draw, step.learn, self.agent, device)
        self.rows: list[Row] = []
        self.step = 0
        self.member_returns: list[float] = []

    def _initial_nets(self, agents: Path | None) -> Nets:
        """Fresh networks, but for the policies where the algorithm starts from another's."""
        job, settings = self.job, self.job.settings
        init = [stream(*self.key, i, "init") for i in range(settings.members)]
        nets = agent_module(job.algorithm.name).init_nets(self.task.sizes, settings, init)
        if agents is not None and job.algorithm.start is not None:
            named = {"dataset": job.dataset, "dataset_sha256": self.run.parents["dataset"]}
            found = load_members(agents, settings.members, self.task, job.algorithm.start, settings, named)
            nets["policy"] = found["policy"]
        return nets

    def work(self) -> None:
        self._load()
        total, kept = self.job.steps, kept_steps(self.job)
        with progress_bar(title(self.job), total, "step", initial=self.step) as bar:
            if not self.rows:
                self._evaluate()
            while self.step < total:
                due = min(total, (self.step // self.loop.evaluate_every + 1) * self.loop.evaluate_every)
                done = self.steps.run(due - self.step)
                self.step += done
                bar.update(done)
                if self.step in kept:
                    self.run.keep(self.step, self._kept())
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
        self.run.finish(self.rows, self._kept(), extra, kept)

    def _kept(self) -> dict[str, Tensor]:
        """The networks that fine-tuning starts from."""
        return flatten({name: self.agent.nets[name] for name in agent_module(self.job.algorithm.name).KEPT})

    def _evaluate(self) -> None:
        # first: what has diverged cannot be evaluated
        averages = self.averages.take(f"{title(self.job)}, step {self.step}", self.job.section)
        rng = stream(*self.key, "evaluate", self.step)
        seeds = episode_seeds(rng, self.loop.eval_episodes)
        agent, found = self.placed.acting, []
        for member in range(self.agent.members):

            def act(observations: Observations, member: int = member) -> Floats:
                noise = agent.acting_noise(rng, len(observations), explore=False)
                return agent.act(torch.from_numpy(observations), noise, member).numpy()

            found.append(self.rollout.episodes(act, seeds))
        self.member_returns = [float(np.mean([e.total for e in episodes])) for episodes in found]
        row: Row = {"env_steps": 0, "online_episodes": 0, "gradient_steps": self.step}
        row |= return_columns([episode for episodes in found for episode in episodes], self.task)
        row |= auroc_columns(self.agent.q, self.store, 0, AUROC_PAIRS, *self.key)
        row |= averages
        row["wall_seconds"] = round(self.run.wall_seconds, 1)
        self.rows.append(row)
        self.run.write_progress(self.rows)

    def _position(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "rows": self.rows,
            "rngs": states(self.rngs),
            "member_returns": self.member_returns,
        }

    def _tensors(self) -> dict[str, Tensor]:
        return self.agent.state() | self.averages.state()

    def _save(self) -> None:
        self.run.save_state(self._tensors(), self._position())

    def _load(self) -> None:
        found = self.run.load_state(self._tensors(), self._position())
        if found is None:
            return
        tensors, position = found
        self.agent.load_state(tensors)
        self.averages.load_state(tensors)
        restore(self.rngs, position["rngs"])
        self.step, self.rows = position["step"], position["rows"]
        self.member_returns = position["member_returns"]
