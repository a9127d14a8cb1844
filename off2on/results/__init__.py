"""Result directories: what every one holds, and the checks on it (docs/results-format.md).

The names here come from the standard library alone; `directory` reads and checks.
"""

from off2on.results.schema import COLUMNS, COUNTS, KEYS, NAMES

__all__ = ["COLUMNS", "COUNTS", "KEYS", "NAMES"]
