"""The doors of results and settings: scales, run.json, progress.csv, tables."""

import csv
import io
import json
from pathlib import Path
from random import Random
from typing import Any

from tests.conftest import micro_scale
from tests.doors.doors import ANY, REFUSE, Door, Spoil, in_bytes, off2on, one_of
from tests.unit.synthetic_results import Tree, run_info, write_job

TREE = Tree(Path(), methods=("ours", "sac"), datasets=("medium",), seeds=2, epochs=2)
STRANGER = "results/quick/local/runs/halfcheetah/medium/stranger/seed0"
GATHER = ("aggregate", "--scale", "quick", *(f"{STRANGER[:-1]}{seed}" for seed in (0, 1)))
#: what `validate` accepts, everything downstream can read
CHAIN = (
    ("validate", STRANGER),
    (*GATHER, *(f"results/quick/local/runs/halfcheetah/medium/ours/seed{seed}" for seed in (0, 1))),
    ("claims", "--scale", "quick"),
    ("figure", "fig_3", "--scale", "quick"),
    ("report", "--scale", "quick", "--figures", "fig_3"),
)


def _results(directory: Path) -> None:
    TREE.write()
    for seed in (0, 1):
        rows: list[dict[str, Any]] = [
            {"env_steps": k, "gradient_steps": k, "eval_episodes": 5, "return_mean": 100.0 + k, "wall_seconds": k}
            for k in (0, 1000, 2000)
        ]
        info = run_info("finetune", "quick", "local", "halfcheetah", "medium", "stranger", seed)
        write_job(directory / f"{STRANGER[:-1]}{seed}", info, rows)


def _tables(directory: Path) -> None:
    _results(directory)
    for words in CHAIN[1:-1]:
        status, said = off2on(directory, *words)
        assert status == 0, said


def _nothing(_directory: Path, _said: str) -> None:
    return None


# ---------------------------------------------------------------------------------------------------- run.json

_DEEP = "[" * 500 + "]" * 500
_VALUES: dict[str, list[Any]] = {
    "kind": [None, "x", 3],
    "seed": [-1, 1.5, "0", True, 10**30, None],
    "members": [0, -3, 1.5, "3", None],
    "settings": [None, [], "x", {"a": float("nan")}, {"a": float("inf")}],
    "packages": [None, [], {"torch": 3}, {"torch": []}],
    "parents": [None, [], {"dataset": 3}],
    "started": ["2026-11-21T10:00:00", "yesterday", "", 3, None, "2026-11-21", "9999-99-99T00:00:00Z"],
    "ended": ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00", 3, None],
    "wall_seconds": [-1, 1e300, "60", None, float("nan"), float("inf"), True],
    "peak_memory_mb": [-5, "x", float("nan")],
    "gradient_steps_per_second": [-5, "x", [1]],
    "dataset_mean_return": ["x", float("-inf"), {}],
    "dataset_transitions": ["many", -4, 1.5, [1]],
    "dataset_sha256": [3, []],
    "config_hash": [3, {}],
    "git_commit": [3, True],
    "git_dirty": ["yes", 1],
    "cpu": ["\ud800", "\x00", "\x1b[0m", "\ufffe"],
    "gpu": [5, {}],
    "method_settings": [
        None,
        [],
        {},
        {"label": 3, "description": "x", "sampler": None, "offline": None, "members": 1},
    ],
    "method": ["ours", "", "../x", 3],
    "task": ["hopper", "", None],
    "outputs": [[], "x", {"progress.csv": 3}, {"progress.csv": {}}, {"progress.csv": {"sha256": "ab", "rows": 3}}],
}


def _edit_info(directory: Path, random: Random) -> str:
    path = directory / STRANGER / "run.json"
    info = json.loads(path.read_text())
    key = random.choice(sorted(_VALUES))
    info[key] = random.choice(_VALUES[key])
    path.write_text(json.dumps(info))
    return REFUSE


def _edit_figures(directory: Path, random: Random) -> str:
    path = directory / STRANGER / "run.json"
    info = json.loads(path.read_text())
    info["method_settings"]["figures"] = random.choice(["fig_3", [3], [None], {"a": 1}, [["fig_3"]]])
    path.write_text(json.dumps(info))
    return REFUSE


def _odd_info(directory: Path, random: Random) -> str:
    """Strange, but right."""
    path = directory / STRANGER / "run.json"
    info = json.loads(path.read_text())
    info |= random.choice(
        [
            {"more": {"nested": [1, {"x": None}]}},
            {"settings": {"a": {"b": {"c": [1, 2, {"d": 5}]}}, "=x": "=1+1", "<b>": "</script>"}},
            {"packages": {}, "cpu": None, "gpu": "<img>"},
            {"started": "2026-11-21T10:00:00+05:00", "ended": "2026-11-21T10:00:30+02:00"},
            {"settings": {}, "dataset_transitions": None},
        ]
    )
    path.write_text(json.dumps(info))
    return ANY


