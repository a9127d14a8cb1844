"""The progress bar of everything that takes longer than ten seconds."""

import sys
from typing import Any

from tqdm import tqdm


def progress_bar(title: str, total: int, unit: str, initial: int = 0) -> "tqdm[Any]":
    """A bar with rate and ETA on stderr; in a log file it says a line every ten seconds."""
    terminal = sys.stderr.isatty()
    return tqdm(
        desc=title,
        total=total,
        initial=initial,
        unit=unit,
        unit_scale=total > 10_000,
        mininterval=0.5 if terminal else 10,
        dynamic_ncols=terminal,
    )
