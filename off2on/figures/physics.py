"""What `off2on check-physics` measured, for the report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from off2on.figures.sheets import NOTHING, Sheet
from off2on.results.run_json import parse_json


def physics_sheet(results: Path) -> Sheet | None:
    """A row for each file that was measured, below the results of a source; None: none was.

    Raises:
        Off2OnError: a file of measurements cannot be read.
    """
    files = sorted((results / "physics").glob("*/*.json"))
    if not files:
        return None
    header = [
        "dataset",
        "return in the data",
        "of its policy here",
        "error of one step (median, 95 %)",
        "of its reward",
    ]
    note = (
        "D4RL's data are from an older MuJoCo. Here their policy is rolled out, and their states are stepped "
        "from; the error of a step is relative to its length (docs/datasets.md)."
    )
    return Sheet("Old data, today's physics", header, [_row(parse_json(file)) for file in files], note)


def _row(found: Mapping[str, Any]) -> list[str]:
    step = found["one_step"]
    errors = [_spread(step[key]) for key in ("state_error", "reward_error")] if step else [NOTHING] * 2
    returns = [_mean(found[key]) for key in ("data_return", "policy_return")]
    return [f"{found['task']}-{found['dataset']}", *returns, *errors]


def _mean(part: Mapping[str, float] | None) -> str:
    return f"{part['mean']:.0f} ± {part['std']:.0f} ({part['episodes']} episodes)" if part else NOTHING


def _spread(part: Mapping[str, float]) -> str:
    return f"{part['median']:.2g}, {part['p95']:.2g}"