def _text_info(directory: Path, random: Random) -> str:
    path = directory / STRANGER / "run.json"
    text = path.read_text()
    changed = [
        text.replace('"seed": 0', '"seed": 0, "seed": 1', 1),
        text.replace('"settings": {', f'"settings": {{"x": {_DEEP}, ', 1),
        text.replace('"seed": 0', '"seed": ' + "9" * 5000, 1),
        text.replace('"wall_seconds": 60.5', '"wall_seconds": 1e999', 1),
        "[]",
        "null",
        _DEEP,
        text + text,
        text.replace(
            '"settings": {', '"settings": {' + "".join(f'"k{i}": 1, ' for i in range(60_000)) + '"k1": 1, ', 1
        ),
        text.replace('"seed": 0', '"sha256": "ab", "seed": 0', 1),
    ]
    path.write_text(random.choice(changed))
    return REFUSE


# ------------------------------------------------------------------------------------------------- progress.csv

_CELLS = {
    "env_steps": ["", "-1", "0.5", "1e30", "nan", "inf", "1_000", "١٢", "x", " 5", "0x10", "9" * 200_000],
    "gradient_steps": ["", "-1", "0.5", "nan", "1e300", "1_0"],
    "eval_episodes": ["", "0", "-5", "2.5", "nan"],
    "return_mean": ["", "1e308", "1e16", "nan", "inf", "-inf", "1_000", "high", "1e999", "--5", "1,5"],
    "return_std": ["-3", "nan", "inf", "x"],
    "return_min": ["1e9", "nan", "x"],
    "return_max": ["-1e9", "inf", "x"],
    "normalized_score": ["95", "nan", "-1e5", "x"],
    "offline_fraction": ["1.5", "-0.1", "nan", "50%"],
    "q_auroc": ["2", "inf", "x"],
    "q_mean": ["inf", "nan", "1_0"],
    "wall_seconds": ["-1", "nan"],
    "alpha": ["-1", "inf"],
}


def _rows(directory: Path) -> tuple[Path, list[list[str]]]:
    path = directory / STRANGER / "progress.csv"
    return path, list(csv.reader(io.StringIO(path.read_text())))


def _write(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue())


def _edit_cell(directory: Path, random: Random) -> str:
    path, rows = _rows(directory)
    column = random.choice(sorted(_CELLS))
    rows[random.randrange(1, len(rows))][rows[0].index(column)] = random.choice(_CELLS[column])
    _write(path, rows)
    return REFUSE


def _edit_rows(directory: Path, random: Random) -> str:
    path, rows = _rows(directory)
    changed = [
        rows[:1],
        [],
        [rows[0], rows[2], rows[1]],
        [rows[0], rows[1], rows[1]],
        [[*rows[0], "loss"], *([*row, "1"] for row in rows[1:])],
        [row[:-1] for row in rows],
        [[*rows[0], "alpha"], *([*row, "1"] for row in rows[1:])],
        [rows[0], [*rows[1], "5"]],
        [rows[0], []],
        [["\x00" * 3, *rows[0][1:]], *rows[1:]],
    ]
    _write(path, random.choice(changed))
    return REFUSE


# ---------------------------------------------------------------------------------------------------- settings


def _scale(directory: Path) -> None:
    micro_scale(directory / "micro.yaml")


_LINES = [
    *("seeds: yes", "seeds: 0", "seeds: -1", "seeds: 1000000000", "seeds: 1.5", "seeds: '2'", "seeds: .inf"),
    *("members: true", "members: .nan", "members: 0", "members: [2]", "members: 99999999999999999999999"),
    *("tasks: [halfcheetah, halfcheetah]", "tasks: []", "tasks: [x]", "tasks: halfcheetah", "tasks: [3]"),
    *("datasets: [medium, medium]", "datasets: []", "datasets: [../x]", "datasets: medium", "datasets: {a: 1}"),
    *("methods: {}", "methods: [ours]", "methods: {x: ['*/*']}", "methods: {ours: [none]}", "methods: {ours: 3}"),
    *("network: {width: 0}", "network: {width: 1.5}", "network: 3", "network: {width: 16, depth: 2, x: 1}"),
    *("cql: {steps: true}", "cql: {steps: 0}", "cql: {min_q_weight: .inf}", "cql: {min_q_weight: .nan}"),
    *("cql: {policy_lr: 0}", "cql: {policy_lr: .nan}", "cql: {policy_lr: 5}", "cql: {entropy_in_backup: 1}"),
    *(
        "sac: {discount: 1}",
        "sac: {discount: .inf}",
        "sac: {batch: '16'}",
        "bcq: {widths: []}",
        "bcq: {widths: [0]}",
    ),
    *("likelihood: {widths: []}", "likelihood: {validation: 2}", "cost: {members: []}", "collect: {replay: x}"),
    *("overrides: {'*/medium': {cql: {steps: no}}}", "overrides: {x: {cql: {steps: 3}}}", "overrides: [1]"),
    *("name: ../x", "name: ''", "name: 3", "source: x", "wall_time: 3", "finetuning: {env_steps: 31}", "x: 1"),
    *("extends: nowhere", "extends: micro.yaml", "extends: [a]", "extends: ''", "name: micro\nname: micro"),
    *(
        "own_tasks: {hopper: {env_id: x}}",
        "own_tasks: [ant]",
        "own_tasks: {'../x': {env_id: Ant-v4}}",
        "own_tasks: 3",
    ),
    *("seeds: 010", "seeds: 1:30", "seeds: 0x2", "a: !!int ''", "seeds: !!float ''", "a: !!bool x", "a: !!int _"),
    *(
        "finetuning: {env_steps: 120, epoch_steps: 1}",
        "a: &a [*a]",
        "a: &a {b: *a}",
        "? [a]\n: b",
        "!!python/object/apply:os.system ['x']",
        "a: !!timestamp x",
    ),
]


