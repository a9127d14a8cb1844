"""Tables survive a file to the last bit, and a damaged file is named."""

from pathlib import Path

import pandas as pd
import pytest

from off2on.analysis.csv_tables import read_csv, write_csv
from off2on.errors import Off2OnError

TABLE = pd.DataFrame(
    {
        "label": ["=1+1", "+x", "-y", "@z", "'quoted", "plain", "none"],
        "effect": [0.1 + 0.2, -1.5, 1e-300, 3.0, 1, 2, None],
    }
)


def test_a_table_is_read_back_as_it_was(tmp_path: Path) -> None:
    write_csv(TABLE, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv", list(TABLE.columns), "x"), TABLE, check_exact=True)


def test_no_cell_of_words_is_a_formula(tmp_path: Path) -> None:
    write_csv(TABLE, tmp_path / "t.csv")
    cells = [line.split(",")[0] for line in (tmp_path / "t.csv").read_text().splitlines()[1:]]
    assert [cell for cell in cells if cell[0] in "=+-@"] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "is missing: run 'off2on x'"),
        ("", "is damaged"),
        ("label\na\n", "missing columns effect"),
        ("label,effect\na,many\n", "column effect has a cell that is no number"),
        ('label,effect\n"a,1\n', "is damaged"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "t.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Off2OnError, match=told) as caught:
        read_csv(path, ["label", "effect"], "off2on x")
    assert str(path) in str(caught.value)
