"""What the files of datasets say of themselves, kept beside the tables: a report is made without the files."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: attributes that are kept
_ATTRIBUTES = ("recipe", "env_id", "seed")


def gather_facts(files: Iterable[tuple[str, Path]]) -> dict[str, dict[str, str]]:
    """Name -> attribute -> text of the files that are here; `origins` counts rows of scripts and random actions.

    Args:
        files: names, such as 'pick-place/mixed', and paths of datasets.

    Raises:
        Off2OnError: a file is damaged.
    """
    return {name: _facts(path) for name, path in sorted(files) if path.is_file()}


def _facts(path: Path) -> dict[str, str]:
    from off2on.data.hdf5 import opened, origin_names, read_array, read_attributes

    with opened(path) as file:
        attributes: dict[str, Any] = dict(read_attributes(file))
        facts = {key: str(attributes[key]) for key in _ATTRIBUTES if key in attributes}
        if "origin" in file:
            names, rows = origin_names(path, file), Counter(read_array(path, file, "origin").tolist())
            counts = [(name, rows[number]) for number, name in enumerate(names)]
            facts["origins"] = ", ".join(f"{name} {n:,} rows ({n / rows.total():.0%})" for name, n in counts)
    return facts
