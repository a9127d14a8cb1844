"""Local datasets by D4RL's recipe, and the actors that they are rolled out from."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from off2on.agents.interface import agent_module
from off2on.algorithms import OFFLINE
from off2on.data.dataset import Dataset, read_dataset
from off2on.envs.rollout import Rollout
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.sections import Collect
from off2on.training import shipped
from off2on.training.actors import ActorRun, actor_policy, sac_epochs, train_actors
from off2on.training.collect import collect
from off2on.training.shipped import LEVELS, Levels, load_actor, ship, snapshot_names
from tests.unit.small import fresh_nets, tuning, write_agents, write_directory

HOPPER = get_task("hopper")
RUN = ActorRun("hopper", hidden=16, batch=16, lanes=2, lane_steps=60, updates=10, epochs=5, eval_episodes=1)
DATASETS = ["random", "medium", "medium-replay", "medium-expert"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny SAC run on hopper."""
    out = tmp_path_factory.mktemp("run")
    assert len(list(train_actors(RUN, out))) == RUN.epochs
    return out


@pytest.fixture
def actors(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Actors shipped from it, in a directory of their own."""
    monkeypatch.setattr(shipped, "ACTORS", tmp_path / "actors")
    ship(run, "hopper", medium_epoch=4, expert_epoch=5)
    return tmp_path / "actors" / "hopper"


def collected(tmp_path: Path, dataset: str, name: str = "data", **settings: object) -> Dataset:
    path = tmp_path / f"{name}.hdf5"
    collect(
        "hopper", dataset, Collect.model_validate({"transitions": 500, "replay": "snapshots"} | settings), path
    )
    return read_dataset(path, HOPPER)


@pytest.mark.parametrize("name", DATASETS)
def test_each_recipe_gives_a_valid_file(actors: Path, tmp_path: Path, name: str) -> None:
    dataset = collected(tmp_path, name)
    if name == "medium-expert":
        assert 500 < len(dataset) <= 1000
        assert (dataset.origin == 1).sum() == 500
    else:
        assert len(dataset) == 500
    assert dataset.terminals.sum() > 10
    assert not (dataset.terminals & dataset.timeouts).any()
    assert dataset.terminals[-1] or dataset.timeouts[-1]
    assert dataset.attributes["source"] == "local"
    assert dataset.attributes["task"] == "hopper"
    assert dataset.attributes["dataset"] == name
    assert dataset.attributes["env_id"] == "Hopper-v4"
    assert dataset.attributes["seed"] == 0
    assert json.loads(str(dataset.attributes["packages"]))["mujoco"]


def test_rows_follow_each_other_inside_an_episode(actors: Path, tmp_path: Path) -> None:
    dataset = collected(tmp_path, "medium")
    ends = dataset.terminals | dataset.timeouts
    step = np.abs(np.diff(dataset.observations[:, 0]))  # height: continuous but for a reset
    first, second = dataset.observations[:-1], dataset.observations[1:]
    assert step[~ends[:-1]].max() < 0.1
    # after an end comes a reset: all joints within 0.005 of rest, at height 1.25
    resets = second[ends[:-1]]
    assert np.abs(resets - [1.25, *[0] * 10]).max() < 0.006
    assert len(first) == 499


def test_the_random_dataset_is_uniform(tmp_path: Path) -> None:
    dataset = collected(tmp_path, "random")
    assert dataset.origin_names == ("random",)
    assert np.abs(dataset.actions).max() <= 1
    assert np.abs(dataset.actions.mean(0)).max() < 0.1
    assert np.square(dataset.actions).mean() == pytest.approx(1 / 3, abs=0.03)


def test_medium_is_drawn_from_the_policy(actors: Path, tmp_path: Path) -> None:
    dataset = collected(tmp_path, "medium")
    mean = actor_policy(load_actor("hopper", "medium"))(dataset.observations)
    noise = np.arctanh(np.clip(dataset.actions, -0.999, 0.999)) - np.arctanh(mean)
    assert np.abs(noise.mean(0)).max() < 0.2  # centred on the deterministic action
    assert noise.std(0).min() > 0.3  # and stochastic


def test_medium_expert_cuts_medium_at_its_last_complete_episode(actors: Path, tmp_path: Path) -> None:
    dataset = collected(tmp_path, "medium-expert")
    assert dataset.origin_names == ("medium", "expert")
    last = np.flatnonzero(dataset.origin == 0)[-1]
    assert dataset.terminals[last]
    assert dataset.timeouts[: last + 1].sum() == 0
    assert (np.diff(dataset.origin) >= 0).all()


@pytest.mark.parametrize("transitions", [8, 41, 400])
def test_snapshots_share_the_rows_equally(actors: Path, tmp_path: Path, transitions: int) -> None:
    assert snapshot_names("hopper") == [f"snapshot_{j:02d}" for j in range(4)]  # a run of 4 epochs to medium
    dataset = collected(tmp_path, "medium-replay", transitions=transitions)
    assert len(dataset) == transitions
    counts = np.bincount(dataset.origin, minlength=4)
    assert counts.max() - counts.min() <= 1
    for j in np.flatnonzero(counts):
        last = np.flatnonzero(dataset.origin == j)[-1]
        assert dataset.terminals[last] or dataset.timeouts[last]
    assert dataset.attributes["recipe"] == "medium-replay (snapshots)"


def test_episodes_end_at_the_time_limit(tmp_path: Path) -> None:
    path = tmp_path / "data.hdf5"
    collect("halfcheetah", "random", Collect(transitions=2500), path)
    dataset = read_dataset(path, get_task("halfcheetah"))
    assert np.flatnonzero(dataset.timeouts).tolist() == [999, 1999, 2499]
    assert not dataset.terminals.any()
    assert len(dataset.episode_returns()) == 2
    assert -600 < (dataset.mean_episode_return() or 0) < -50


def test_the_replay_buffer_is_what_sac_collected_up_to_medium(
    actors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = list(sac_epochs(RUN))
    best = max(epoch.row["return_mean"] for epoch in epochs)
    reached = next(j for j, epoch in enumerate(epochs) if epoch.row["return_mean"] >= best)
    monkeypatch.setitem(LEVELS, "hopper", Levels((best, best + 1), best))
    dataset = collected(tmp_path, "medium-replay", replay="buffer")
    episodes = [episode for epoch in epochs[: reached + 1] for episode in epoch.episodes]
    assert len(dataset) == (reached + 1) * RUN.lanes * RUN.lane_steps
    np.testing.assert_array_equal(dataset.actions, np.concatenate([e.actions for e in episodes]))
    np.testing.assert_array_equal(dataset.observations, np.concatenate([e.observations[:-1] for e in episodes]))
    assert dataset.timeouts.sum() == sum(not e.terminal for e in episodes)
    monkeypatch.setitem(LEVELS, "hopper", Levels((best + 1, best + 2), best))
    with pytest.raises(Off2OnError, match="did not reach medium level"):
        collected(tmp_path, "medium-replay", replay="buffer")


def test_the_same_arguments_give_the_same_bytes(actors: Path, tmp_path: Path) -> None:
    first, again, other = (
        collected(tmp_path, "medium", name, seed=s) for name, s in (("a", 0), ("b", 0), ("c", 1))
    )
    assert (tmp_path / "a.hdf5").read_bytes() == (tmp_path / "b.hdf5").read_bytes()
    assert first.sha256() == again.sha256() != other.sha256()


def test_progress_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collected(tmp_path, "random")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hopper/random: 100%" in captured.err


def own_dataset(agents: Path) -> Dataset:
    """101 rows of the members of a directory."""
    collect("hopper", "own", Collect(transitions=101), agents / "own.hdf5", agents)
    return read_dataset(agents / "own.hdf5", HOPPER)


@pytest.mark.parametrize("algorithm", OFFLINE)
def test_members_of_a_pretraining_share_the_rows(tmp_path: Path, algorithm: str) -> None:
    write_agents(tmp_path, algorithm)
    dataset = own_dataset(tmp_path)
    assert dataset.origin_names == ("member 0", "member 1")
    assert np.bincount(dataset.origin).tolist() == [51, 50]
    told = dataset.attributes
    assert told["agents"] == str(tmp_path)
    assert told["agent_sha256"] == sha256(tmp_path / "agent.safetensors")
    # stochastic, and each member by itself: no action repeats
    # actions are sampled; a wide policy clips some to the same corner
    assert len(np.unique(dataset.actions, axis=0)) > 90
    with pytest.raises(Off2OnError, match="agents with 'halfcheetah' are needed"):
        collect("halfcheetah", "own", Collect(transitions=101), tmp_path / "other.hdf5", tmp_path)
    assert not (tmp_path / "other.hdf5").exists()


@pytest.mark.parametrize("method", ["sac-ft", "awac", "bcq-ft"])
def test_members_of_a_run_share_the_rows(tmp_path: Path, method: str) -> None:
    job = tuning(method)
    agent = agent_module(job.method.online).online_agent(
        fresh_nets(job.method.online, members=job.members), job.settings
    )
    dataset = own_dataset(write_directory(tmp_path, job, agent.nets))
    assert np.bincount(dataset.origin).tolist() == ([101] if method == "sac-ft" else [51, 50])


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match="unknown task 'ant'"):
        collect("ant", "random", Collect(), tmp_path / "x")
    known = "known datasets: medium, medium-expert, medium-replay, random"
    with pytest.raises(Off2OnError, match=f"unknown dataset 'expert'; {known}"):
        collect("hopper", "expert", Collect(), tmp_path / "x")


@pytest.mark.parametrize(
    ("dataset", "replay"), [("medium", "buffer"), ("medium-replay", "snapshots"), ("medium-replay", "buffer")]
)
def test_missing_actors_say_how_to_make_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, replay: str
) -> None:
    monkeypatch.setattr(shipped, "ACTORS", tmp_path)
    with pytest.raises(Off2OnError, match="make them with `off2on train-actors --task hopper`"):
        collected(tmp_path, dataset, replay=replay)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_actor_is_named(actors: Path) -> None:
    path = actors / "medium.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Off2OnError, match=r"medium\.safetensors is damaged"):
        load_actor("hopper", "medium")


def test_a_run_of_actors_is_not_overwritten(run: Path) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(
        Off2OnError, match=r"log\.jsonl: .* holds a run already; choose another .* --out, or remove"
    ):
        next(train_actors(RUN, run))
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_actors_of_an_unknown_task_are_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match="unknown task 'ant'"):
        next(train_actors(replace(RUN, task="ant"), tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(Off2OnError, match="unknown task 'ant'"):
        ship(run, "ant")


def test_ship_picks_by_the_levels(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "ACTORS", tmp_path)
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    returns = [row["return_mean"] for row in rows]
    monkeypatch.setitem(LEVELS, "hopper", Levels((returns[2], returns[2]), max(returns)))
    chosen = ship(run, "hopper")["actors"]
    assert chosen["medium"] == {"epoch": 3, "return_mean": returns[2]}
    assert chosen["expert"]["return_mean"] == max(returns)
    assert [chosen[name]["epoch"] for name in snapshot_names("hopper")] == [1, 2, 3]
    assert (tmp_path / "hopper" / "log.jsonl").read_bytes() == (run / "log.jsonl").read_bytes()
    monkeypatch.setitem(LEVELS, "hopper", Levels((1e5, 2e5), max(returns)))
    with pytest.raises(Off2OnError, match="medium level"):
        ship(run, "hopper")
    with pytest.raises(Off2OnError, match="no such checkpoint for 'expert'"):
        ship(run, "hopper", medium_epoch=2, expert_epoch=99)
    monkeypatch.setitem(LEVELS, "hopper", Levels((0, 1e5), 100000))
    with pytest.raises(Off2OnError, match="an expert needs 100000"):
        ship(run, "hopper")
    with pytest.raises(Off2OnError, match=r"log\.jsonl: no such log"):
        ship(tmp_path, "hopper")


@pytest.mark.parametrize("task", sorted(path.name for path in shipped.ACTORS.iterdir() if path.is_dir()))
def test_shipped_actors_are_of_their_level(task: str) -> None:
    rollout = Rollout(get_task(task), 10)
    returns = {
        name: np.mean([e.total for e in rollout.episodes(actor_policy(load_actor(task, name)), list(range(10)))])
        for name in ("medium", "expert")
    }
    low, high = LEVELS[task].medium
    assert low <= returns["medium"] <= high
    assert returns["expert"] >= LEVELS[task].expert


@pytest.mark.parametrize("task", sorted(path.name for path in shipped.ACTORS.iterdir() if path.is_dir()))
def test_shipped_actors_are_small_and_say_where_they_come_from(task: str) -> None:
    directory = shipped.ACTORS / task
    assert sum(path.stat().st_size for path in directory.iterdir()) <= 3_000_000
    assert len(snapshot_names(task)) >= 10
    told = json.loads((directory / "settings.json").read_text())
    assert shipped.shipped_run(task).task == task
    for name, actor in told["actors"].items():
        log = "expert_log.jsonl" if name == "expert" and "expert_run" in told else "log.jsonl"
        rows = [json.loads(line) for line in (directory / log).read_text().splitlines()]
        assert {row["epoch"]: row["return_mean"] for row in rows}[actor["epoch"]] == actor["return_mean"]


def test_the_expert_may_come_from_another_run(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "ACTORS", tmp_path / "actors")
    other = tmp_path / "other"
    shutil.copytree(run, other)
    (other / "log.jsonl").write_text('{"epoch": 5, "return_mean": 9000.0}\n')
    told = ship(run, "hopper", medium_epoch=3, expert_epoch=5, expert_run=other)
    assert told["actors"]["expert"] == {"epoch": 5, "return_mean": 9000.0}
    assert told["expert_run"]["run"] == told["run"]
    assert (tmp_path / "actors/hopper/expert_log.jsonl").read_bytes() == (other / "log.jsonl").read_bytes()
