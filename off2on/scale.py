"""The typed scale: what one `config/<scale>.yaml` says, checked before anything runs (config/README.md)."""

from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, ValidationError, model_validator

from off2on.config import REPOSITORY, Many, Section
from off2on.data.sources import SOURCES, get_source
from off2on.envs.tasks import DATASETS, TASKS, get_task
from off2on.errors import Off2OnError, shown
from off2on.moved import check_moved
from off2on.own_tasks import OwnTask, TaskName, add_tasks
from off2on.reading import Reading
from off2on.sections import Collect, Cost, Demonstrations, Likelihood, Names
from off2on.settings import Settings
from off2on.yaml_file import read_yaml

SCALES = ("smoke", "quick", "laptop", "paper")


def _known_dataset(name: str) -> str:
    if name not in DATASETS:
        raise ValueError(f"datasets: unknown '{name}'; it may be: {', '.join(DATASETS)}")
    return name


def _known_source(name: str) -> str:
    if name not in SOURCES:
        close = get_close_matches(name, SOURCES, n=1)
        meant = f"did you mean '{close[0]}'? " if close else ""
        raise ValueError(f"source: unknown '{name}'; {meant}it may be: {', '.join(SOURCES)}")
    return name


class Scale(Settings):
    """One `config/<scale>.yaml`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    wall_time: str = Field(description="how long it should take, and where")
    source: Annotated[str, AfterValidator(_known_source)] = Field(
        "local", json_schema_extra={"enum": list(SOURCES)}, description="where datasets come from"
    )
    seeds: int = Field(4, ge=1, le=1_000, description="seeds 0 .. seeds - 1")
    task_seeds: dict[str, Annotated[int, Field(ge=1, le=1_000)]] = Field(
        default_factory=dict, description="task -> seeds, where it has another number of them"
    )
    tasks: Names[str] = ("halfcheetah", "hopper", "walker2d")
    datasets: Names[Annotated[str, AfterValidator(_known_dataset)]] = Field(
        DATASETS,
        json_schema_extra={"items": {"enum": list(DATASETS)}},
        description="each of the tasks that have it",
    )
    own_tasks: dict[TaskName, OwnTask] = Field(
        default_factory=dict, description="tasks of your own, by name: environments of Gymnasium"
    )
    pretrained: bool = Field(
        False, description="CQL's agents are given (--config agents=DIR), and local data are their roll-outs"
    )
    methods: dict[str, Many[str]] = Field(
        description="method -> its datasets, as patterns on task/dataset; from scratch: ['none']"
    )
    collect: Collect = Collect()
    demonstrations: Demonstrations = Demonstrations()
    task_demonstrations: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="task -> what of `demonstrations` differs there"
    )
    likelihood: Likelihood = Likelihood()
    cost: Cost = Cost()
    reading: Reading = Reading()
    overrides: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="pattern on task/dataset, or on task/dataset/method for runs -> settings that differ there",
    )
    _argument: str = PrivateAttr("")

    @property
    def argument(self) -> str:
        """What commands take for it: its name, or the path of its file."""
        return self._argument

    @model_validator(mode="after")
    def _tasks_exist(self) -> "Scale":
        for key in ("task_seeds", "task_demonstrations"):
            for task in getattr(self, key):
                if task not in TASKS and task not in self.own_tasks:
                    raise ValueError(f"{key}: unknown task '{task}'; it may be: {', '.join(TASKS)}")
        return self

    @model_validator(mode="after")
    def _demonstrations_fit(self) -> "Scale":
        for task in self.task_demonstrations:
            try:
                self.demonstrations_of(task)
            except ValidationError as error:
                raise ValueError(_complaints(error, f"task_demonstrations.{task}.")) from None
        return self

    @model_validator(mode="after")
    def _overrides_fit(self) -> "Scale":
        for pattern in self.overrides:
            try:
                self._settings([pattern])
            except ValidationError as error:
                raise ValueError(_complaints(error, f"overrides.'{pattern}'.")) from None
        return self

    def seeds_of(self, task: str) -> range:
        """The seeds of a task's jobs."""
        return range(self.task_seeds.get(task, self.seeds))

    def makes(self, task: str) -> bool:
        """Whether the datasets of a task are made here; there are no others of manipulation."""
        return get_source(self.source).made_here or get_task(task).family == "manipulation"

    def demonstrations_of(self, task: str) -> Demonstrations:
        """How the data of a manipulation task are made."""
        changed = self.task_demonstrations.get(task, {})
        return Demonstrations.model_validate(self.demonstrations.model_dump() | changed)

    def recipe(self, task: str) -> tuple[str, Section]:
        """The module that makes the local datasets of a task, and the section of its settings."""
        if get_task(task).family == "manipulation":
            return "off2on.training.demonstrations", self.demonstrations_of(task)
        return "off2on.training.collect", self.collect

    def settings(self, task: str, dataset: str, method: str | None = None) -> Settings:
        """The settings of a pre-training, or of a method's run, overrides applied in the order of the file."""
        names = {1: f"{task}/{dataset}"} | ({2: f"{task}/{dataset}/{method}"} if method else {})
        return self._settings([p for p in self.overrides if fnmatch(names.get(p.count("/"), ""), p)])

    def _settings(self, patterns: list[str]) -> Settings:
        merged = self.model_dump(include=set(Settings.model_fields))
        for pattern in patterns:
            merged = _merge(merged, self.overrides[pattern])
        return Settings.model_validate(merged)


