"""What `snakemake --config` may narrow or widen of a scale (README.md, 'Selecting work').

Read while the DAG is planned: imports neither torch nor Gymnasium.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from off2on.config import REPOSITORY
from off2on.data.sources import SOURCES
from off2on.envs.tasks import DATASETS, TASKS
from off2on.errors import Off2OnError, hint, shown
from off2on.gpus import DEVICES, kind_of
from off2on.methods import METHODS
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
