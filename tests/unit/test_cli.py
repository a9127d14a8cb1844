"""What a person at a terminal sees: help with examples, and one message without a traceback for an error."""

import sys
from pathlib import Path

import pytest

from off2on.cli import EXAMPLES, app, main
from off2on.paths import Layout
from tests.conftest import MICRO


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["off2on", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_every_job_has_an_example_in_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {command.name for command in app.registered_commands}
    assert names == set(EXAMPLES)
    assert run(monkeypatch, "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"off2on {name} {words}" in shown for name, words in EXAMPLES.items())


def test_the_example_of_aggregate_gathers_every_kind_of_job() -> None:
    layout = Layout("quick", "local")
    patterns = EXAMPLES["aggregate"].split()[2:]
    paths = (
        layout.pretrain("hopper", "medium", "cql", 0),
        layout.run("hopper", "medium", "ours", 0),
        layout.likelihood("hopper", "medium", 0),
    )
    assert [[path.match(pattern) for pattern in patterns].count(True) for path in paths] == [1, 1, 1]


ERRORS = {
    "unknown task 'cheetah'; known tasks: halfcheetah": ("collect", "--task", "cheetah", "--dataset", "medium"),
    "unknown dataset 'medum'": ("collect", "--task", "halfcheetah", "--dataset", "medum"),
    "unknown scale: no file": ("plan", "--scale", "huge"),
    "unknown offline algorithm 'iql'; known algorithms: cql": (
        *("pretrain", "--task", "halfcheetah", "--dataset", "medium", "--algorithm", "iql"),
    ),
    "unknown method 'our'; known methods: ours": (
        *("finetune", "--task", "halfcheetah", "--dataset", "medium", "--method", "our"),
    ),
    "method 'ours' needs --dataset with an offline dataset (got 'none')": (
        *("finetune", "--task", "halfcheetah", "--method", "ours"),
    ),
    "method 'sac' needs --dataset none (got 'medium')": (
        *("finetune", "--task", "halfcheetah", "--dataset", "medium", "--method", "sac"),
    ),
    "medium.hdf5": ("pretrain", "--task", "halfcheetah", "--dataset", "medium"),
}


@pytest.mark.parametrize("message", ERRORS)
def test_an_error_is_one_message_and_status_2(
    message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    scale = () if "--scale" in ERRORS[message] else ("--scale", MICRO)
    assert run(monkeypatch, *ERRORS[message], *scale) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("off2on: error: ")
    assert message in shown
    assert shown.count("\n") == 1
    assert not list(tmp_path.rglob("*.safetensors")), "nothing that counts as complete"