def _merge(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in other.items():
        inner = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if inner else value
    return merged


def scale_path(name: str) -> Path:
    """The file of a scale: `name` is one of `config/*.yaml`, or a path to a YAML file of your own."""
    path = Path(name)
    return path if path.suffix in {".yaml", ".yml"} else REPOSITORY / "config" / f"{name}.yaml"


def load_scale(name: str, **changes: Any) -> Scale:
    """Read and check a scale.

    A file may say `extends: <scale>` and then only what differs. `changes` (seeds, tasks, datasets, methods,
    source) replace what the file says; `methods` may be a list of names.

    Raises:
        Off2OnError: the file is missing, or a key or value is wrong; the message names it.
    """
    path = scale_path(name)
    data = _read(path)
    wanted = changes.pop("methods", None)
    data.update({key: value for key, value in changes.items() if value is not None})
    if changes.get("seeds") is not None:
        # as many as asked for, of every task
        data["task_seeds"] = {}
    if wanted is not None:
        data["methods"] = _only(wanted, data.get("methods"), path)
    try:
        scale = Scale.model_validate(data)
    except ValidationError as error:
        raise Off2OnError(f"{path}: {_complaints(error)}") from None
    _check_name(path, scale.name)
    scale._argument = name
    add_tasks(scale.own_tasks, str(path))
    return scale


def reading_of(name: str) -> Reading:
    """How the results of a scale may be read: as its file says, if the project has one of that name or path."""
    return load_scale(name).reading if _is_file(scale_path(name)) else Reading()


def _read(path: Path, *above: Path) -> dict[str, Any]:
    """`above`: the files that extend this one."""
    if not _is_file(path):
        close = get_close_matches(path.stem, SCALES, n=1)
        meant = f"did you mean '{close[0]}'? " if close else ""
        raise Off2OnError(
            f"unknown scale: no file {path}; {meant}scales: {', '.join(SCALES)}, or a path to a YAML file"
        )
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise Off2OnError(f"{path}: expected a mapping of settings")
    check_moved(path, data)
    base = data.pop("extends", None)
    if base is None:
        return data
    if not isinstance(base, str):
        raise Off2OnError(f"{path}: extends: expected a scale, or a path to a YAML file (got {base!r})")
    if scale_path(base).absolute() in {file.absolute() for file in (*above, path)}:
        raise Off2OnError(f"{path}: extends: a scale cannot extend itself (got '{base}')")
    merged = _merge(_read(scale_path(base), *above, path), data)
    # which methods run is one statement: a file that names some leaves the others out
    return merged | {"methods": data.get("methods", merged.get("methods"))} | _own_reading(merged, data)


def _own_reading(merged: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """The reading without the sentence about another scale."""
    reading, own = merged.get("reading"), data.get("reading", {})
    if not isinstance(reading, dict) or not isinstance(own, dict) or "shows" in own:
        return {}
    return {"reading": {key: value for key, value in reading.items() if key != "shows"}}


def _check_name(path: Path, name: str) -> None:
    """A file of somebody else may not write into the results of a scale of the project."""
    own = scale_path(name)
    if own.is_file() and own.absolute() != path.absolute():
        raise Off2OnError(f"{path}: name: '{name}' is the name of {own}; choose another one")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError) as error:
        raise Off2OnError(f"scale {shown(str(path))}: {getattr(error, 'strerror', None) or error}") from None


def _only(wanted: list[str] | dict[str, Any], known: Any, path: Path) -> Any:
    if isinstance(wanted, dict) or not isinstance(known, dict):
        return wanted
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise Off2OnError(f"methods: {', '.join(unknown)} not in {path}; it has: {', '.join(known)}")
    return {name: known[name] for name in wanted}


def _known_keys() -> set[str]:
    """Every key that some section of a scale has."""
    found = set(Scale.model_fields)
    for field in Scale.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= set(field.annotation.model_fields)
    return found


def _complaints(error: ValidationError, prefix: str = "") -> str:
    found = []
    for one in error.errors():
        where = ".".join(str(part) for part in one["loc"])
        value = "" if one["type"] == "missing" else f" (got {shown(one['input'])})"
        says = str(one["ctx"]["error"]) if one["type"] == "value_error" else one["msg"] + value
        if one["type"] == "extra_forbidden":
            close = get_close_matches(str(one["loc"][-1]), _known_keys(), n=1)
            says = "unknown key" + (f"; did you mean '{close[0]}'?" if close else "")
        found.append(prefix + (f"{where}: {says}" if where else says))
    return "; ".join(found)
