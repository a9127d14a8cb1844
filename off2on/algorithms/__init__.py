"""The algorithms, one entry a file: a file added here is known everywhere. Nothing here loads torch."""

from importlib import import_module
from pkgutil import iter_modules

from off2on.algorithms.algorithm import Algorithm
from off2on.errors import find

_NO_ENTRIES = {"algorithm", "flop"}


def _entry(name: str) -> Algorithm:
    """The entry of a file; a mistake in it is one for who writes the file, and stops everything at once."""
    spec = getattr(import_module(f"{__name__}.{name}"), "SPEC", None)
    where = f"off2on/algorithms/{name}.py"
    if not isinstance(spec, Algorithm):
        raise TypeError(f"{where}: it needs SPEC, an Algorithm (CONTRIBUTING.md)")
    if spec.name != name:
        raise ValueError(f"{where}: SPEC is called '{spec.name}'; it must have the name of its file, '{name}'")
    return spec


#: by name, in the order of the alphabet
ALGORITHMS: dict[str, Algorithm] = {
    module.name: _entry(module.name)
    for module in sorted(iter_modules(__path__), key=lambda module: module.name)
    if module.name not in _NO_ENTRIES
}
#: those that pre-train
OFFLINE = {name: algorithm for name, algorithm in ALGORITHMS.items() if algorithm.offline}


def get_algorithm(name: str) -> Algorithm:
    """The algorithm of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("algorithm", name, ALGORITHMS)


def get_offline(name: str) -> Algorithm:
    """The algorithm of that name, which must have an offline phase.

    Raises:
        Off2OnError: there is none.
    """
    return find("offline algorithm", name, OFFLINE)
