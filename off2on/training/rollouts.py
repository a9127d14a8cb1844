"""Online data of a pre-trained agent: its stochastic policy rolled out into a dataset file [S90]."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from off2on.agents.interface import agent_module
from off2on.data.dataset import write_dataset
from off2on.envs.rollout import Floats, Observations, Policy
from off2on.envs.task import Task
from off2on.envs.tasks import get_task
from off2on.files import sha256
from off2on.provenance import provenance
from off2on.seeding import Rng
from off2on.settings import Settings
from off2on.training.agents import load_members
from off2on.training.collect import gathered, roll


@dataclass(frozen=True)
class RolloutJob:
    """Which agent is rolled out, for how many environment steps."""

    source: str
    task: str
    dataset: str
    algorithm: str
    seed: int
    settings: Settings
    steps: int


def roll_out(job: RolloutJob, agents: Path, out: Path) -> None:
    """Write `steps` transitions of the first member's stochastic policy; the last episode is cut to fit.

    Args:
        job: names the random numbers, too.
        agents: the directory of the pre-training.
        out: the HDF5 file, in the layout of the datasets.

    Raises:
        Off2OnError: unknown task, agents missing, damaged or of another shape, file not writable.
    """
    task = get_task(job.task)
    policy = partial(_stochastic, agents, task, job)
    title = f"{job.algorithm} {job.task}/{job.dataset} seed {job.seed}"
    parts = roll(task, {"member 0": policy}, [job.steps], job.seed, f"{job.source} {title}")
    attributes = {
        "source": job.source,
        "task": task.name,
        "dataset": job.dataset,
        "recipe": f"stochastic policy of member 0 of {job.algorithm}, seed {job.seed}",
        "env_id": task.env_id,
        "seed": job.seed,
        "agent_sha256": sha256(agents / "agent.safetensors"),
        "packages": json.dumps(provenance()["packages"]),
    }
    write_dataset(out, gathered(parts, attributes, task))


def _stochastic(agents: Path, task: Task, job: RolloutJob, rng: Rng) -> Policy:
    """The first member's policy, sampling with the generator's noise."""
    nets = load_members(agents, 1, task, job.algorithm, job.settings)
    agent = agent_module(job.algorithm).offline_agent(nets, job.settings)

    def act(observations: Observations) -> Floats:
        noise = agent.acting_noise(rng, len(observations), explore=True)
        actions: Floats = agent.act(torch.from_numpy(observations), noise, 0).numpy()
        return actions

    return act
