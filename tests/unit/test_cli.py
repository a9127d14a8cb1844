"""What a person at a terminal sees: help with examples, and one message without a traceback for an error."""

import re
import sys
from pathlib import Path

import pytest

from off2on.algorithms import OFFLINE
from off2on.cli import EXAMPLES, app, main
from off2on.data.dataset import read_dataset
from off2on.data.sources import SOURCES
from off2on.jobs import FinetuneJob, Job
from off2on.paths import Layout
from off2on.training.finetune import finetune
from off2on.training.pretrain import pretrain
from tests.unit.small import HOPPER, inputs_of, training, tuning, write_data


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The status of a command."""
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
    shown = capsys.readouterr().out
    assert all(len(line) <= 80 for line in shown.splitlines())
    # as a shell reads them: a backslash at the end of a line joins it with the next
    whole = " ".join(re.sub(r"\\\s*\n", " ", shown).split())
    assert all(f"off2on {name} {words}" in whole for name, words in EXAMPLES.items())


def test_the_example_of_aggregate_gathers_every_kind_of_job() -> None:
    layout = Layout("quick", "local")
    patterns = EXAMPLES["aggregate"].split()[2:]
    paths = (
        layout.pretrain("hopper", "medium", "cql", 0),
        layout.run("hopper", "medium", "ours", 0),
        layout.likelihood("hopper", "medium", 0),
    )
    assert [[path.match(pattern) for pattern in patterns].count(True) for path in paths] == [1, 1, 1]


def test_fine_tuning_from_pixels_asks_for_the_selection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--scale", "smoke", "--task", "pick-place", "--dataset", "mixed", "--method", "ours")
    assert run(monkeypatch, "finetune", *words) == 2
    told = capsys.readouterr().err
    assert "selected/pick-place/mixed/cql/seed0 is missing: choose the best step first, off2on select" in told


def test_the_help_lists_what_source_and_algorithm_may_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(monkeypatch, "pretrain", "--help") == 0
    shown = capsys.readouterr().out
    assert ", ".join(SOURCES) in " ".join(shown.split())
    assert ", ".join(OFFLINE) in " ".join(shown.split())
    assert "seed of every random number" in shown


def test_a_job_refuses_a_scale_with_a_misspelt_pattern(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: smoke\nname: own\noverrides: {'*/medum': {members: 3}}\n")
    assert run(monkeypatch, "plan", "--scale", path) == 2
    assert f"{path}: overrides.'*/medum' fits no" in capsys.readouterr().err


ERRORS = {
    "unknown task 'cheetah'; did you mean 'halfcheetah'? known tasks: halfcheetah": (
        "collect",
        "--task",
        "cheetah",
        "--dataset",
        "medium",
    ),
    "unknown halfcheetah dataset 'medum'": ("collect", "--task", "halfcheetah", "--dataset", "medum"),
    "unknown scale: no file": ("plan", "--scale", "huge"),
    "unknown offline algorithm 'td3'; known offline algorithms: awac": (
        *("pretrain", "--task", "halfcheetah", "--dataset", "medium", "--algorithm", "td3"),
    ),
    "unknown method 'our'; did you mean 'ours'? known methods: ours": (
        *("finetune", "--task", "halfcheetah", "--dataset", "medium", "--method", "our"),
    ),
    "method 'ours' needs --dataset with an offline dataset (got 'none')": (
        *("finetune", "--task", "halfcheetah", "--method", "ours"),
    ),
    "method 'sac' needs --dataset none (got 'medium')": (
        *("finetune", "--task", "halfcheetah", "--dataset", "medium", "--method", "sac"),
    ),
    "or use --source local (snakemake: --config source=local)": (
        *("collect", "--task", "halfcheetah", "--dataset", "medium", "--source", "d4rl-v0"),
    ),
    "medium.hdf5": ("pretrain", "--task", "halfcheetah", "--dataset", "medium"),
}


@pytest.mark.parametrize("message", ERRORS)
def test_an_error_is_one_message_and_status_2(
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    micro_yaml: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    scale = () if "--scale" in ERRORS[message] else ("--scale", micro_yaml)
    assert run(monkeypatch, *ERRORS[message], *scale) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("off2on: error: ")
    assert message in shown
    assert shown.count("\n") == 1
    assert not list(tmp_path.rglob("*.safetensors")), "nothing that counts as complete"


# ------------------------------------------------------------------------------- what was trained is put to use


def trained(job: Job, directory: Path) -> Path:
    """The directory of a finished job."""
    out = directory / "trained"
    if isinstance(job, FinetuneJob):
        finetune(job, inputs_of(job, directory), out)
    else:
        pretrain(job, write_data(directory / "data.hdf5"), None, out)
    return out


@pytest.mark.parametrize(
    "job",
    [training("awac"), training("bcq"), tuning("ours"), tuning("awac"), tuning("bcq-ft")],
    ids=lambda job: f"{job.kind} {job.name}",
)
def test_trained_agents_can_be_evaluated_and_collected_with(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, micro_yaml: Path
) -> None:
    directory = trained(job, tmp_path)
    capsys.readouterr()
    assert run(monkeypatch, "evaluate", directory, "--task", "hopper", "--episodes", 2) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:-5] for line in lines] == [["member", "0"], ["member", "1"], ["ensemble"]]
    assert len({tuple(line[-2:]) for line in lines}) > 1
    for line in lines:
        assert float(line[-4]) == pytest.approx(sum(map(float, line[-2:])) / 2, abs=0.6)

    out = tmp_path / "own.hdf5"
    common = ("--task", "hopper", "--dataset", "own", "--scale", micro_yaml)
    assert run(monkeypatch, "collect", *common, "--agents", directory, "--out", out) == 0
    dataset = read_dataset(out, HOPPER)
    assert len(dataset) == 2000
    assert dataset.attributes["recipe"] == "members of trained"


def test_agents_of_another_task_are_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    directory = trained(training("awac"), tmp_path)
    capsys.readouterr()
    assert run(monkeypatch, "evaluate", directory, "--task", "walker2d") == 2
    shown = capsys.readouterr().err
    assert "task is 'hopper', but agents with 'walker2d' are needed" in shown
    assert shown.count("\n") == 1
