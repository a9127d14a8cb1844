"""Does offline RL learn pick-place from what the simulator knows? A control for the runs from pixels.

    python benchmarks/pick_place_from_state.py cql --data halves --out curve.csv
    python benchmarks/pick_place_from_state.py cql --data halves --pick rest --set sampled_actions=1

Data: `whole` demonstrations of the task; `halves`, picks without reward and places with it; `mixed`, random
transitions besides, 56 % of all (fewer with --random; the paper has half). A row of the table is an
evaluation: shares of deterministic episodes with success at any and at the last step and with the object lifted,
the same of sampled actions, and of places from the gripper. CQL takes three minutes on an idle core.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import yaml
from numpy.typing import NDArray
from tqdm import tqdm

from off2on.agents.interface import OfflineAgent, agent_module
from off2on.agents.twins import q_values
from off2on.algorithms.algorithm import Sizes
from off2on.analysis.csv_tables import write_csv
from off2on.config import Network
from off2on.envs.manipulation import scripts
from off2on.envs.manipulation.env import ManipulationEnv, Setup
from off2on.envs.manipulation.scene import TRAY
from off2on.observations import ObservationSpec
from off2on.replay.store import TransitionStore
from off2on.settings import Settings
from off2on.training.progress import progress_bar

Floats = NDArray[np.float32]
Rng = np.random.Generator
Script = Callable[[ManipulationEnv], scripts.Script]
WHOLE, HELD = Setup("pick-place", "placed"), Setup("pick-place", "placed", start_in_gripper=True)
HORIZON, PLACING, PICKING = 40, 25, 18
ATTEMPTS, RANDOM = 500, 690
#: these differ from COG's: small batches for minutes instead of hours, and ten actions of each kind in the
#: conservative term instead of one, with which the policy is lost between the gripper's two commands
SECTIONS: dict[str, dict[str, Any]] = {
    "cql": {"batch": 128, "sampled_actions": 10, "min_q_weight": 1.0, "policy_lr": 3e-4, "bc_steps": 3000},
    "iql": {"batch": 128},
}
#: an object above it was lifted
LIFTED = -0.3
FIRST_SEED = 20_000


class StateEnv:
    """Pick-place seen as a vector of what the simulator knows."""

    def __init__(self, setup: Setup) -> None:
        self.env = ManipulationEnv(setup, images=False)

    def reset(self, seed: int) -> Floats:
        """The first vector of the episode of that seed."""
        return self._vector(self.env.reset(seed=seed)[0]["state"])

    def step(self, action: Floats) -> tuple[Floats, float]:
        """The next vector and the reward."""
        observation, reward, *_ = self.env.step(action)
        return self._vector(observation["state"]), reward

    def _vector(self, state: Floats) -> Floats:
        """`[17]`: hand 3, fingers 2, gripper, tilt 3, object 3, from the hand 3, from the tray 2."""
        # of the rotation its diagonal: the sign of a quaternion jumps
        tilt = np.array(self.env.data.site("ee").xmat)[[0, 4, 8]]
        place = self.env.object
        parts = [state[:3], state[7:], tilt, place, place - self.env.hand, place[:2] - TRAY]
        return np.concatenate(parts).astype(np.float32)


class Episodes(NamedTuple):
    """Vectors `[N, T + 1, 17]`, actions `[N, T, 8]`, rewards `[N, T]`."""

    vectors: Floats
    actions: Floats
    rewards: Floats


def pick_and_rest(env: ManipulationEnv) -> scripts.Script:
    """Stays where the object has left the table: nothing leads from there to where places start."""
    yield from scripts.grasp(env, scripts.TABLE)
    yield from scripts.rest(env)


#: `return` is that of the datasets: it lifts on the way back to where places start
PICKS: dict[str, Script] = {"return": scripts.pick, "rest": pick_and_rest}


def collect(setup: Setup, script: Script | None, steps: int, count: int, rng: Rng, paid: bool = True) -> Episodes:
    """Attempts of a script, or of uniform actions without one."""
    env = StateEnv(setup)
    episodes = []
    with progress_bar("random" if script is None else script.__name__, count, "episode") as bar:
        for _ in range(count):
            episodes.append(_episode(env, script, steps, rng))
            bar.update()
    vectors, actions, rewards = (np.array(kind, np.float32) for kind in zip(*episodes, strict=True))
    return Episodes(vectors, actions, rewards * paid)


def _episode(
    env: StateEnv, script: Script | None, steps: int, rng: Rng
) -> tuple[list[Any], list[Any], list[float]]:
    vectors, actions, rewards = [env.reset(int(rng.integers(2**31)))], [], []
    commands = None if script is None else script(env.env)
    for _ in range(steps):
        uniform = rng.uniform(-1, 1, 8).astype(np.float32)
        action = uniform if commands is None else scripts.noisy(next(commands), rng)
        vector, reward = env.step(action)
        vectors.append(vector)
        actions.append(action)
        rewards.append(reward)
    return vectors, actions, rewards


def data(kind: str, pick: str, random: int, rng: Rng) -> dict[str, Episodes]:
    """The parts of the offline data, by name."""
    if kind == "whole":
        return {"whole": collect(WHOLE, scripts.pick_place, HORIZON, ATTEMPTS, rng)}
    halves = {
        "picks": collect(WHOLE, PICKS[pick], PICKING, ATTEMPTS, rng, paid=False),
        "places": collect(HELD, scripts.put, PLACING, ATTEMPTS, rng),
    }
    return halves if kind == "halves" else halves | {"random": collect(WHOLE, None, HORIZON, random, rng)}


class Scaling(NamedTuple):
    """Mean and standard deviation of the data's vectors."""

    mean: Floats
    std: Floats

    def __call__(self, vectors: Floats) -> Floats:
        """The standardised vectors."""
        return (vectors - self.mean) / self.std


