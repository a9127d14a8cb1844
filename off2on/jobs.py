"""The training jobs: what each is called, which settings and code it depends on. Nothing here loads torch.

The DAG, `off2on plan`, run.json and the loops all read a job from here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_jsonable_python

from off2on.algorithms import get_algorithm
from off2on.algorithms.algorithm import Algorithm, Phase, matches
from off2on.codehash import names
from off2on.config import value_of, values
from off2on.envs.task import Task
from off2on.methods import Method
from off2on.samplers import SamplerSpec, get_sampler
from off2on.settings import Settings

#: what settings compute, such as the widths of a network; agents reach it by modules that no hash follows
_CONFIG = "off2on.config"


@dataclass(frozen=True)
class _Job(ABC):
    """What both kinds of job have in common: names in results/, and settings with overrides applied."""

    scale: str
    source: str
    task: Task
    dataset: str
    seed: int
    settings: Settings

    @property
    @abstractmethod
    def phase(self) -> Phase:
        """The phase of its algorithm."""

    @property
    def batch(self) -> int:
        """Transitions of a minibatch."""
        return int(value_of(self.settings, self.phase.batch))

    @property
    @abstractmethod
    def read_by_parts(self) -> set[str]:
        """Keys of the settings that its loop, its algorithm and its sampler read."""

    @property
    def reads(self) -> set[str]:
        """Keys of the settings that it reads: of networks those that its observations go through."""
        other = ("network", "balanced.density_depth") if self.task.observation.is_image else ("images.*",)
        return {key for key in self.read_by_parts if not matches(key, other)}

    @property
    def section(self) -> str:
        """The section of the settings that has its learning rates."""
        return self.phase.batch.split(".")[0]


@dataclass(frozen=True)
class PretrainJob(_Job):
    """An offline pre-training of all members."""

    algorithm: Algorithm

    kind: ClassVar[str] = "pretrain"

    @property
    def name(self) -> str:
        """What tells it from others on the same dataset and seed."""
        return self.algorithm.name

    @property
    def phase(self) -> Phase:
        """The offline phase of its algorithm."""
        return self.algorithm.phase("offline")

    @property
    def members(self) -> int:
        """Members that are trained."""
        return self.settings.members

    @property
    def steps(self) -> int:
        """Gradient steps."""
        return int(value_of(self.settings, str(self.phase.steps)))

    @property
    def modules(self) -> tuple[str, ...]:
        """Where its code is reached from: the loop, the algorithm, and the one it starts from."""
        start = [self.algorithm.start] if self.algorithm.start else []
        return "off2on.training.pretrain", _CONFIG, *(f"off2on.agents.{name}" for name in (self.name, *start))

    @property
    def composition(self) -> dict[str, Any]:
        """What the entries of algorithms say that changes numbers."""
        return {
            "algorithm": self.name,
            "start": self.algorithm.start,
            "members": self.members,
            "batch": self.batch,
            "steps": self.steps,
        }

    @property
    def read_by_parts(self) -> set[str]:
        """Keys of the settings that its loop, its algorithm and its sampler read."""
        keys = list(values(self.settings))
        return self.algorithm.reads("offline", keys) | {
            key for key in keys if matches(key, ("pretraining.*", "images.crop", "precision"))
        }


@dataclass(frozen=True)
class FinetuneJob(_Job):
    """An online run, fine-tuned or from scratch; `dataset` is 'none' without offline data."""

    method: Method

    kind: ClassVar[str] = "finetune"

    @property
    def name(self) -> str:
        """What tells it from others on the same dataset and seed."""
        return self.method.name

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm that is trained online."""
        return get_algorithm(self.method.online)

    @property
    def sampler(self) -> SamplerSpec:
        """How its minibatches are drawn."""
        return get_sampler(self.method.sampler)

    @property
    def phase(self) -> Phase:
        """The online phase of its algorithm."""
        return self.algorithm.phase("online")

    @property
    def members(self) -> int:
        """Ensemble size."""
        return self.method.size(self.settings)

    @property
    def longer_first_epoch(self) -> bool:
        """Whether the first epoch has more gradient steps: never from fresh networks [S42]."""
        return self.phase.longer_first_epoch and self.method.start is not None

    @property
    def modules(self) -> tuple[str, ...]:
        """Where its code is reached from: the loop, both algorithms, the sampler."""
        agents = filter(None, (self.method.online, self.method.start))
        sampler = f"off2on.replay.{self.sampler.module}"
        return "off2on.training.finetune", _CONFIG, sampler, *(f"off2on.agents.{name}" for name in agents)

    @property
    def composition(self) -> dict[str, Any]:
        """What the entries of method, algorithm and sampler say that changes numbers."""
        return {
            "sampler": self.method.sampler,
            "objective": self.method.online,
            "offline": self.method.start,
            "data": self.method.data,
            "members": self.members,
            "batch": self.batch,
            "longer_first_epoch": self.longer_first_epoch,
            "balanced": self.sampler.balanced,
        }

    @property
    def read_by_parts(self) -> set[str]:
        """Keys of the settings that its loop, its algorithm and its sampler read."""
        keys = list(values(self.settings))
        # it acts through `members`
        idle = {"finetuning.scratch_members"}
        idle |= set() if self.longer_first_epoch else {"finetuning.first_epoch_multiplier"}
        idle |= {"finetuning.warmup_steps"} if self.method.start else set()
        loop = {
            key for key in keys if matches(key, ("finetuning.*", "images.crop", "precision", *self.sampler.reads))
        } - idle
        return self.algorithm.reads("online", keys) | loop


Job = PretrainJob | FinetuneJob


def title(job: Job) -> str:
    """What messages and the progress bar call a job."""
    return f"{job.name} {job.task.name}/{job.dataset} seed {job.seed}"


def settings_read(job: Job) -> dict[str, Any]:
    """The settings that a job reads, nested as in a scale's file, as JSON has them.

    A setting that its code does not name cannot be read, so a new one leaves finished runs finished.
    """
    named, reads, own = names(*job.modules), job.reads, {job.phase.batch, job.phase.steps}
    found: dict[str, Any] = {}
    for key, value in values(job.settings).items():
        *path, last = key.split(".")
        if key in reads and (last in named or key in own):
            at = found
            for part in path:
                at = at.setdefault(part, {})
            at[last] = to_jsonable_python(value)
    return found


def parameters(job: Job) -> dict[str, Any]:
    """Everything but its code, its inputs and its name that a job's numbers depend on."""
    return {"settings": settings_read(job), "composition": job.composition, "task": job.task.facts}


def identity(job: Job) -> dict[str, Any]:
    """The first part of run.json: what the job is called, and `parameters`."""
    own: Mapping[str, Any] = (
        {"algorithm": job.name}
        if job.kind == "pretrain"
        else {"method": job.name, "method_settings": job.composition}
    )
    return {
        "kind": job.kind,
        "scale": job.scale,
        "source": job.source,
        "task": job.task.name,
        "dataset": job.dataset,
        **own,
        "seed": job.seed,
        "members": job.members,
        "settings": settings_read(job),
    }


def names_of_data(job: Job) -> dict[str, str]:
    """What a dataset of the job says of itself, if it says anything."""
    return {"source": job.source, "task": job.task.name, "dataset": job.dataset}
