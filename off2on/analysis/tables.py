"""The tidy tables between the runs and the figures: `results/<scale>/<source>/analysis/`.

The DAG reads `FILES` from here, so pandas is imported only when tables are read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off2on.analysis.csv_tables import read_csv, write_csv
from off2on.errors import Off2OnError
from off2on.files import write_text
from off2on.paths import COST, RENDERS
from off2on.reading import Reading
from off2on.results import COLUMNS
from off2on.results.run_json import check_info, parse_json
from off2on.results.schema import LARGEST

if TYPE_CHECKING:
    import pandas as pd

#: environment steps of the paper's fine-tuning; only the runs of Fig. 13 are longer [S116]
BUDGET = 250_000
#: fewer seeds than this have no verdict and no band
ENOUGH = 4
COST_COLUMNS = (
    "members",
    "implementation",
    *(f"{what}_ms{part}" for what in ("step", "action") for part in ("", "_q25", "_q75")),
    "state_mb",
    "peak_growth_mb",
)
LIKELIHOOD_COLUMNS = ("task", "dataset", "seed", "importance_samples", "split", "log_likelihood")
#: what the rows of a run, and of a pre-training, share
RUN_KEYS = ("task", "dataset", "method", "label", "seed")
PRETRAIN_KEYS = ("task", "dataset", "algorithm", "seed", "members", "dataset_mean_return")
#: which data a run had; from scratch there is no checksum
DATA_KEYS = ("source", "dataset_sha256")
#: column of runs.csv -> column of progress.csv, statistic
SUMMARY = {
    "return_first": ("return_mean", "first"),
    "return_last": ("return_mean", "last"),
    "return_final": ("return_mean", "final"),
    "return_best": ("return_mean", "best"),
    "normalized_final": ("normalized_score", "final"),
    "success_final": ("success_last", "final"),
    "offline_fraction_first": ("offline_fraction", "first"),
    "offline_fraction_last": ("offline_fraction", "last"),
}
#: the fields of `Tables` that are CSV files, with their columns
COLUMNS_OF: dict[str, tuple[str, ...]] = {
    "curves": (*RUN_KEYS, *COLUMNS),
    "pretrain": (*PRETRAIN_KEYS, *COLUMNS),
    "runs": (
        *(*RUN_KEYS, *DATA_KEYS, "members", "evaluations", "env_steps", "gradient_steps", *SUMMARY),
        *("wall_seconds", "gradient_steps_per_second", "env_steps_per_second", "peak_memory_mb"),
    ),
    "likelihood": LIKELIHOOD_COLUMNS,
}


def _frame(columns: Sequence[str]) -> "pd.DataFrame":
    """A table without rows."""
    import pandas as pd

    return pd.DataFrame(columns=list(columns))


@dataclass(frozen=True, eq=False)
class Tables:
    """What `aggregate` gathers. Cost and renderings, which no run makes, are read when a figure asks."""

    #: task, dataset, method, label, seed and the columns of progress.csv
    curves: "pd.DataFrame"
    #: task, dataset, algorithm, seed, members, dataset_mean_return and the columns of progress.csv
    pretrain: "pd.DataFrame"
    #: task, dataset, method, label, seed, source, dataset_sha256, members, then first, last, final and best
    #: values, speed and memory
    runs: "pd.DataFrame"
    #: run.json of every job, pre-trainings first
    provenance: list[dict[str, Any]]
    #: task, dataset, seed, importance_samples, split (offline: held out, or online), log_likelihood (nats)
    likelihood: "pd.DataFrame" = field(default_factory=lambda: _frame(LIKELIHOOD_COLUMNS))
    #: 'task/dataset' -> what its file says: recipe, env_id, seed, origins; those that were here when gathered
    datasets: dict[str, dict[str, str]] = field(default_factory=dict)
    #: `results/<scale>/<source>`, where cost and renderings lie; None: there are none
    results: Path | None = None
    #: how the numbers of their scale may be read
    reading: Reading = field(default_factory=Reading)

    @property
    def cost(self) -> "pd.DataFrame":
        """Members, implementation (batched, loop), medians and quartiles of times, memory; empty: not measured."""
        return self._measured[0]

    @property
    def cost_job(self) -> dict[str, Any]:
        """What the cost was measured on."""
        return self._measured[1]

    @cached_property
    def _measured(self) -> tuple["pd.DataFrame", dict[str, Any]]:
        return _cost(self.results / COST) if self.results else (_frame(COST_COLUMNS), {})

    @cached_property
    def renders(self) -> list[dict[str, Any]]:
        """What `off2on render` says about each task, and the picture's bytes under `png` (None: no picture)."""
        return _renders(self.results / RENDERS) if self.results else []


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows as dictionaries with text keys."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


