"""Online fine-tuning with the cadence of the authors' code [S39], and SAC from scratch [S65]."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from off2on.agents.interface import Placed, agent_module, derived_columns
from off2on.data.dataset import read_dataset
from off2on.envs.rollout import Rollout, episode_seeds
from off2on.errors import Off2OnError
from off2on.jobs import FinetuneJob, names_of_data, title
from off2on.nn.device import CPU, set_precision
from off2on.nn.state import Nets, flatten
from off2on.replay.inputs import SamplerInputs
from off2on.replay.origins import Origins
from off2on.replay.samplers import make_sampler
from off2on.replay.store import TransitionStore
from off2on.seeding import job_key, restore, states, stream
from off2on.training.agents import load_members
from off2on.training.evaluate import Averages, acting, auroc_columns, return_columns
from off2on.training.progress import progress_bar
from off2on.training.replayed import Replayed
from off2on.training.rundir import Handling, Row, RunDirectory
from off2on.training.schedule import epochs, updates
from off2on.training.steps import OnlineStep


@dataclass(frozen=True)
class Inputs:
    """What a run reads, as its method needs it: an offline dataset to replay, a pre-training directory."""

    data: Path | None = None
    agents: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files by the names that run.json has for them."""
        named = {"dataset": self.data, "agents": self.agents and self.agents / "agent.safetensors"}
        return {name: path for name, path in named.items() if path}


def finetune(
    job: FinetuneJob,
    inputs: Inputs,
    out: Path,
    handling: Handling = Handling(),  # noqa: B008 - frozen
    device: torch.device = CPU,
) -> None:
    """Fine-tune, or resume fine-tuning, and write the outputs of `out`.

    Args:
        job: the run.
        inputs: offline dataset and agents; without agents it starts from fresh networks.
        out: the run's directory.
        handling: of what is in the directory.
        device: where it is trained.

    Raises:
        Off2OnError: bad dataset or agents, a directory in use or of another job, a damaged state, a full disk.
        Stopped: a signal asked the job to end; its state is saved.
    """
    _check_inputs(job, inputs)
    set_precision(job.settings.precision)
    with RunDirectory.of(job, inputs.files, out, handling, device.type) as run:
        if not run.complete():
            _Finetuning(job, inputs, run, device).work()


def _check_inputs(job: FinetuneJob, inputs: Inputs) -> None:
    method = job.method
    for name, path, needed in (("data", inputs.data, method.data), ("agents", inputs.agents, bool(method.start))):
        if needed and path is None:
            raise Off2OnError(f"method '{method.name}' needs its {name}: no path was given")
        if path is not None and not needed:
            raise Off2OnError(f"method '{method.name}' reads no {name}; leave out {path}")


def _initial_nets(job: FinetuneJob, agents: Path | None, dataset_sha256: str | None) -> Nets:
    if agents is not None and job.method.start is not None:
        named = {"dataset": job.dataset, "dataset_sha256": dataset_sha256}
        return load_members(agents, job.members, job.task, job.method.start, job.settings, named)
    rngs = [stream(*job_key(job), member, "init") for member in range(job.members)]
    return agent_module(job.method.online).init_nets(job.task.sizes, job.settings, rngs)


