"""Roll-outs in lock-step: the same episodes as one at a time, cut at the horizon."""

from dataclasses import replace

import numpy as np
import pytest

from off2on.envs.rollout import Floats, Rollout, episode_seeds
from off2on.envs.tasks import get_task

HOPPER = get_task("hopper")
SHORT = replace(HOPPER, horizon=15)


class Elementwise:
    """A restless policy that works on each row alone, to the last bit; it remembers the size of each call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, observations: Floats) -> Floats:
        self.calls.append(len(observations))
        return 2 * np.mod(100 * observations[:, 5:8], 1) - 1


@pytest.mark.parametrize("lanes", [2, 3, 8])
def test_lock_step_equals_one_at_a_time(lanes: int) -> None:
    seeds = [5, 1, 9, 4, 7]
    together = Rollout(HOPPER, lanes).episodes(Elementwise(), seeds)
    alone = Rollout(HOPPER, 1)
    for seed, episode in zip(seeds, together, strict=True):
        (single,) = alone.episodes(Elementwise(), [seed])
        np.testing.assert_array_equal(episode.observations, single.observations)
        np.testing.assert_array_equal(episode.actions, single.actions)
        assert episode.total == single.total
        assert episode.terminal == single.terminal
    assert len({len(episode) for episode in together}) > 1


def test_one_policy_call_a_step_and_a_free_lane_takes_the_next_seed() -> None:
    policy = Elementwise()
    episodes = Rollout(HOPPER, 2).episodes(policy, [1, 2, 3])
    lengths = [len(episode) for episode in episodes]
    assert sum(policy.calls) == sum(lengths)
    # lanes work side by side until no seed waits: never more calls than the longest lane's steps
    lanes = sorted(lengths[:2])
    assert len(policy.calls) == max(lanes[1], lanes[0] + lengths[2])
    assert policy.calls[0] == 2


def test_the_horizon_cuts_without_a_terminal() -> None:
    (episode,) = Rollout(replace(HOPPER, horizon=4), 1).episodes(Elementwise(), [0])
    assert len(episode) == 4
    assert episode.complete
    assert not episode.terminal
    assert episode.terminals.tolist() == [0, 0, 0, 0]
    assert episode.observations.shape == (5, 11)


def test_a_fall_is_a_terminal_on_the_last_row() -> None:
    (episode,) = Rollout(HOPPER, 1).episodes(Elementwise(), [0])
    assert episode.terminal
    assert episode.complete
    assert episode.terminals.sum() == 1
    assert episode.terminals[-1] == 1


@pytest.mark.parametrize("lanes", [1, 3])
def test_explore_gives_exactly_the_steps_of_each_lane(lanes: int) -> None:
    policy = Elementwise()
    episodes = Rollout(SHORT, lanes).explore(policy, 40, np.random.default_rng(0))
    assert policy.calls == [lanes] * 40
    assert sum(len(episode) for episode in episodes) == 40 * lanes
    assert max(len(episode) for episode in episodes) <= 15
    # every end but the last of each lane is a fall or the horizon
    cut = [episode for episode in episodes if not episode.terminal and len(episode) < 15]
    assert cut == [e for e in episodes[-lanes:] if not e.terminal and len(e) < 15]
    for episode in episodes:
        assert episode.complete == (episode.terminal or len(episode) == 15)
        assert len(episode.observations) == len(episode) + 1
        assert episode.terminals[-1] == episode.terminal


def test_explore_repeats_from_the_same_generator() -> None:
    first, second = (Rollout(SHORT, 2).explore(Elementwise(), 30, np.random.default_rng(3)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.observations, b.observations)
    other = Rollout(SHORT, 2).explore(Elementwise(), 30, np.random.default_rng(4))
    assert not np.array_equal(first[0].observations[0], other[0].observations[0])


def test_episode_seeds_differ_and_repeat() -> None:
    seeds = episode_seeds(np.random.default_rng(0), 10)
    assert len(set(seeds)) == 10
    assert seeds == episode_seeds(np.random.default_rng(0), 10)
