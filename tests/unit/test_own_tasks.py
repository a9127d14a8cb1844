"""Tasks of a scale's file: known by their names, compared with their environments, trained on."""

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import yaml

from off2on.cli import main
from off2on.config import REPOSITORY
from off2on.data.dataset import read_dataset
from off2on.data.import_data import import_dataset
from off2on.envs.task import Task
from off2on.envs.tasks import TASKS, get_task
from off2on.errors import Off2OnError
from off2on.figures.panels import reference_returns
from off2on.own_tasks import check_environment
from off2on.scale import load_scale
from off2on.scale_jobs import pretrain_job, pretrainings, runs
from off2on.selection import select
from off2on.training.collect import collect
from off2on.training.pretrain import pretrain
from tests.conftest import micro_scale

EIGHT = gymnasium.spaces.Box(-1, 1, (8,))
EXAMPLE = REPOSITORY / "docs/examples/own_tasks.yaml"
OWN = {
    "ant": {"env_id": "Ant-v4", "observations": 27, "actions": 8, "random_return": -325.6, "expert_return": 3879.7}
}


@pytest.fixture(autouse=True)
def _only_the_projects_tasks_afterwards() -> Iterator[None]:
    before = dict(TASKS)
    yield
    TASKS.clear()
    TASKS.update(before)


def own_scale(path: Path, own: object, **changes: object) -> str:
    micro_scale(path)
    scale = yaml.safe_load(path.read_text()) | {"name": path.stem, "own_tasks": own, "datasets": ["random"]}
    path.write_text(yaml.safe_dump(scale | changes))
    return str(path)


def test_the_example_names_environments_as_they_are() -> None:
    scale = load_scale(str(EXAMPLE))
    assert scale.tasks == ("pendulum", "ant")
    for name in scale.tasks:
        check_environment(get_task(name))
    assert get_task("pendulum").horizon == 200
    assert get_task("pendulum").normalized(-150) == 100
    assert reference_returns("ant") == (-325.6, 3879.7)
    assert {run.task for run in runs(scale)} == {"pendulum", "ant"}
    # the same file again, as every job reads it
    assert load_scale(str(EXAMPLE)).own_tasks == scale.own_tasks


def test_config_can_select_it(tmp_path: Path) -> None:
    path = own_scale(tmp_path / "own.yaml", OWN, tasks=["ant", "hopper"])
    assert select({"scale": path, "tasks": ["ant"]}).scale.tasks == ("ant",)
    with pytest.raises(Off2OnError, match="unknown 'antt'; did you mean 'ant'"):
        select({"scale": path, "tasks": ["antt"]})


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"hopper": OWN["ant"]}, "own_tasks.hopper: 'hopper' is another task already"),
        ({"../x": OWN["ant"]}, r"own_tasks.*should match pattern"),
        ({"ant": OWN["ant"] | {"random_return": 9e9}}, "random_return must be below expert_return"),
        ({"ant": OWN["ant"] | {"observations": 0}}, "own_tasks.ant.observations: .* greater than or equal to 1"),
        ({"ant": {"env_id": "Ant-v4"}}, "own_tasks.ant.observations: Field required"),
        ({"ant": OWN["ant"] | {"gamma": 0.9}}, "own_tasks.ant.gamma: unknown key"),
    ],
)
def test_a_wrong_entry_is_named(own: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match=told):
        load_scale(own_scale(tmp_path / "own.yaml", own))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"env_id": "Nothing-v0"}, "gymnasium cannot make Nothing-v0"),
        ({"env_id": "CartPole-v1", "observations": 4}, "CartPole-v1 has actions Discrete.*vectors are needed"),
        ({"observations": 28}, r"own_tasks.ant: observations: Ant-v4 has 27 \(got 28\)"),
        ({"actions": 7}, r"actions: Ant-v4 has 8 \(got 7\)"),
        ({"horizon": 1001}, r"horizon: Ant-v4 ends after 1000 steps \(got 1001\)"),
    ],
)
def test_another_environment_than_the_file_says_is_refused(
    change: dict[str, object], told: str, tmp_path: Path
) -> None:
    load_scale(own_scale(tmp_path / "own.yaml", {"ant": OWN["ant"] | change}))
    with pytest.raises(Off2OnError, match=told):
        check_environment(get_task("ant"))


class _Plain(gymnasium.Env[Any, Any]):
    observation_space = gymnasium.spaces.Box(-1, 1, (27,))

    def __init__(self, actions: gymnasium.Space[Any]) -> None:
        self.action_space = actions


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: gymnasium.wrappers.TransformReward(_Plain(EIGHT), lambda reward: 10 * reward),
            "Odd-v0 is an environment inside TransformReward, and agents would play it without",
        ),
        (lambda: _Plain(gymnasium.spaces.Box(-np.inf, np.inf, (8,))), "has actions Box.*with bounds are needed"),
        (lambda: _Plain(gymnasium.spaces.Box(0, 9, (8,), np.int64)), "has actions Box.*floats"),
        (lambda: _Plain(EIGHT), None),
    ],
)
def test_what_would_not_be_played_as_it_is_is_refused(
    make: Callable[[], Any], told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(gymnasium.registry, "Odd-v0", raising=False)
    gymnasium.register("Odd-v0", entry_point=make, max_episode_steps=1000)
    load_scale(own_scale(tmp_path / "own.yaml", {"ant": OWN["ant"] | {"env_id": "Odd-v0"}}))
    with pytest.raises(Off2OnError, match=told) if told else nullcontext():
        check_environment(get_task("ant"))


def _says(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    """Run a command as a process does that has read no scale yet."""
    TASKS.pop("ant", None)
    monkeypatch.setattr(sys, "argv", ["off2on", *map(str, words)])
    with suppress(SystemExit):
        main()


def test_actors_of_an_own_task_can_be_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = own_scale(tmp_path / "own.yaml", OWN, tasks=["ant"])
    trained: list[Task] = []
    monkeypatch.setattr(
        "off2on.training.actors.train_actors", lambda run, _: trained.append(get_task(run.task)) or ()
    )
    _says(monkeypatch, "train-actors", "--task", "ant", "--out", tmp_path / "actors", "--scale", path)
    assert [task.env_id for task in trained] == ["Ant-v4"]


def test_an_own_task_is_collected_imported_and_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = own_scale(tmp_path / "own.yaml", OWN, tasks=["ant"], source="own")
    scale = load_scale(path)
    ant = get_task("ant")
    collect("ant", "random", scale.collect.model_copy(update={"transitions": 300}), tmp_path / "made.hdf5")
    named = {"source": "own", "task": "ant", "dataset": "random"}
    import_dataset(str(tmp_path / "made.hdf5"), tmp_path / "place.hdf5", ant, named)
    assert read_dataset(tmp_path / "place.hdf5", ant, named).observations.shape == (300, 27)
    (wanted,) = {job for job in pretrainings(runs(scale)) if job.algorithm == "awac"}
    pretrain(pretrain_job(scale, wanted), tmp_path / "place.hdf5", None, tmp_path / "agents")
    assert (tmp_path / "agents/run.json").is_file()
    _says(monkeypatch, "evaluate", tmp_path / "agents", "--task", "ant", "--episodes", 1, "--scale", path)
    assert capsys.readouterr().out.startswith("member 0   mean")
    # no shipped actor of it
    with pytest.raises(Off2OnError, match="ant"):
        collect("ant", "medium", scale.collect, tmp_path / "medium.hdf5")
