"""The tidy tables between the runs and the figures: `results/<scale>/<source>/analysis/`.

The DAG reads `FILES` from here, so pandas is imported only when tables are read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off2on.errors import Off2OnError

if TYPE_CHECKING:
    import pandas as pd

#: one row per evaluation of a fine-tuning run, one per evaluation of a pre-training, one per fine-tuning run,
#: one per claim, task, dataset and seed, one per pair whose likelihood is known, and the run.json of every job
FILES = ("curves.csv", "pretrain.csv", "runs.csv", "claims.csv", "likelihood.csv", "provenance.json")

LIKELIHOOD_COLUMNS = ("task", "dataset", "seed", "importance_samples", "split", "log_likelihood")


def _frame(columns: Sequence[str]) -> "pd.DataFrame":
    """A table without rows."""
    import pandas as pd

    return pd.DataFrame(columns=list(columns))


@dataclass(frozen=True)
class Tables:
    """What `aggregate` wrote, read back."""

    #: task, dataset, method, label, seed and the columns of progress.csv
    curves: "pd.DataFrame"
    #: task, dataset, algorithm, seed, members, dataset_mean_return and the columns of progress.csv
    pretrain: "pd.DataFrame"
    #: task, dataset, method, label, seed, members, then first, last, final and best values, speed and memory
    runs: "pd.DataFrame"
    #: claim, statement, task, dataset, seed, value, bound, reached
    claims: "pd.DataFrame"
    #: run.json of every job, pre-trainings first
    provenance: list[dict[str, Any]]
    #: task, dataset, seed, importance_samples, split (offline: held out, or online), log_likelihood (nats)
    likelihood: "pd.DataFrame" = field(default_factory=lambda: _frame(LIKELIHOOD_COLUMNS))


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows as dictionaries with text keys."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def read_tables(directory: Path) -> Tables:
    """Read the tables of an `analysis/` directory.

    Raises:
        Off2OnError: one of them is missing.
    """
    import pandas as pd

    for name in FILES:
        if not (directory / name).is_file():
            raise Off2OnError(f"{directory / name} is missing: run 'off2on aggregate' (or snakemake) first")
    csv = {
        Path(name).stem: pd.read_csv(directory / name, keep_default_na=False, na_values=[""])
        for name in FILES[:-1]
    }
    return Tables(**csv, provenance=json.loads((directory / FILES[-1]).read_text()))
