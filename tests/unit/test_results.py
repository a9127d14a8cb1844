"""Result directories: what `off2on validate` accepts and what it says about the rest."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from off2on.analysis.aggregate import aggregate
from off2on.analysis.evidence import FILES as EVIDENCE
from off2on.analysis.evidence import gather_evidence
from off2on.analysis.tables import FILES
from off2on.config import REPOSITORY
from off2on.errors import Off2OnError
from off2on.results import COLUMNS, KEYS
from off2on.results.directory import read_run, validate
from off2on.results.schema import KIND_KEYS, METHOD_KEYS, OPTIONAL_KEYS, OPTIONAL_METHOD_KEYS
from tests.unit.synthetic_results import Tree

NAMED = {"label": "x", "description": "x", "sampler": None, "offline": None, "members": 1}
FORMAT = REPOSITORY / "docs" / "results-format.md"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path, datasets=("medium",), methods=("ours", "sac"), seeds=1, epochs=2).write()


@pytest.fixture
def run(tree: Tree) -> Path:
    return tree.layout.run("halfcheetah", "medium", "ours", 0)


def test_a_run_and_a_pretraining_are_read(tree: Tree, run: Path) -> None:
    found = validate(run)
    assert (found.name, len(found.rows), found.info["seed"]) == ("ours", 3, 0)
    assert tuple(found.rows[0]) == COLUMNS
    assert found.rows[0]["offline_fraction"] != found.rows[0]["offline_fraction"]  # empty: NaN
    pretrained = validate(tree.layout.pretrain("halfcheetah", "medium", "cql", 0))
    assert (pretrained.name, pretrained.rows[-1]["gradient_steps"]) == ("cql", 10_000)


def test_a_baseline_may_leave_out_weights_but_a_pretraining_may_not(tree: Tree, run: Path) -> None:
    (run / "agent.safetensors").unlink()
    validate(run)
    pretrain = tree.layout.pretrain("halfcheetah", "medium", "cql", 0)
    (pretrain / "agent.safetensors").unlink()
    with pytest.raises(Off2OnError, match=r"agent\.safetensors is missing"):
        validate(pretrain)


def edit_info(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    info = json.loads((run / "run.json").read_text())
    change(info)
    (run / "run.json").write_text(json.dumps(info))


@pytest.mark.parametrize("key", [*KEYS, *KIND_KEYS["finetune"]])
def test_every_key_is_needed(run: Path, key: str) -> None:
    edit_info(run, lambda info: info.pop(key))
    with pytest.raises(Off2OnError, match=rf"run\.json: key '{key}' is missing"):
        read_run(run)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kind", "training", "kind = 'training'; it must be 'pretrain' or 'finetune'"),
        ("seed", True, "seed = True; it must be of type int"),
        ("git_commit", 5, "git_commit = 5; it must be of type str or null"),
        ("ended", "yesterday", "ended = 'yesterday'; it must be ISO 8601 with a time zone, such as"),
        ("scale", "paper", "scale = 'paper', but the directory says 'quick'"),
        ("task", "hopper", "task = 'hopper', but the directory says 'halfcheetah'"),
        ("method", "sac", "method = 'sac', but the directory says 'ours'"),
        ("seed", 7, "seed = 7, but the directory says 'seed0'"),
        ("method_settings", {"label": "x"}, "key 'method_settings.description' is missing"),
        (
            "method_settings",
            NAMED | {"figures": "fig_3"},
            "method_settings.figures = 'fig_3'; it must be of type list",
        ),
    ],
)
def test_a_wrong_key_is_named(run: Path, key: str, value: object, message: str) -> None:
    edit_info(run, lambda info: info.update({key: value}))
    with pytest.raises(Off2OnError, match=re.escape(message)) as caught:
        read_run(run)
    assert str(run / "run.json") in str(caught.value)


def edit_cell(run: Path, row: int, column: str, value: str) -> None:
    lines = list(csv.reader(io.StringIO((run / "progress.csv").read_text())))
    lines[row][COLUMNS.index(column)] = value
    (run / "progress.csv").write_text("\n".join(",".join(line) for line in lines) + "\n")


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, "return_mean", "", "row 1: return_mean is empty"),
        (2, "return_mean", "high", "row 2: return_mean = 'high' is not a number"),
        (2, "return_mean", "nan", "row 2: return_mean = 'nan'; it must be finite"),
        (3, "env_steps", "1000", "row 3: env_steps = 1000 after 1000; it must grow"),
        (2, "gradient_steps", "0.5", "row 2: gradient_steps = '0.5'; it must be a whole number"),
        (2, "offline_fraction", "75", "row 2: offline_fraction = '75'; it must lie between 0 and 1"),
        (2, "q_mean", "inf", "row 2: q_mean = 'inf'; it must be finite. Leave the cell empty"),
        (2, "return_mean", "1_000", "row 2: return_mean = '1_000' is not a number"),
        (2, "env_steps", "1e30", "row 2: env_steps = '1e30'; no number here is above 1e+15"),
        (2, "return_std", "-1", "row 2: return_std = '-1'; it cannot be negative"),
        (2, "eval_episodes", "0", "row 2: eval_episodes = 0"),
        (3, "gradient_steps", "0", "row 3: gradient_steps = 0 after"),
        (2, "return_min", "1e6", "row 2: return_mean = "),
        (2, "normalized_score", "99", "row 2: normalized_score = 99, but return_mean"),
        (0, "alpha", "temperature", "missing columns alpha"),
    ],
)
def test_a_wrong_cell_is_named(run: Path, row: int, column: str, value: str, message: str) -> None:
    edit_cell(run, row, column, value)
    with pytest.raises(Off2OnError, match=re.escape(message)) as caught:
        read_run(run)
    assert str(run / "progress.csv") in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (",".join(COLUMNS) + "\n", "has no rows"),
        ("", "missing columns env_steps"),
        (",".join([*COLUMNS, "loss"]) + "\n", "unknown columns loss"),
        (",".join([*COLUMNS, "alpha"]) + "\n", "duplicate columns alpha"),
        (",".join(COLUMNS) + "\n1,2\n", "row 1: 2 cells under 22 columns"),
    ],
)
def test_a_broken_table_is_refused(run: Path, content: str, message: str) -> None:
    (run / "progress.csv").write_text(content)
    with pytest.raises(Off2OnError, match=message):
        read_run(run)


def test_missing_files_and_broken_json(run: Path, tmp_path: Path) -> None:
    (run / "run.json").write_text('{"kind": ')
    with pytest.raises(Off2OnError, match=r"run\.json is not readable as JSON"):
        validate(run)
    (run / "run.json").write_text("[]")
    with pytest.raises(Off2OnError, match="expected a JSON object"):
        validate(run)
    (run / "run.json").unlink()
    with pytest.raises(Off2OnError, match=r"run\.json is missing"):
        validate(run)
    with pytest.raises(Off2OnError, match="is not a directory"):
        validate(tmp_path / "nowhere")


def test_truncated_weights_are_refused(run: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    whole = len(header).to_bytes(8, "little") + header + bytes(8)
    (run / "agent.safetensors").write_bytes(whole)
    validate(run)
    (run / "agent.safetensors").write_bytes(whole[:-3])
    with pytest.raises(Off2OnError, match="is truncated"):
        validate(run)
    (run / "agent.safetensors").write_bytes(b"PK\x03\x04 a zip archive")
    with pytest.raises(Off2OnError, match="is not a safetensors file"):
        validate(run)


def test_the_document_names_every_column_and_key() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", FORMAT.read_text(), re.MULTILINE))
    keys = {
        *KEYS,
        *OPTIONAL_KEYS,
        *METHOD_KEYS,
        *OPTIONAL_METHOD_KEYS,
        *(key for keys in KIND_KEYS.values() for key in keys),
    }
    assert named == {*COLUMNS, *keys}


def test_the_document_names_every_table_and_its_columns(tmp_path: Path) -> None:
    aggregate([], tmp_path)
    gather_evidence(tmp_path)
    text = FORMAT.read_text()
    assert [name for name in (*FILES, *EVIDENCE) if f"`{name}`" not in text] == []
    for name in (file for file in FILES if file.endswith(".csv")):
        (row,) = re.findall(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        columns = (tmp_path / name).read_text().splitlines()[0].split(",")
        told = set(re.findall(r"\w+", row)) | (set(COLUMNS) if "those of progress.csv" in row else set())
        assert set(columns) <= told, name


def test_the_worked_example_is_valid(tmp_path: Path) -> None:
    text = FORMAT.read_text()
    blocks = dict(re.findall(r"```(csv|json)\n(.*?)```", text, re.DOTALL))
    place = re.search(r"`(results/\S+/my-baseline/seed0)/`", text)
    assert place is not None
    directory = tmp_path / place[1]
    directory.mkdir(parents=True)
    (directory / "progress.csv").write_text(blocks["csv"])
    (directory / "run.json").write_text(blocks["json"])
    assert validate(directory).rows[1]["return_mean"] == 4722.9


def test_outputs_are_those_that_the_job_wrote(run: Path) -> None:
    rows = (run / "progress.csv").read_bytes()
    outputs = {"progress.csv": {"rows": 3, "sha256": hashlib.sha256(rows).hexdigest()}}
    edit_info(run, lambda info: info.update(outputs=outputs))
    assert len(read_run(run).rows) == 3
    (run / "progress.csv").write_bytes(rows[: rows.rstrip().rfind(b"\n") + 1])
    with pytest.raises(Off2OnError, match=r"progress\.csv has 2 rows, run\.json says 3"):
        read_run(run)
    (run / "progress.csv").write_bytes(rows.replace(b"5", b"6", 1))
    with pytest.raises(Off2OnError, match="its sha256 is not the one in"):
        read_run(run)
    (run / "progress.csv").write_bytes(rows)
    outputs["agent.safetensors"] = {"sha256": "ab"}
    edit_info(run, lambda info: info.update(outputs=outputs))
    with pytest.raises(Off2OnError, match=r"agent\.safetensors is not what the job wrote"):
        validate(run)