#: the files of an `analysis/` directory
FILES = (*(f"{name}.csv" for name in COLUMNS_OF), "provenance.json", "datasets.json")
_COMMAND = "off2on aggregate"


def write_tables(tables: Tables, directory: Path) -> None:
    """Write `FILES`, each atomically.

    Raises:
        Off2OnError: a file cannot be written.
    """
    for name in COLUMNS_OF:
        write_csv(getattr(tables, name), directory / f"{name}.csv")
    for name in ("provenance", "datasets"):
        write_text(directory / f"{name}.json", json.dumps(getattr(tables, name), indent=1) + "\n")


def read_tables(directory: Path, reading: Reading | None = None) -> Tables:
    """Read the tables of an `analysis/` directory; `reading` is that of their scale.

    Raises:
        Off2OnError: one of them is missing or damaged.
    """
    found = {
        name: read_csv(directory / f"{name}.csv", columns, _COMMAND, DATA_KEYS)
        for name, columns in COLUMNS_OF.items()
    }
    jobs, datasets = _provenance(directory / "provenance.json"), _datasets(directory / "datasets.json")
    results = directory if (directory / COST).is_file() else directory.parent
    return Tables(**found, provenance=jobs, datasets=datasets, results=results, reading=reading or Reading())


def _provenance(path: Path) -> list[dict[str, Any]]:
    jobs = parse_json(path, f"run '{_COMMAND}' first")
    if not isinstance(jobs, list):
        raise Off2OnError(f"{path}: expected a list of jobs; run '{_COMMAND}' again")
    for job in jobs:
        check_info(path, job)
    return jobs


def _datasets(path: Path) -> dict[str, dict[str, str]]:
    datasets = parse_json(path, f"run '{_COMMAND}' first")
    if not isinstance(datasets, dict) or not all(isinstance(facts, dict) for facts in datasets.values()):
        raise Off2OnError(f"{path}: expected an object of datasets; run '{_COMMAND}' again")
    return {name: {key: str(value) for key, value in facts.items()} for name, facts in datasets.items()}


def _cost(path: Path) -> tuple["pd.DataFrame", dict[str, Any]]:
    if not path.is_file():
        return _frame(COST_COLUMNS), {}
    about = parse_json(path.with_suffix(".json"), "run 'off2on cost' again")
    if not isinstance(about, dict):
        raise Off2OnError(f"{path.with_suffix('.json')}: expected an object of keys; run 'off2on cost' again")
    _check_cost_job(path.with_suffix(".json"), about)
    return _checked_cost(path, read_csv(path, COST_COLUMNS, "off2on cost")), about


def _check_cost_job(path: Path, about: Mapping[str, Any]) -> None:
    """The keys that a table of the cost prints."""
    sizes, packages = about.get("sizes"), about.get("packages")
    known = isinstance(sizes, dict) and isinstance(sizes.get("widths"), list) and "batch" in sizes
    if not known or not isinstance(packages, dict) or not {"task", "repeats", "cpu"} <= about.keys():
        raise Off2OnError(f"{path}: a key is missing or of another type; run 'off2on cost' again")


def _checked_cost(path: Path, table: "pd.DataFrame") -> "pd.DataFrame":
    """Positive times of the same sizes for both implementations, sorted so that they can be paired."""
    numbers = table[list(COST_COLUMNS)].drop(columns="implementation")
    if numbers.isna().any(axis=None) or (numbers < 0).any(axis=None) or (numbers > LARGEST).any(axis=None):
        raise Off2OnError(f"{path} has a cell that is empty, negative or too large; run 'off2on cost' again")
    sizes = {name: sorted(part["members"]) for name, part in table.groupby("implementation")}
    if set(sizes) != {"batched", "loop"} or sizes["batched"] != sizes["loop"] or (table["step_ms"] <= 0).any():
        raise Off2OnError(f"{path} has not the same sizes of batched and loop; run 'off2on cost' again")
    return table.sort_values(["implementation", "members"], ignore_index=True)


def _renders(directory: Path) -> list[dict[str, Any]]:
    return [_render(path) for path in sorted(directory.glob("*.json"))]


def _render(path: Path) -> dict[str, Any]:
    info = parse_json(path)
    try:
        png = _picture(path.parent / Path(info["image"]).name) if info["image"] else None
        texts = {key: info[key] if info[key] is None else str(info[key]) for key in ("pose", "env_id", "backend")}
        return dict(info) | texts | {"png": png, "reason": str(info["reason"] or ""), "task": str(info["task"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Off2OnError(
            f"{path}, or the picture beside it: {error!r}; remove it, run 'off2on render' again"
        ) from None


def _picture(path: Path) -> bytes:
    from PIL import Image

    content = path.read_bytes()
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path.name} is no PNG: {error}") from None
    return content
