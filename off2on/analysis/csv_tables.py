"""Tables as CSV files, read back to the last bit."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from off2on.errors import Off2OnError
from off2on.files import write_text

if TYPE_CHECKING:
    import pandas as pd

#: columns of words; all others are numbers or flags
TEXT = {
    *("task", "dataset", "method", "label", "algorithm", "split", "implementation", "source", "dataset_sha256"),
    *("claim", "figures", "statement", "statistic", "measure", "unit", "verdict", "why"),
}
#: a spreadsheet takes a cell that begins with one of these for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(table: "pd.DataFrame") -> str:
    """A table as CSV; words that a spreadsheet would take for a formula get an apostrophe."""
    words = [name for name in table.columns if name in TEXT]
    safe = table.assign(**{name: table[name].map(_neutral) for name in words})
    return safe.to_csv(index=False, lineterminator="\n")


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write a table, atomically."""
    write_text(path, csv_text(table))


def read_csv(path: Path, columns: Sequence[str], command: str, empty: Collection[str] = ()) -> "pd.DataFrame":
    """Read a table; only an empty cell is missing, since a dataset may be called 'none'.

    Args:
        path: the file.
        columns: those that it must have.
        command: what writes it, for the message.
        empty: columns of words whose cells may be empty.

    Raises:
        Off2OnError: it is missing or damaged, lacks a column or a word, or has words where numbers belong.
    """
    import pandas as pd

    if not path.is_file():
        raise Off2OnError(f"{path} is missing: run '{command}' (or snakemake) first")
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], float_precision="round_trip")
    except (OSError, ValueError) as error:
        raise Off2OnError(f"{path} is damaged ({error}); run '{command}' again") from None
    if missing := [name for name in columns if name not in table.columns]:
        raise Off2OnError(f"{path}: missing columns {', '.join(missing)}; run '{command}' again")
    for name in columns:
        if name in TEXT and name not in empty and table[name].isna().any():
            raise Off2OnError(f"{path}: column {name} has an empty cell; run '{command}' again")
        if name in TEXT:
            table[name] = table[name].map(_plain, na_action="ignore").astype(object)
        elif table[name].dtype == object and table[name].notna().any():
            raise Off2OnError(f"{path}: column {name} has a cell that is no number; run '{command}' again")
    return table


def _neutral(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith((*_FORMULA, "'")) else value


def _plain(value: object) -> str:
    text = str(value)
    return text[1:] if text.startswith("'") else text
