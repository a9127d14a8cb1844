"""Data of the manipulation tasks: which rows are what, and that demonstrations solve halves of a task only."""

from pathlib import Path

import numpy as np
import pytest

from off2on.data.dataset import read_dataset, write_dataset
from off2on.envs.task import Task
from off2on.observations import ObservationSpec
from off2on.training.demonstrations import ORIGINS, RECIPES, Amounts, demonstrations

AMOUNTS = Amounts(prior_episodes=4, task_episodes=8, random=70, images=False)


@pytest.mark.parametrize("task", RECIPES)
def test_halves_and_random_rows(task: str) -> None:
    recipe, data = RECIPES[task], demonstrations(task, AMOUNTS, seed=0)
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


def test_a_seed_gives_the_same_data_and_more_of_one_kind_changes_no_other() -> None:
    first, again = (demonstrations("pick-place", AMOUNTS, seed=3) for _ in range(2))
    assert first.sha256() == again.sha256()
    fewer = demonstrations("pick-place", Amounts(2, 8, 70, images=False), seed=3)
    for number in (1, 2):
        ours, theirs = first.origin == number, fewer.origin == number
        np.testing.assert_array_equal(first.actions[ours], fewer.actions[theirs])
    assert demonstrations("pick-place", AMOUNTS, seed=4).sha256() != first.sha256()


def test_a_file_of_them_is_read(tmp_path: Path) -> None:
    data = demonstrations("pick-place", Amounts(1, 1, 40, images=False), seed=0)
    write_dataset(tmp_path / "mixed.hdf5", data)
    task = Task(
        "pick-place", "off2on/PickPlace-v0", ObservationSpec((48, 48, 3), "uint8", "image"), 8, 0.0, 1.0, 40
    )
    back = read_dataset(tmp_path / "mixed.hdf5", task)
    np.testing.assert_array_equal(back.observations, data.observations)
    assert back.sha256() == data.sha256()
