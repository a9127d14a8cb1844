"""Where the transitions of a minibatch come from: Figures 4a, 5b, 9, 17."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from off2on.data.dataset import Dataset
from off2on.replay.store import Rows

#: column of progress.csv -> how the names of the origins start that it counts, in data of mixed origin
KINDS = {"offline_fraction_scripted": "scripted", "offline_fraction_random": "random"}


@dataclass(frozen=True)
class Origins:
    """The offline rows of a run, and of each kind which they are."""

    size: int = 0
    kinds: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset) -> "Origins":
        """Of all transitions of a dataset; the kinds only where there are all of `KINDS`."""
        starts = dataset.starts()
        found = {}
        for column, prefix in KINDS.items():
            numbers = [i for i, name in enumerate(dataset.origin_names) if name.startswith(prefix)]
            if dataset.origin is not None and numbers:
                found[column] = np.isin(dataset.origin[starts], numbers)
        return cls(len(starts), found if len(found) == len(KINDS) else {})

    @property
    def columns(self) -> list[str]:
        """The columns of progress.csv that it fills."""
        return ["offline_fraction", *self.kinds] if self.size else []

    def shares(self, rows: Rows) -> dict[str, Tensor]:
        """The share of a minibatch that is offline, and of each kind."""
        offline = rows[rows < self.size]
        counts = {"offline_fraction": len(offline)}
        counts |= {name: int(mask[offline].sum()) for name, mask in self.kinds.items()}
        return {name: torch.tensor(count / len(rows), dtype=torch.float64) for name, count in counts.items()}
