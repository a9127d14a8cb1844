"""How often the scripts of the manipulation tasks succeed, and how fast the environments step.

    python benchmarks/manipulation.py --episodes 200

Success at any step and at the last one, of the scripts of whole tasks with noise 0.1 on seeds 10000 and on; steps
a second of processor time with 48x48 pictures, of the scripts and of uniform actions.
"""

import argparse
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from off2on.envs.manipulation import scripts
from off2on.envs.manipulation.env import ManipulationEnv
from off2on.envs.tasks import get_task
from off2on.training.demonstrations import RECIPES

SCRIPTS = {
    "pick-place": scripts.pick_place,
    "grasp-closed-drawer": scripts.closed_drawer,
    "grasp-blocked-drawer": scripts.blocked_drawer,
}
FIRST_SEED = 10_000


def actions(
    env: ManipulationEnv, task: str, rng: np.random.Generator, random: bool
) -> Iterator[NDArray[np.float32]]:
    """What is executed in an episode."""
    if random:
        while True:
            yield rng.uniform(-1, 1, 8).astype(np.float32)
    for command in SCRIPTS[task](env):
        yield scripts.noisy(command, rng)


def play(task: str, episodes: int, images: bool, random: bool) -> tuple[float, float, float]:
    """Shares of success at any and at the last step, and steps a second of processor time."""
    env, horizon = ManipulationEnv(RECIPES[task].whole, images=images), get_task(task).horizon
    found, start = [], time.process_time()
    for seed in range(FIRST_SEED, FIRST_SEED + episodes):
        env.reset(seed=seed)
        played = islice(actions(env, task, np.random.default_rng(seed), random), horizon)
        rewards = [env.step(action)[1] for action in played]
        found.append((max(rewards) > 0, rewards[-1] > 0))
    seconds = time.process_time() - start
    env.close()
    anywhen, last = np.mean(found, 0)
    return float(anywhen), float(last), episodes * horizon / seconds


def main() -> None:
    """Play all tasks."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--episodes", type=int, default=200, help="of the scripts (default: %(default)s)")
    episodes = words.parse_args().episodes
    for task in SCRIPTS:
        anywhen, last, _ = play(task, episodes, images=False, random=False)
        *_, scripted = play(task, 20, images=True, random=False)
        *_, random = play(task, 20, images=True, random=True)
        print(
            f"{task:21} any {anywhen:.3f}  last {last:.3f}  {scripted:4.0f} steps/s scripted, {random:.0f} random",
            flush=True,
        )


if __name__ == "__main__":
    main()
