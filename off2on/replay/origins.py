"""Where the transitions of a minibatch come from: Figures 4a, 5b, 9, 17."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from off2on.data.dataset import Dataset
from off2on.nn.device import CPU

#: column of progress.csv -> how the names of the origins start that it counts, in data of mixed origin
KINDS = {"offline_fraction_scripted": "scripted", "offline_fraction_random": "random"}


@dataclass(frozen=True)
class Origins:
    """The offline rows of a run, and of each kind which they are."""

    size: int = 0
    kinds: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device = CPU) -> "Origins":
        """Of all transitions of a dataset; the kinds only where there are all of `KINDS`."""
        starts = dataset.starts()
        found = {}
        for column, prefix in KINDS.items():
            numbers = [i for i, name in enumerate(dataset.origin_names) if name.startswith(prefix)]
            if dataset.origin is not None and numbers:
                found[column] = torch.from_numpy(np.isin(dataset.origin[starts], numbers)).to(device)
        return cls(len(starts), found if len(found) == len(KINDS) else {})

    @property
    def columns(self) -> list[str]:
        """The columns of progress.csv that it fills."""
        return ["offline_fraction", *self.kinds] if self.size else []

    def shares(self, rows: Tensor) -> dict[str, Tensor]:
        """The share of a minibatch that is offline, and of each kind."""
        offline = rows < self.size
        marks = {"offline_fraction": offline}
        marks |= {name: mask[rows.clamp(max=self.size - 1)] & offline for name, mask in self.kinds.items()}
        return {name: mark.double().mean() for name, mark in marks.items()}
