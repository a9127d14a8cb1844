"""Data of the manipulation tasks: which rows are what, and that demonstrations solve halves of a task only."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from off2on.data.dataset import Dataset, read_dataset
from off2on.envs.manipulation import scripts
from off2on.envs.manipulation.env import ManipulationEnv, Setup
from off2on.envs.tasks import get_task
from off2on.sections import Demonstrations
from off2on.training.demonstrations import ORIGINS, RECIPES, collect_demonstrations, demonstrations

AMOUNTS = Demonstrations(prior_episodes=4, task_episodes=8, random=70)


def made(task: str, workers: int = 1, **changes: float) -> Dataset:
    return demonstrations(task, AMOUNTS.model_copy(update=changes), workers, images=False)


@pytest.mark.parametrize("task", RECIPES)
def test_halves_and_random_rows(task: str) -> None:
    recipe, data = RECIPES[task], made(task)
    prior, paid, random = (data.origin == number for number in range(3))
    assert data.origin_names == ORIGINS
    assert [int(rows.sum()) for rows in (prior, paid, random)] == [
        4 * recipe.prior.steps,
        8 * recipe.task.steps,
        70,
    ]
    # the prior half is not rewarded, the task's half mostly is
    assert data.rewards[prior].sum() == 0
    episodes = data.rewards[paid].reshape(8, recipe.task.steps)
    assert np.isin(episodes, (0, 1)).all()
    assert (episodes.max(1) > 0).mean() >= 0.5
    assert data.timeouts[: 4 * recipe.prior.steps].reshape(4, -1).sum(1).tolist() == [1] * 4
    assert data.timeouts[-1]
    assert not data.terminals.any()
    assert np.abs(data.actions[random]).mean() == pytest.approx(0.5, abs=0.05)
    assert np.abs(data.actions).max() <= 1


def test_a_seed_gives_the_same_data_and_more_of_one_kind_changes_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    # several parts of each kind
    monkeypatch.setattr("off2on.training.demonstrations.PART_EPISODES", 2)
    first, again = (made("pick-place", seed=3) for _ in range(2))
    assert first.sha256() == again.sha256()
    fewer = made("pick-place", seed=3, prior_episodes=2)
    for number in (1, 2):
        ours, theirs = first.origin == number, fewer.origin == number
        np.testing.assert_array_equal(first.actions[ours], fewer.actions[theirs])
    assert made("pick-place", seed=4).sha256() != first.sha256()


@pytest.mark.parametrize("task", RECIPES)
def test_the_worse_script_fails_more_often(task: str) -> None:
    """Of 10 attempts of the first half: what it is for, done at the end."""
    half, reached = RECIPES[task].prior, {}
    env = ManipulationEnv(half.setup, images=False)
    for worse in (False, True):
        ends = []
        for seed in range(10):
            env.reset(seed=seed)
            rng = np.random.default_rng(seed)
            script = half.script(env, rng) if worse else half.script(env)
            for _ in range(half.steps):
                info = env.step(scripts.noisy(next(script), rng))[-1]
            ends.append(info["grasped" if task == "pick-place" else "opened"])
        reached[worse] = sum(ends)
    assert reached[False] >= 7
    assert reached[True] <= reached[False] - 2


def test_a_share_of_the_first_half_is_by_the_worse_script() -> None:
    as_usual, worse = made("pick-place"), made("pick-place", suboptimal=1.0)
    prior = as_usual.origin == 0
    assert not np.array_equal(as_usual.actions[prior], worse.actions[prior])
    np.testing.assert_array_equal(as_usual.actions[~prior], worse.actions[~prior])


def test_data_may_have_no_random_rows() -> None:
    data = made("pick-place", random=0)
    assert data.origin is not None
    assert set(data.origin.tolist()) == {0, 1}
    # its episodes are halves of the task, none is whole
    assert data.mean_episode_return() is None


def test_the_data_do_not_depend_on_the_number_of_processes() -> None:
    # one part of each kind
    assert made("pick-place", workers=2).sha256() == made("pick-place").sha256()


def test_the_first_half_of_pick_place_ends_where_the_second_begins() -> None:
    """Learners join the halves sooner where they overlap (docs/fidelity.md)."""
    ends = []
    env = ManipulationEnv(Setup("pick-place", "placed"), images=False)
    for seed in range(10):
        env.reset(seed=seed)
        script, rng = scripts.pick(env), np.random.default_rng(seed)
        for _ in range(RECIPES["pick-place"].prior.steps):
            env.step(scripts.noisy(next(script), rng))
        ends.append(np.concatenate([env.hand, env.object]))
    held = ManipulationEnv(Setup("pick-place", "placed", start_in_gripper=True), images=False)
    held.reset(seed=0)
    begins = np.concatenate([held.hand, held.object])
    assert np.median(np.abs(np.stack(ends) - begins), 0).max() < 0.05


@pytest.mark.parametrize("source", ["local", "d4rl-v0"])
def test_a_file_of_them_is_read(tmp_path: Path, source: str) -> None:
    path, settings = tmp_path / "mixed.hdf5", Demonstrations(prior_episodes=1, task_episodes=1, random=40)
    with pytest.MonkeyPatch.context() as patch:
        blind = "off2on.training.demonstrations.ManipulationEnv"
        patch.setattr(blind, lambda setup, images: ManipulationEnv(setup, images=False))
        collect_demonstrations((source, "pick-place", "mixed"), settings, path)
    named = {"source": source, "task": "pick-place", "dataset": "mixed"}
    back = read_dataset(path, get_task("pick-place"), named)
    assert len(back) == 18 + 25 + 40
    assert back.attributes["settings"] == settings.model_dump_json()
    with h5py.File(path) as file:
        stored = file["observations/image"]
        assert stored.compression == "gzip"
        assert stored.chunks[1:] == (48, 48, 3)