class _Finetuning:
    """The state of the loop: agent, store, sampler, generators, rows so far, place in the epoch."""

    def __init__(self, job: FinetuneJob, inputs: Inputs, run: RunDirectory, device: torch.device) -> None:
        self.job, self.run, self.device = job, run, device
        self.task, self.loop, self.key = job.task, job.settings.finetuning, job_key(job)
        self.dataset_return: float | None = None
        self.origins = Origins()
        self.store = self._initial_store(inputs.data)
        self.offline_size, self.offline_frames = self.store.size, self.store.frames
        self.store.reserve(self.loop.env_steps)
        nets = _initial_nets(job, inputs.agents, run.parents.get("dataset"))
        module = agent_module(job.method.online)
        self.placed = Placed(lambda nets: module.online_agent(nets, job.settings), nets, device)
        self.agent = self.placed.trained
        self.rngs = {role: stream(*self.key, role) for role in ("explore", "reset", "sample", "update")}
        self.sampler = make_sampler(
            job.method.sampler,
            SamplerInputs(
                self.store,
                self.offline_size,
                self.task.observation,
                job.settings,
                job.batch,
                init_rng=stream(*self.key, "density"),
                rng=self.rngs["sample"],
            ),
        )
        self.evaluation, self.exploration = Rollout(self.task, self.loop.eval_episodes), Rollout(self.task, 1)
        self.averages = Averages(self._averaged(), device)
        crop = job.settings.images.crop if self.task.observation.is_image else 0
        learned = self.agent, self.store, self.sampler, self.origins, self.averages
        step = OnlineStep(*learned, job.batch, crop, self.rngs["update"])
        self.steps = Replayed(step.draw, step.learn, self.agent, device)
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
        return ["q_mean", *self.origins.columns, *(density if self.job.sampler.balanced else [])]

    def _initial_store(self, data: Path | None) -> TransitionStore:
        """The offline data, or nothing yet."""
        derived = derived_columns(self.job.method.online)
        if data is None:
            return TransitionStore(self.task.observation, self.task.action_size, 0, derived, self.device)
        dataset = read_dataset(data, self.task, names_of_data(self.job))
        self.dataset_return = dataset.mean_episode_return()
        self.origins = Origins.of(dataset, self.device)
        return TransitionStore.from_dataset(dataset, derived, self.device)

    # ----------------------------------------------------------------------------------------- the loop

    def work(self) -> None:
        self._load()
        total = sum(updates(self.job, epoch) for epoch in range(epochs(self.job)))
        with progress_bar(title(self.job), total, "step", initial=self.gradient_steps) as bar:
            while self.epoch < epochs(self.job):
                if self.step is None:
                    self._evaluate()
                    bar.set_postfix(return_mean=f"{self.rows[-1]['return_mean']:.0f}")
                    self._collect()
                    self.step = 0
                while self.step < updates(self.job, self.epoch):
                    done = self.steps.run(updates(self.job, self.epoch) - self.step)
                    self.step += done
                    self.gradient_steps += done
                    bar.update(done)
                    if self.run.due():
                        self._save()
                self.epoch, self.step = self.epoch + 1, None
        self._evaluate()
        self._finish()

    def _collect(self) -> None:
        """One epoch of exploration; from scratch, the first one has the warm-up in front of it [S66]."""
        steps = self.loop.epoch_steps
        if self.job.method.start is None and self.epoch == 0:
            steps += self.loop.warmup_steps
        self.explore_returns = []
        explore = acting(self.placed.acting, self.rngs["explore"], explore=True)
        for episode in self.exploration.explore(explore, steps, self.rngs["reset"]):
            rows = self.store.append(episode.observations, episode.actions, episode.rewards, episode.terminals)
            self.sampler.append(rows)
            self.episodes += 1
            if episode.complete:
                self.explore_returns.append(episode.total)

    # ------------------------------------------------------------------------------- rows and outputs

    def _evaluate(self) -> None:
        # first: what has diverged cannot be evaluated
        averages = self.averages.take(f"{title(self.job)}, step {self.gradient_steps}", self.job.section)
        rng = stream(*self.key, "evaluate", self.epoch)
        seeds = episode_seeds(rng, self.loop.eval_episodes)
        act = acting(self.placed.acting, rng, explore=False)
        row: Row = {
            "env_steps": self.store.size - self.offline_size,
            "online_episodes": self.episodes,
            "gradient_steps": self.gradient_steps,
        }
        row |= return_columns(self.evaluation.episodes(act, seeds), self.task)
        explored = self.explore_returns
        row["explore_return_mean"] = float(np.mean(explored)) if explored else None
        row |= averages
        row |= auroc_columns(self.agent.q, self.store, self.offline_size, self.loop.auroc_pairs, *self.key)
        temperature = self.agent.nets.get("temperature")
        row["alpha"] = float(temperature["log_alpha"].detach().exp()) if temperature else None
        row["wall_seconds"] = round(self.run.wall_seconds, 1)
        self.rows.append(row)
        self.run.write_progress(self.rows)

    def _finish(self) -> None:
        method = self.job.method
        words = {"label": method.label, "description": method.description}
        extra = {
            "method_settings": words | self.job.composition,
            "dataset_mean_return": self.dataset_return,
            "dataset_transitions": self.offline_size,
        }
        self.run.finish(self.rows, flatten(self.agent.nets), extra)

    # ------------------------------------------------------------------------------------ resume state

    def _position(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "step": self.step,
            "gradient_steps": self.gradient_steps,
            "episodes": self.episodes,
            "explore_returns": self.explore_returns,
            "rows": self.rows,
            "rngs": states(self.rngs),
        }

    def _tensors(self) -> dict[str, Tensor]:
        tensors = self.agent.state() | self.averages.state()
        tensors |= self.store.tail_state(self.offline_size, self.offline_frames)
        return tensors | {f"sampler/{name}": tensor for name, tensor in self.sampler.state().items()}

    def _save(self) -> None:
        self.run.save_state(self._tensors(), self._position())

    def _load(self) -> None:
        found = self.run.load_state(self._tensors(), self._position(), growing=("store/", "sampler/priorities"))
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