def _edit_scale(directory: Path, random: Random) -> str:
    """A line that replaces what the file says."""
    path = directory / "micro.yaml"
    line = random.choice(_LINES)
    key = line.split(":")[0]
    kept, skipping = [], False
    for row in path.read_text().splitlines():
        if row[:1] not in {" ", "-"}:
            skipping = row.startswith(f"{key}:")
        if not skipping:
            kept.append(row)
    path.write_text("\n".join([*kept, line]) + "\n")
    return REFUSE


def _bomb(directory: Path, random: Random) -> str:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, random.choice([4, 7, 10]))]
    deep = random.choice([200, 500, 2000])
    text = random.choice(
        [
            "\n".join(levels),
            "a: " + "[" * deep + "]" * deep,
            "a: " + "{b: " * deep + "}" * deep,
            "\n".join(f"k{i}: 1" for i in range(100_000)),
            "seeds: " + "9" * 100_000,
            "name: " + "a" * 1_000_000,
            "\x00\x01",
            "- " * 10_000,
        ]
    )
    path = directory / "micro.yaml"
    path.write_text(random.choice([path.read_text(), ""]) + text + "\n")
    return REFUSE


def _encoding(directory: Path, random: Random) -> str:
    path = directory / "micro.yaml"
    text = path.read_text()
    path.write_bytes(
        random.choice([b"\xff\xfe\x00", b"\xc3\x28" + text.encode(), text.encode("utf-16"), b"", b"\x00"])
    )
    return REFUSE


# ------------------------------------------------------------------------------------------------------- tables

_TABLES = [
    *(
        f"results/quick/local/analysis/{name}"
        for name in ("curves.csv", "runs.csv", "pretrain.csv", "provenance.json")
    ),
    *(f"results/quick/local/analysis/{name}" for name in ("claims.csv", "claim_units.csv", "differences.csv")),
]


def _edit_tables(directory: Path, random: Random) -> str:
    path = directory / random.choice(_TABLES)
    if path.suffix == ".json":
        path.write_text(random.choice(["{}", "[3]", "[{}]", "null", "", "[" * 500]))
        return REFUSE
    lines = path.read_text().splitlines()
    head = lines[0].split(",")
    changed = ["", "\n", "a,b\n1,2\n", ",".join(head[1:]) + "\n", lines[0][1:] + "\n", "\x00" * 100]
    path.write_text(random.choice(changed))
    return REFUSE


def _removed(directory: Path, random: Random) -> str:
    path = directory / random.choice(_TABLES[:4])
    path.unlink()
    return REFUSE


_INFO: Spoil = one_of(
    in_bytes(f"{STRANGER}/run.json", meaning=ANY), _edit_info, _edit_info, _edit_figures, _odd_info, _text_info
)
_PROGRESS: Spoil = one_of(in_bytes(f"{STRANGER}/progress.csv", meaning=ANY), _edit_cell, _edit_cell, _edit_rows)

DOORS = [
    Door(
        "scale",
        _scale,
        one_of(in_bytes("micro.yaml", meaning=ANY), _edit_scale, _edit_scale, _bomb, _encoding),
        (("plan", "--scale", "micro.yaml"),),
        _nothing,
    ),
    Door("run.json", _results, _INFO, CHAIN, _nothing),
    Door("progress.csv", _results, _PROGRESS, CHAIN, _nothing),
    Door(
        "tables",
        _tables,
        one_of(in_bytes(*_TABLES, meaning=ANY), _edit_tables, _removed),
        (("report", "--scale", "quick", "--figures", "fig_3"),),
        _nothing,
    ),
]
