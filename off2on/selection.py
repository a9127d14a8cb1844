"""Which jobs a scale stands for, and what `snakemake --config` may narrow or widen (README.md, 'Selecting work').

Read while the DAG is planned: imports neither torch nor Gymnasium.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from off2on.algorithms import get_algorithm, get_offline
from off2on.config import REPOSITORY
from off2on.data.sources import SOURCES
from off2on.envs.tasks import DATASETS, TASKS, get_task, pairs
from off2on.errors import Off2OnError, find, shown
from off2on.gpus import DEVICES, kind_of
from off2on.jobs import FinetuneJob, PretrainJob
from off2on.methods import METHODS, get_method
from off2on.paths import Layout
from off2on.scale import SCALES, Scale, load_scale

#: what `--config` understands, each with an example
KEYS = {
    "scale": "scale=smoke",
    "seeds": "seeds=10",
    "tasks": "'tasks=[hopper,walker2d]'",
    "datasets": "'datasets=[random]'",
    "methods": "'methods=[ours,sac]'",
    "source": "source=d4rl-v0",
    "figures": "'figures=[fig_3,fig_4a]'",
    "baselines": "'baselines=[/path/my.smk]'",
    "agents": "agents=/path/published_agents",
    "device": "device=cuda",
}


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


@dataclass(frozen=True)
class Selection:
    """The scale with the changes of `--config`, and the methods that only a baseline file can know."""

    scale: Scale
    #: None: all of them
    baselines: tuple[str, ...] | None
    baseline_files: tuple[str, ...]
    #: what the report shows, in its order
    figures: tuple[str, ...]
    #: the agents that a pretrained scale starts from
    agents: Path | None = None
    #: what jobs train on: "cpu" or "cuda"
    device: str = "cpu"

    def without(self, tasks: Collection[str]) -> "Selection":
        """The same without some tasks.

        Raises:
            Off2OnError: there are no others.
        """
        rest = tuple(task for task in self.scale.tasks if task not in tasks)
        if not rest:
            raise Off2OnError(f"nothing is left to run at scale {self.scale.name} without {', '.join(tasks)}")
        return replace(self, scale=self.scale.model_copy(update={"tasks": rest}))

    @property
    def argument(self) -> str:
        """The scale's name or path, as the jobs get it."""
        return self.scale.argument

    @property
    def layout(self) -> Layout:
        """Where the results lie, relative to the working directory."""
        return Layout(self.scale.name, self.scale.source)


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


def check_patterns(scale: Scale, file: object, methods: Collection[str] | None = None) -> None:
    """Every pattern of a scale must fit something that exists, whatever the scale selects of it.

    Args:
        scale: what the file says, without the changes of `--config`.
        file: named by the messages.
        methods: names of all methods, with those of baselines; None: any, as the baselines' files are not read.

    Raises:
        Off2OnError: names the first pattern that fits nothing.
    """
    for method, patterns in scale.methods.items():
        _check_datasets(f"{file}: methods.{method}", patterns)
    _check_datasets(f"{file}: likelihood.datasets", scale.likelihood.datasets)
    for pattern in scale.overrides:
        slashes = pattern.count("/")
        places = [f"{task}/{dataset}" for task, dataset in pairs()] + [f"{task}/none" for task in TASKS]
        last = [pattern.split("/")[-1]] if methods is None else methods
        names = {1: places, 2: [f"{place}/{method}" for place in places for method in last]}.get(slashes, [])
        _check_fit(f"{file}: overrides.'{pattern}'", pattern, names, "task/dataset or task/dataset/method")


def check_baseline(name: Any, patterns: Any, taken: Collection[str], figures: Any, known: Collection[str]) -> None:
    """A baseline's name is part of paths; its patterns on task/dataset must fit something, its figures exist.

    Raises:
        Off2OnError: what `register_baseline` was called with is wrong.
    """
    where = f"register_baseline: {shown(name)}"
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise Off2OnError(
            f"{where} is not a valid name of a method; use a-z, 0-9 and hyphens, such as 'random-policy'"
        )
    if name in taken:
        raise Off2OnError(f"{where}: the method exists already; choose another name")
    for what, value in (("datasets", patterns), ("figures", figures)):
        if not isinstance(value, list | tuple | set) or not all(isinstance(one, str) for one in value):
            such = [value] if isinstance(value, str) else ["*/medium" if what == "datasets" else "fig_3"]
            raise Off2OnError(f"{where}: {what}={shown(value)}: expected a list of names, such as {such}")
    for figure in figures:
        if figure not in known:
            raise Off2OnError(f"{where}: figures: unknown '{figure}'{hint(figure, known)}")
    _check_datasets(where, patterns)


