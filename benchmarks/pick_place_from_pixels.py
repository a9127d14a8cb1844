"""What agents from pixels do with pick-place: the whole task, and from the gripper.

    python benchmarks/pick_place_from_pixels.py agent-5000.safetensors

A line for deterministic actions, members in turn, and one for sampled ones: shares of episodes with success at any
and at the last step and with the object lifted, and the same of episodes that start with it in the gripper.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from off2on.agents import cql
from off2on.algorithms.cql import Cql
from off2on.envs.manipulation.env import ManipulationEnv, Setup
from off2on.nn.state import unflatten

SETUPS = {
    "whole": (Setup("pick-place", "placed"), 40),
    "from the gripper": (Setup("pick-place", "placed", start_in_gripper=True), 25),
}
#: an object above it was lifted
LIFTED = -0.3
FIRST_SEED = 20_000


def agents(path: Path) -> cql.CqlAgent:
    """The members that a pre-training kept."""
    return cql.CqlAgent(unflatten(load_file(path)), Cql())


def shares(agent: cql.CqlAgent, setup: Setup, steps: int, episodes: int, explore: bool) -> Any:
    """Success at any step, at the last one, and lifted; members take turns."""
    env, found = ManipulationEnv(setup), []
    for number in range(episodes):
        rng, rewards, lifted = np.random.default_rng(number), [], False
        image = env.reset(seed=FIRST_SEED + number)[0]["image"]
        for _ in range(steps):
            noise = agent.acting_noise(rng, 1, explore=explore)
            action = agent.act(torch.from_numpy(image[None]), noise, number % agent.members)[0].numpy()
            observation, reward, *_ = env.step(action)
            image, lifted = observation["image"], lifted or bool(env.object[2] > LIFTED)
            rewards.append(reward)
        found.append((max(rewards) > 0, rewards[-1] > 0, lifted))
    env.close()
    return np.mean(found, 0).round(3).tolist()


def main() -> None:
    """Play."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("weights", type=Path)
    words.add_argument("--episodes", type=int, default=50)
    given = words.parse_args()
    torch.set_num_threads(1)
    agent = agents(given.weights)
    for explore in (False, True):
        print("sampled      " if explore else "deterministic", end="")
        for name, (setup, steps) in SETUPS.items():
            found = shares(agent, setup, steps, given.episodes, explore)
            print(f"  {name}: any, last, lifted {found}", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
