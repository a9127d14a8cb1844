"""Jobs of a second: settings, data and agents of every algorithm."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from off2on.agents.interface import agent_module
from off2on.algorithms import ALGORITHMS, get_offline
from off2on.config import Network
from off2on.data.dataset import Dataset, write_dataset
from off2on.envs.task import Task
from off2on.envs.tasks import get_task
from off2on.files import write_text
from off2on.jobs import FinetuneJob, Job, PretrainJob, identity
from off2on.methods import get_method
from off2on.nn.state import Nets, flatten
from off2on.samplers import Balanced
from off2on.settings import Finetuning, Pretraining, Settings
from off2on.training.finetune import Inputs

HOPPER = get_task("hopper")
EPOCH = 10
#: rows of a dataset; the last one has no next observation, so a store has one fewer
ROWS = 40
#: three epochs; how much longer the first one is stays at the paper's value
SETTINGS = Settings(
    members=2,
    network=Network(width=8),
    pretraining=Pretraining(evaluate_every=3, eval_episodes=1),
    finetuning=Finetuning(env_steps=3 * EPOCH, epoch_steps=EPOCH, warmup_steps=EPOCH, eval_episodes=1),
    balanced=Balanced(density_batch=8),
    **{name: spec.example for name, spec in ALGORITHMS.items() if spec.example},
)


#: the part of run.json that says nothing of what a job is
RECORD: dict[str, Any] = {
    **dict.fromkeys(
        ("config_hash", "git_commit", "git_dirty", "cpu", "gpu", "dataset_sha256", "dataset_mean_return")
    ),
    **dict.fromkeys(("peak_memory_mb", "gradient_steps_per_second", "env_steps_per_second")),
    "packages": {},
    "parents": {},
    "started": "2026-11-21T10:00:00Z",
    "ended": "2026-11-21T10:00:01Z",
    "wall_seconds": 1.0,
}


def training(algorithm: str, task: Task = HOPPER, settings: Settings = SETTINGS) -> PretrainJob:
    """The pre-training of an algorithm."""
    return PretrainJob("small", "local", task, "random", 0, settings, get_offline(algorithm))


def tuning(method: str, task: Task = HOPPER, settings: Settings = SETTINGS) -> FinetuneJob:
    """The run of a method."""
    found = get_method(method)
    return FinetuneJob("small", "local", task, "random" if found.offline else "none", 0, settings, found)


def with_settings(job: Any, **sections: dict[str, Any]) -> Any:
    """The same job with other values in some sections: `with_settings(job, sac={"batch": 8})`."""
    changed = {name: getattr(job.settings, name).model_copy(update=values) for name, values in sections.items()}
    return replace(job, settings=job.settings.model_copy(update=changed))


def write_data(path: Path, task: Task = HOPPER) -> Path:
    """A dataset of one cut episode of noise."""
    rng = np.random.default_rng(0)
    dataset = Dataset(
        observations=rng.standard_normal((ROWS, *task.observation.shape), np.float32),
        actions=rng.uniform(-1, 1, (ROWS, task.action_size)).astype(np.float32),
        rewards=np.ones(ROWS, np.float32),
        terminals=np.zeros(ROWS, np.bool_),
        timeouts=np.arange(ROWS) == ROWS - 1,
    )
    write_dataset(path, dataset)
    return path


def fresh_nets(algorithm: str, task: Task = HOPPER, settings: Settings = SETTINGS, members: int = 2) -> Nets:
    """The networks that the members of an algorithm start with."""
    rngs = [np.random.default_rng(i) for i in range(members)]
    return agent_module(algorithm).init_nets(task.sizes, settings, rngs)


def write_directory(directory: Path, job: Job, nets: Nets, **record: Any) -> Path:
    """The agents and the record of a finished job; `record` replaces entries of run.json."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in flatten(nets).items()}
    save_file(tensors, directory / "agent.safetensors")
    info = identity(job) | RECORD
    if isinstance(job, FinetuneJob):
        info["method_settings"] |= {"label": job.name, "description": job.name}
    write_text(directory / "run.json", json.dumps(info | record))
    return directory


def write_agents(directory: Path, algorithm: str, task: Task = HOPPER) -> Path:
    """Fresh members of an algorithm, as a pre-training leaves them."""
    return write_directory(directory, training(algorithm, task), fresh_nets(algorithm, task))


def inputs_of(job: FinetuneJob, directory: Path) -> Inputs:
    """What a run reads, written below `directory`."""
    method = job.method
    return Inputs(
        write_data(directory / "data.hdf5", job.task) if method.data else None,
        write_agents(directory / "agents", method.start, job.task) if method.start else None,
    )