def filled_store(parts: list[Episodes]) -> tuple[TransitionStore, Scaling]:
    """A store of all episodes with standardised vectors; time limits are no ends."""
    every = np.concatenate([part.vectors.reshape(-1, part.vectors.shape[-1]) for part in parts])
    scaling = Scaling(every.mean(0), every.std(0) + np.float32(1e-3))
    store = TransitionStore(ObservationSpec((every.shape[1],)), 8, sum(part.rewards.size for part in parts))
    for part in parts:
        for vectors, actions, rewards in zip(*part, strict=True):
            store.append(scaling(vectors), actions, rewards, np.zeros_like(rewards))
    return store, scaling


def values_by_part(agent: OfflineAgent, store: TransitionStore, parts: dict[str, Episodes]) -> dict[str, float]:
    """The mean value of 1,000 transitions of each part: of the data's actions, and of the policy's."""
    found, start = {}, 0
    for name, part in parts.items():
        rows = np.random.default_rng(0).integers(start, start := start + part.rewards.size, (1, 1000))
        batch = store.batch(rows)
        critic, seen = agent.nets["critic"], batch.observations
        chosen = agent.act(seen[0], None, 0)[None]
        with torch.no_grad():
            for what, actions in (("data", batch.actions), ("policy", chosen)):
                found[f"q_{name}_{what}"] = round(float(q_values(critic, seen, actions).mean()), 2)
    return found


class Shares(NamedTuple):
    """Of the episodes: success at any step and at the last one, the object lifted."""

    any: float
    last: float
    lifted: float


def evaluate(setup: Setup, policy: Callable[[Floats, Rng], Floats], steps: int, episodes: int) -> Shares:
    """Run a policy from the same first states every time."""
    env, found = StateEnv(setup), []
    for number in range(episodes):
        vector, rng = env.reset(FIRST_SEED + number), np.random.default_rng(number)
        rewards, lifted = [], False
        for _ in range(steps):
            vector, reward = env.step(policy(vector, rng))
            rewards.append(reward)
            lifted = lifted or bool(env.env.object[2] > LIFTED)
        found.append((max(rewards) > 0, rewards[-1] > 0, lifted))
    return Shares(*np.mean(found, 0).round(3).tolist())


