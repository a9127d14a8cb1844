"""Settings that remember which of their values were read."""

from typing import Any

from off2on.config import Section
from off2on.settings import Settings


class Recorder:
    """Stands for settings or a section of them; `keys` collects the dotted names that are read."""

    def __init__(self, section: Section, keys: set[str], prefix: str = "") -> None:
        self._section, self._keys, self._prefix = section, keys, prefix

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._section, name)
        if isinstance(value, Section):
            return Recorder(value, self._keys, f"{self._prefix}{name}.")
        self._keys.add(f"{self._prefix}{name}")
        return value

    def of(self, section: type[Section]) -> Any:
        """The section of an algorithm, by its type."""
        return getattr(self, Settings.NAMES[section])
