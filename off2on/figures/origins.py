"""Where the numbers come from: settings of methods and pre-trainings, datasets, provenance of every job."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from off2on.analysis.compare import flat_settings
from off2on.data.catalogue import said_of_origin
from off2on.data.sources import SOURCES
from off2on.envs.tasks import TASKS, names_of
from off2on.figures.run_data import commit, run_link
from off2on.figures.sheets import NOTHING, Cell, Sheet, data_return, place
from off2on.figures.style import DATASET_ORDER, in_order
from off2on.methods import METHODS
from off2on.results import NAMES

Info = Mapping[str, Any]
#: of the table of jobs
MOST_ROWS = 500

_LOCAL = {
    "random": "uniform actions",
    "medium": "stochastic actions of the shipped medium actor",
    "medium-replay (snapshots)": "stochastic actions of the snapshots of one SAC run, an equal share each",
    "medium-replay (buffer)": "everything a SAC run from scratch collects until it reaches the medium level",
    "medium-expert": "medium, then stochastic actions of the shipped expert actor, half each",
}


def methods_sheet(jobs: Iterable[Info]) -> Sheet:
    """Name, description and ensemble size of each method."""
    rows = [
        [
            infos[0]["method_settings"]["label"],
            name,
            _values("members", [(_job(info), {"members": str(info["members"])}) for info in infos]),
            infos[0]["method_settings"]["description"],
        ]
        for name, infos in _by_name(jobs, "finetune").items()
    ]
    return Sheet("Methods", ["method", "name", "N", "what it is"], rows)


def settings_sheets(jobs: Sequence[Info]) -> list[Sheet]:
    """Settings down, methods across, and the same of the pre-trainings; each as its run.json has it.

    A value that differs on some dataset is given with the dataset.
    """
    methods, algorithms = _by_name(jobs, "finetune"), _by_name(jobs, "pretrain")
    labels = {name: infos[0]["method_settings"]["label"] for name, infos in methods.items()}
    return [
        _settings_sheet("Settings of each method", methods, labels),
        _settings_sheet("Settings of each offline pre-training", algorithms, {a: a.upper() for a in algorithms}),
    ]


def _settings_sheet(title: str, groups: Mapping[str, list[Info]], labels: Mapping[str, str]) -> Sheet:
    found = {
        name: [(_job(info), flat_settings(info["settings"])) for info in infos] for name, infos in groups.items()
    }
    keys = dict.fromkeys(key for runs in found.values() for _, settings in runs for key in settings)
    rows = [[key, *(_values(key, runs) for runs in found.values())] for key in keys]
    note = f"{NOTHING}: not read." if any(NOTHING in row for row in rows) else ""
    return Sheet(title, ["setting", *(labels.get(name, name) for name in found)], rows, note)


def _by_name(jobs: Iterable[Info], kind: str) -> dict[str, list[Info]]:
    """The jobs of a kind by method or algorithm."""
    found = [(info[NAMES[kind]], info) for info in jobs if info["kind"] == kind]
    names = in_order((own for own, _ in found), METHODS if kind == "finetune" else ())
    return {name: [i for own, i in found if own == name] for name in names}


def _values(key: str, runs: list[tuple[str, dict[str, str]]]) -> str:
    """The most common value, then the others with their datasets."""
    places: dict[str, list[str]] = {}
    for where, settings in runs:
        if key in settings:
            places.setdefault(settings[key], []).append(where)
    common = sorted(places, key=lambda value: (-len(places[value]), value))
    if not common:
        return NOTHING
    return "; ".join(
        [common[0], *(f"{value} ({', '.join(dict.fromkeys(places[value]))})" for value in common[1:])]
    )


def _job(info: Info) -> str:
    return place(info["task"], info["dataset"])


def datasets_sheet(known: Mapping[str, Mapping[str, str]], source: str, jobs: Iterable[Info]) -> Sheet:
    """How each dataset was made, where its file has said so: `Tables.datasets`."""
    groups: dict[tuple[str, str], list[Info]] = {}
    for info in jobs:
        if info["dataset"] != "none":
            groups.setdefault((info["task"], info["dataset"]), []).append(info)
    tasks, datasets = in_order((t for t, _ in groups), TASKS), in_order((d for _, d in groups), DATASET_ORDER)
    order = sorted(groups, key=lambda key: (tasks.index(key[0]), datasets.index(key[1])))
    header = ["dataset", "how", "transitions", "mean episode return", "environment", "seed", "sha256"]
    # other recipes say for themselves how they are made
    own = source != "local" or any(facts.get("recipe") in {None, *_LOCAL} for facts in known.values())
    note = SOURCES[source].description if source in SOURCES and own else ""
    if any("/".join(key) not in known for key in groups):
        note = f"{note} Some files of datasets were not here, so what they alone say is missing.".strip()
    rows = [_dataset_row(known.get("/".join(key), {}), source, groups[key]) for key in order]
    return Sheet("Datasets", header, rows, note)


def _dataset_row(facts: Mapping[str, str], source: str, group: Sequence[Info]) -> list[Cell | str]:
    """One dataset, of the jobs that read it."""
    task, dataset = group[0]["task"], group[0]["dataset"]
    mean = next((found for info in group if (found := data_return(info)) is not None), None)
    sizes = sorted({info["dataset_transitions"] for info in group if info.get("dataset_transitions")})
    checksums = {info["dataset_sha256"] for info in group}
    return [
        f"{task}-{dataset}",
        _made(source, task, dataset, facts, checksums),
        ", ".join(map(str, sizes)) or NOTHING,
        NOTHING if mean is None else f"{mean:.0f}",
        facts.get("env_id", NOTHING),
        facts.get("seed", NOTHING),
        ", ".join(sorted(found[:12] for found in checksums if found)) or NOTHING,
    ]


def _made(source: str, task: str, dataset: str, facts: Mapping[str, str], checksums: set[str | None]) -> str:
    """What is known of how a dataset came to be; the data of manipulation are made here at every source."""
    recipe = facts.get("recipe")
    told = ": ".join(facts[key] for key in ("recipe", "origins") if key in facts) or NOTHING
    if task in names_of("manipulation"):
        return told
    if source == "local":
        return _LOCAL.get(recipe or dataset, told)
    # the recipe is of data that came in by `off2on import-data`
    return said_of_origin(source, task, dataset, checksums) + (f": {recipe}" if recipe else "")


def provenance_sheet(jobs: Sequence[Info]) -> Sheet:
    """One row per job: commit, hashes, hardware, times and speeds; of many jobs none, since each has a section."""
    header = ["job", "commit", "config", "dataset", "processor", "started", "wall s", "gradient steps/s"]
    header += ["env steps/s", "MB"]
    if len(jobs) > MOST_ROWS:
        note = f"{len(jobs):,} jobs are too many for a table here: provenance.json beside the tables has them all."
        return Sheet("Jobs", header, note=note)
    return Sheet("Jobs", header, [_job_row(info) for info in jobs])


def _job_row(info: Info) -> list[Cell | str]:
    name = f"{info['kind']} {_job(info)} {info[NAMES[info['kind']]]} seed {info['seed']}"
    return [
        Cell(name, link=run_link(info["kind"], info)),
        commit(info),
        str(info["config_hash"] or NOTHING)[:12],
        (info["dataset_sha256"] or NOTHING)[:12],
        info["cpu"] or NOTHING,
        info["started"],
        _number(info["wall_seconds"]),
        _number(info["gradient_steps_per_second"], 1),
        _number(info["env_steps_per_second"], 1),
        _number(info["peak_memory_mb"]),
    ]


def versions_sheet(jobs: Iterable[Info]) -> Sheet:
    """The distinct sets of package versions, and how many jobs ran with each."""
    sets = Counter(
        (_set(info.get("other_versions")), _versions({k: v for k, v in info["packages"].items() if v}))
        for info in jobs
    )
    rows = [[str(n), *words] for words, n in sets.items()]
    note = "Numbers are promised for the exact set of constraints.txt alone."
    return Sheet("Package versions", ["jobs", "set", "versions"], rows, note)


def _set(others: Mapping[str, str] | None) -> str:
    """Whether all packages are those of constraints.txt."""
    return NOTHING if others is None else f"other: {_versions(others)}" if others else "exact"


def _versions(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())


def period(jobs: Iterable[Info]) -> str:
    """From the first start to the last end."""
    times = sorted(datetime.fromisoformat(info[key]) for info in jobs for key in ("started", "ended"))
    return f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC" if times else "no runs"


def _number(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
