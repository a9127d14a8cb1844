"""The tidy tables between the runs and the figures: `results/<scale>/<source>/analysis/`.

The DAG reads `FILES` from here, so pandas is imported only when tables are read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off2on.errors import Off2OnError
from off2on.files import write_text
from off2on.paths import COST, RENDERS

if TYPE_CHECKING:
    import pandas as pd

#: environment steps of the paper's fine-tuning; only the runs of Fig. 13 are longer [S116]
BUDGET = 250_000
#: fewer pairs than this have a direction, never a verdict
ENOUGH = 4
COST_COLUMNS = (
    "members",
    "implementation",
    *(f"{what}_ms{part}" for what in ("step", "action") for part in ("", "_q25", "_q75")),
    "state_mb",
    "peak_growth_mb",
)
LIKELIHOOD_COLUMNS = ("task", "dataset", "seed", "importance_samples", "split", "log_likelihood")


def _frame(columns: Sequence[str]) -> "pd.DataFrame":
    """A table without rows."""
    import pandas as pd

    return pd.DataFrame(columns=list(columns))


@dataclass(frozen=True)
class Tables:
    """What `aggregate` gathers. Cost and renderings, which no run makes, are read when a figure asks."""

    #: task, dataset, method, label, seed and the columns of progress.csv
    curves: "pd.DataFrame"
    #: task, dataset, algorithm, seed, members, dataset_mean_return and the columns of progress.csv
    pretrain: "pd.DataFrame"
    #: task, dataset, method, label, seed, members, then first, last, final and best values, speed and memory
    runs: "pd.DataFrame"
    #: run.json of every job, pre-trainings first
    provenance: list[dict[str, Any]]
    #: task, dataset, seed, importance_samples, split (offline: held out, or online), log_likelihood (nats)
    likelihood: "pd.DataFrame" = field(default_factory=lambda: _frame(LIKELIHOOD_COLUMNS))
    #: `results/<scale>/<source>`, where cost and renderings lie; None: there are none
    results: Path | None = None

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


#: the fields of `Tables` that are CSV files, and all files
_CSV = ("curves", "pretrain", "runs", "likelihood")
FILES = (*(f"{name}.csv" for name in _CSV), "provenance.json")


def write_tables(tables: Tables, directory: Path) -> None:
    """Write `FILES`, each atomically.

    Raises:
        Off2OnError: a file cannot be written.
    """
    for name in _CSV:
        write_csv(getattr(tables, name), directory / f"{name}.csv")
    write_text(directory / "provenance.json", json.dumps(tables.provenance, indent=1) + "\n")


def read_tables(directory: Path) -> Tables:
    """Read the tables of an `analysis/` directory.

    Raises:
        Off2OnError: one of them is missing.
    """
    for name in FILES:
        if not (directory / name).is_file():
            raise Off2OnError(f"{directory / name} is missing: run 'off2on aggregate' (or snakemake) first")
    found = {name: read_csv(directory / f"{name}.csv") for name in _CSV}
    provenance = json.loads((directory / "provenance.json").read_text())
    return Tables(**found, provenance=provenance, results=directory.parent)


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write a table, atomically."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def read_csv(path: Path) -> "pd.DataFrame":
    """Read a table to the last bit; only an empty cell is missing, since a dataset may be called 'none'."""
    import pandas as pd

    return pd.read_csv(path, keep_default_na=False, na_values=[""], float_precision="round_trip")


def _cost(path: Path) -> tuple["pd.DataFrame", dict[str, Any]]:
    import pandas as pd

    if not path.is_file():
        return _frame(COST_COLUMNS), {}
    try:
        return pd.read_csv(path), json.loads(path.with_suffix(".json").read_text())
    except (OSError, ValueError) as error:
        raise Off2OnError(
            f"{path}, or the JSON beside it: {error}; remove both, run 'off2on cost' again"
        ) from None


def _renders(directory: Path) -> list[dict[str, Any]]:
    return [_render(path) for path in sorted(directory.glob("*.json"))]


def _render(path: Path) -> dict[str, Any]:
    try:
        info: dict[str, Any] = json.loads(path.read_text())
        return info | {"png": (path.parent / info["image"]).read_bytes() if info["image"] else None}
    except (OSError, ValueError, KeyError) as error:
        raise Off2OnError(
            f"{path}, or the picture beside it: {error!r}; remove it, run 'off2on render' again"
        ) from None