def _check_datasets(where: str, patterns: Iterable[str]) -> None:
    names = ["none", *(f"{task}/none" for task in TASKS), *(f"{task}/{dataset}" for task, dataset in pairs())]
    for pattern in patterns:
        _check_fit(f"{where}: '{pattern}'", pattern, names, "task/dataset")


def _check_fit(where: str, pattern: str, names: Collection[str], form: str) -> None:
    if any(fnmatch(name, pattern) for name in names):
        return
    known = [set(parts) for parts in zip(*(name.split("/") for name in names if "/" in name), strict=True)]
    closest = "/".join(_closest(part, words) for part, words in zip(pattern.split("/"), known, strict=False))
    meant = any(fnmatch(name, closest) for name in names)
    hint = f"did you mean '{closest}'?" if meant else "write it like '*/medium' or 'hopper/*'"
    raise Off2OnError(f"{where} fits no {form}; {hint}")


def _closest(part: str, words: Collection[str]) -> str:
    """A part of a pattern, or the word that it should have been."""
    if any(fnmatch(word, part) for word in words):
        return part
    return next(iter(get_close_matches(part, sorted(words), n=1)), part)


def select(config: Mapping[str, Any], figures: Collection[str] = ()) -> Selection:
    """The selection of a `--config`.

    Args:
        config: Snakemake's config: any of `KEYS`.
            A method that is not one of the project's must come from a baseline file.
        figures: names of all figures, in the order of the report.

    Raises:
        Off2OnError: names the key, the value and what it may be.
    """
    for key in config:
        if key not in KEYS:
            raise Off2OnError(f"--config {key}={shown(config[key])}: unknown key {shown(key)}{hint(key, KEYS)}")
        if config[key] is None:
            raise Off2OnError(f"--config {key}=: no value; expected one, such as {KEYS[key]}")
    argument = str(config.get("scale", "quick"))
    if argument.endswith((".yaml", ".yml")):
        # first: it may bring tasks
        load_scale(argument)
    else:
        _one_of({"scale": argument}, "scale", [*SCALES, *_other_scales()])
    names = {
        "tasks": _names(config, "tasks", TASKS),
        "datasets": _names(config, "datasets", DATASETS),
        "source": _one_of(config, "source", SOURCES),
        "seeds": _seeds(config),
    }
    methods = _names(config, "methods", None)
    known = None if methods is None else [m for m in methods if m in METHODS]
    foreign = None if methods is None else tuple(m for m in methods if m not in METHODS)
    scale = load_scale(argument, **names, methods=known)
    files = tuple(_names(config, "baselines", None) or ())
    chosen = _names(config, "figures", figures) or figures
    drawn = tuple(name for name in figures if name in chosen)
    device = kind_of(_one_of(config, "device", DEVICES) or "cpu")
    return Selection(scale, foreign, files, drawn, _agents(config, scale), device)


def _agents(config: Mapping[str, Any], scale: Scale) -> Path | None:
    """The directory of given agents, if any."""
    value = config.get("agents")
    if value is None:
        return None
    if not scale.pretrained:
        raise Off2OnError(f"--config agents={value}: scale {scale.name} pre-trains its own; try scale=published")
    path = Path(str(value)).absolute()
    if not path.is_dir():
        raise Off2OnError(f"--config agents={value}: no such directory; expected {KEYS['agents']}")
    return path


def _other_scales() -> list[str]:
    return sorted(path.stem for path in (REPOSITORY / "config").glob("*.yaml") if path.stem not in SCALES)


def _names(config: Mapping[str, Any], key: str, allowed: Any) -> list[str] | None:
    if key not in config:
        return None
    value = config[key]
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values) or not values:
        raise Off2OnError(f"--config {key}={value}: expected a list of names, such as {KEYS[key]}")
    for one in values:
        _one_of({key: one}, key, allowed or [one])
    return list(dict.fromkeys(values))


def _one_of(config: Mapping[str, Any], key: str, allowed: Any) -> Any:
    value = config.get(key)
    if value is not None and value not in allowed:
        raise Off2OnError(f"--config {key}={value}: unknown '{value}'{hint(str(value), allowed)}")
    return value


def _seeds(config: Mapping[str, Any]) -> Any:
    value = config.get("seeds")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise Off2OnError(f"--config seeds={value}: expected a number, at least 1, such as {KEYS['seeds']}")
    return value


def hint(value: str, allowed: Any) -> str:
    """'; did you mean 'ours'? it may be: ...' of a name that is none of those allowed."""
    close = get_close_matches(value, list(allowed), n=1)
    meant = f" did you mean '{close[0]}'?" if close else ""
    return f";{meant} it may be: {', '.join(allowed)}"