def evaluation(agent: OfflineAgent, scaling: Scaling) -> dict[str, float]:
    """A row's columns of success."""

    def policy(vector: Floats, rng: Rng, explore: bool = False) -> Floats:
        noise = agent.acting_noise(rng, 1, explore=explore)
        return np.asarray(agent.act(torch.from_numpy(scaling(vector)[None]), noise, 0)[0])

    shares = {
        "mean": evaluate(WHOLE, policy, HORIZON, 50),
        "sampled": evaluate(WHOLE, lambda vector, rng: policy(vector, rng, explore=True), HORIZON, 50),
        "place": evaluate(HELD, policy, PLACING, 30),
    }
    return {f"{name}_{what}": share for name, found in shares.items() for what, share in found._asdict().items()}


def train(
    agent: OfflineAgent, store: TransitionStore, batch: int, rng: Rng, bar: "tqdm[Any]", steps: int
) -> float:
    """Gradient steps; the mean value of the data's actions."""
    values = []
    for _ in range(steps):
        minibatch = store.batch(rng.integers(store.size, size=(1, batch)))
        values.append(float(agent.update(minibatch, agent.draw_noise([rng], batch))["q_mean"]))
        bar.update()
    return round(float(np.mean(values)), 2)


def main() -> None:
    """Collect, then train and evaluate in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learner", choices=SECTIONS)
    parser.add_argument("--data", choices=("whole", "halves", "mixed"), default="mixed")
    parser.add_argument("--pick", choices=PICKS, default="return", help="how picks end (default: %(default)s)")
    parser.add_argument(
        "--random", type=int, default=RANDOM, help="random episodes of mixed (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--every", type=int, default=3000, help="steps between evaluations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=128, help="of two hidden layers")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of the learner")
    parser.add_argument("--out", type=Path, default=Path("pick_place_from_state.csv"))
    run(parser.parse_args())


def run(wanted: argparse.Namespace) -> None:
    """One curve, written after every evaluation."""
    torch.set_num_threads(1)
    changed = dict(pair.split("=", 1) for pair in wanted.set)
    section = SECTIONS[wanted.learner] | {key: yaml.safe_load(value) for key, value in changed.items()}
    settings = Settings.model_validate(
        {"network": Network(width=wanted.width, depth=2), "members": 1, wanted.learner: section}
    )
    collecting, weights, training = np.random.default_rng(wanted.seed).spawn(3)
    parts = data(wanted.data, wanted.pick, wanted.random, collecting)
    store, scaling = filled_store([*parts.values()])
    module, own = agent_module(wanted.learner), getattr(settings, wanted.learner)
    sizes = Sizes(ObservationSpec(store.observations.shape[1:]), 8)
    agent = module.offline_agent(module.init_nets(sizes, settings, [weights]), settings)
    labels = {name: getattr(wanted, name) for name in ("learner", "data", "pick", "random", "seed", "width")}
    rows = []
    with progress_bar(wanted.learner, wanted.steps, "step") as bar:
        for step in range(wanted.every, wanted.steps + 1, wanted.every):
            values = {"q_mean": train(agent, store, own.batch, training, bar, wanted.every)}
            values["q_bound"] = round(1 / (1 - own.discount), 1)
            rows.append({**labels, "settings": " ".join(wanted.set), "step": step, **values})
            rows[-1] |= values_by_part(agent, store, parts) | evaluation(agent, scaling)
            write_csv(pd.DataFrame(rows), wanted.out)
            bar.write(str(rows[-1]))


if __name__ == "__main__":
    main()
