"""Which jobs a scale stands for: runs, the pre-trainings they start from, and the datasets they read.

Read while the DAG is planned: imports neither torch nor Gymnasium.
"""

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from off2on.algorithms import get_algorithm, get_offline
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError, find
from off2on.jobs import FinetuneJob, PretrainJob
from off2on.methods import get_method
from off2on.paths import Layout
from off2on.scale import Scale


class Run(NamedTuple):
    """One fine-tuning run; `dataset` is 'none' for a method from scratch."""

    task: str
    dataset: str
    method: str
    seed: int


class Pretraining(NamedTuple):
    """One offline pre-training; its members serve every method that starts from it."""

    task: str
    dataset: str
    algorithm: str
    seed: int


def runs(scale: Scale) -> list[Run]:
    """Every run of the scale, in the order of its file.

    Raises:
        Off2OnError: a task or method is unknown, or a method is on the wrong kind of data or needs more members
            than are pre-trained.
    """
    return [
        Run(task, dataset, method, seed)
        for method, patterns in scale.methods.items()
        for task in scale.tasks
        for dataset in _datasets(scale, task, method, patterns)
        for seed in scale.seeds_of(task)
    ]


def pretrainings(wanted: Iterable[Run]) -> list[Pretraining]:
    """Every offline pre-training that runs start from, each once."""
    chains = ((run, algorithm) for run in wanted for algorithm in _chain(get_method(run.method).start))
    return list(dict.fromkeys(Pretraining(r.task, r.dataset, a, r.seed) for r, a in chains))


def _chain(algorithm: str | None) -> list[str]:
    """The offline algorithms a method needs, each after the one it starts from."""
    return [] if algorithm is None else [*_chain(get_offline(algorithm).start), algorithm]


def check_dataset(task: str, name: str, from_scratch: bool = False) -> None:
    """A dataset's name is part of paths.

    Raises:
        Off2OnError: the task has none of that name.
    """
    if not (from_scratch and name == "none"):
        find(f"{task} dataset", name, dict.fromkeys(get_task(task).datasets))


def pretrain_job(scale: Scale, job: Pretraining) -> PretrainJob:
    """The job with its settings, overrides applied.

    Raises:
        Off2OnError: a name is unknown.
    """
    check_dataset(job.task, job.dataset)
    settings = scale.settings(job.task, job.dataset)
    algorithm = get_offline(job.algorithm)
    return PretrainJob(scale.name, scale.source, get_task(job.task), job.dataset, job.seed, settings, algorithm)


def finetune_job(scale: Scale, run: Run) -> FinetuneJob:
    """The run with its settings, overrides applied.

    Raises:
        Off2OnError: a name is unknown.
    """
    check_dataset(run.task, run.dataset, from_scratch=True)
    settings = scale.settings(run.task, run.dataset, run.method)
    method = get_method(run.method)
    return FinetuneJob(scale.name, scale.source, get_task(run.task), run.dataset, run.seed, settings, method)


def agents_of(scale: Scale, layout: Layout, job: Pretraining) -> Path:
    """The directory of the agents that fine-tuning starts from: the last ones, or those at the best step."""
    if scale.settings(job.task, job.dataset).pretraining.select_every is None:
        return layout.pretrain(*job)
    return layout.selected(job.task, job.dataset, job.algorithm) / f"seed{job.seed}"


def likelihoods(scale: Scale) -> list[Pretraining]:
    """The CQL pre-trainings whose dataset has the VAE likelihood [S87]."""
    patterns = scale.likelihood.datasets
    return [
        job
        for job in pretrainings(runs(scale))
        if job.algorithm == "cql" and any(fnmatch(f"{job.task}/{job.dataset}", p) for p in patterns)
    ]


def datasets(scale: Scale) -> list[tuple[str, str]]:
    """The (task, dataset) pairs that the scale's runs read, each once."""
    return list(dict.fromkeys((run.task, run.dataset) for run in runs(scale) if run.dataset != "none"))


def foreign_datasets(scale: Scale) -> list[tuple[str, str]]:
    """Those of `datasets` that are not made here."""
    return [(task, dataset) for task, dataset in datasets(scale) if not scale.makes(task)]


def matching(scale: Scale, task: str, patterns: list[str] | tuple[str, ...]) -> list[str]:
    """The datasets of a task at a scale that fit one of the patterns on task/dataset; 'none' is from scratch."""
    with_data = [pattern for pattern in patterns if not _from_scratch(pattern)]
    scratch = any(fnmatch(f"{task}/none", f"*/{p}" if p == "none" else p) for p in set(patterns) - set(with_data))
    own = [d for d in scale.datasets if d in get_task(task).datasets]
    return ["none"] * scratch + [d for d in own if any(fnmatch(f"{task}/{d}", p) for p in with_data)]


def _from_scratch(pattern: str) -> bool:
    """Whether a pattern on task/dataset stands for runs without data: 'none', of all tasks, or 'hopper/none'."""
    return pattern.split("/")[-1] == "none"


def _datasets(scale: Scale, task: str, method: str, patterns: tuple[str, ...]) -> list[str]:
    from_scratch = not get_method(method).offline
    if any(_from_scratch(pattern) != from_scratch for pattern in patterns):
        raise Off2OnError(
            f"methods.{method}: patterns {list(patterns)}; a method from scratch takes ['none'] or such as "
            "'hopper/none', the others take patterns on task/dataset such as '*/medium'"
        )
    found = matching(scale, task, patterns)
    for dataset in found:
        _sees(task, method)
        if not from_scratch:
            _enough_members(scale, task, dataset, method)
    return found


def _sees(task: str, method: str) -> None:
    """Images need algorithms that have an encoder."""
    spec = get_method(method)
    blind = [name for name in (spec.start, spec.online) if name and not get_algorithm(name).images]
    if get_task(task).observation.is_image and blind:
        raise Off2OnError(
            f"methods.{method}: algorithm '{blind[0]}' cannot learn from images, all there is of {task}; name the "
            "method's tasks, such as 'halfcheetah/*'"
        )


def _enough_members(scale: Scale, task: str, dataset: str, method: str) -> None:
    spec = get_method(method)
    if spec.start is None:
        return
    needed = spec.size(scale.settings(task, dataset, method))
    trained = scale.settings(task, dataset).members
    if needed > trained:
        raise Off2OnError(
            f"methods.{method}: needs {needed} members on {task}/{dataset}, but scale {scale.name} pre-trains "
            f"{trained}; raise its `members`, or leave the method out"
        )
