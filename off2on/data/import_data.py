"""A dataset of somebody's own, in its place: read in whatever format it has, checked, recorded."""

from pathlib import Path

from off2on.data.checks import TaskSizes
from off2on.data.dataset import Dataset, read_dataset, write_dataset
from off2on.data.minari_format import from_minari
from off2on.errors import Off2OnError
from off2on.files import sha256

#: of HDF5 files; no id of Minari's ends so
_ENDINGS = {".hdf5", ".h5", ".hdf"}


def import_dataset(what: str, place: Path, task: TaskSizes, named: dict[str, str]) -> Dataset:
    """Read a dataset, check it as training will, and write it.

    Args:
        what: an HDF5 file in D4RL's layout; the id, the directory or the `main_data.hdf5` of a Minari dataset.
        place: where it belongs; nothing is replaced.
        task: whose sizes it must have.
        named: source, task and dataset, which the file will say of itself.

    Raises:
        Off2OnError: it cannot be read, training would refuse it, or there is a dataset already.
    """
    if place.exists():
        raise Off2OnError(f"{place} is there already; move it away, or choose another --dataset or --scale")
    path = Path(what)
    if path.suffix in _ENDINGS and not path.exists():
        raise Off2OnError(f"{what}: no such file")
    if path.is_file() and path.name != "main_data.hdf5":
        # it may say that it is another dataset, but not that it is of another task
        dataset = read_dataset(path, task, {"task": named["task"]})
        recipe = f"imported from {path.name}, sha256 {sha256(path)}"
    else:
        dataset = from_minari(str(path.parents[1]) if path.is_file() else what, task)
        recipe = str(dataset.attributes["recipe"])
    dataset.attributes = {**dataset.attributes, **named, "recipe": recipe}
    dataset.attributes.pop("sha256", None)
    _write_checked(what, place, dataset, task)
    return dataset


def _write_checked(what: str, place: Path, dataset: Dataset, task: TaskSizes) -> None:
    """What training would refuse never gets the name."""
    unchecked = place.with_name(f".{place.name}")
    try:
        write_dataset(unchecked, dataset)
        read_dataset(unchecked, task)
        unchecked.replace(place)
    except Off2OnError as error:
        raise Off2OnError(str(error).replace(str(unchecked), what)) from None
    finally:
        unchecked.unlink(missing_ok=True)
