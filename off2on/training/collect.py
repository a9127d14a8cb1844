"""Local datasets by D4RL's recipe, rolled out from the shipped actors [S106]."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from off2on.data.dataset import Dataset, write_dataset
from off2on.envs.rollout import Episode, Floats, Policy, Rollout, episode_seeds
from off2on.envs.task import Task
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.sections import Collect
from off2on.seeding import Rng, stream
from off2on.training.actors import actor_policy, sac_epochs
from off2on.training.agents import stored_agents
from off2on.training.attributes import dataset_attributes
from off2on.training.evaluate import acting
from off2on.training.progress import progress_bar
from off2on.training.shipped import LEVELS, load_actor, shipped_run, snapshot_names

#: environments in lock-step
LANES = 16


@dataclass(frozen=True)
class Part:
    """The episodes that one policy gave, in time order; every end that is not a fall is a timeout."""

    origin: str
    episodes: list[Episode]


def collect(task_name: str, dataset_name: str, settings: Collect, out: Path, agents: Path | None = None) -> None:
    """Make one dataset file; the same arguments on one machine give the same bytes.

    random: uniform actions. medium: the medium actor, stochastic. medium-expert: medium, cut at its last complete
    episode, then expert. medium-replay: an equal share of each actor snapshot, or (`replay: buffer`) everything
    that a SAC run from scratch collects until it is of medium level, whatever `transitions` says. With `agents`,
    the name is only a name: every member of that pre-training directory gives an equal share, stochastically.

    Raises:
        Off2OnError: unknown task or dataset, actors missing, agents missing or of another kind or task, file not
            writable.
    """
    task = get_task(task_name)
    recipe = dataset_name
    if dataset_name == "medium-replay":
        recipe = f"{dataset_name} ({settings.replay})"
    if agents is not None:
        recipe = f"members of {agents.name}"
        parts = _members(task, settings, f"{task_name}/{dataset_name}", agents)
    elif recipe in RECIPES:
        parts = RECIPES[recipe](task, settings, f"{task_name}/{dataset_name}")
    else:
        known = ", ".join(sorted({name.split()[0] for name in RECIPES}))
        raise Off2OnError(f"unknown dataset '{dataset_name}'; known datasets: {known}")
    attributes = dataset_attributes(
        ("local", task.name, dataset_name), task.env_id, recipe, settings, "off2on.training.collect"
    )
    if agents is not None:
        attributes |= {"agents": str(agents), "agent_sha256": sha256(agents / "agent.safetensors")}
    write_dataset(out, gathered(parts, attributes, task))


def _random(task: Task, settings: Collect, title: str) -> list[Part]:
    def uniform(rng: Rng) -> Policy:
        return lambda observations: rng.uniform(-1, 1, (len(observations), task.action_size)).astype(np.float32)

    return roll(task, {"random": uniform}, [settings.transitions], settings.seed, title)


def _medium(task: Task, settings: Collect, title: str) -> list[Part]:
    return roll(task, _actors(task, ["medium"]), [settings.transitions], settings.seed, title)


def _medium_expert(task: Task, settings: Collect, title: str) -> list[Part]:
    shares = [settings.transitions] * 2
    medium, expert = roll(task, _actors(task, ["medium", "expert"]), shares, settings.seed, title)
    whole = medium.episodes if medium.episodes[-1].complete else medium.episodes[:-1]
    # a medium part shorter than one episode stays as it is
    return [replace(medium, episodes=whole or medium.episodes), expert]


def _snapshots(task: Task, settings: Collect, title: str) -> list[Part]:
    names = snapshot_names(task.name)
    shares = [len(share) for share in np.array_split(np.empty(settings.transitions), len(names))]
    return roll(task, _actors(task, names), shares, settings.seed, title)


def _members(task: Task, settings: Collect, title: str, agents: Path) -> list[Part]:
    members = stored_agents(agents, task).members
    policies: dict[str, Callable[[Rng], Policy]] = {
        f"member {i}": partial(acting, agent, explore=True) for i, agent in enumerate(members)
    }
    shares = [len(share) for share in np.array_split(np.empty(settings.transitions), len(members))]
    return roll(task, policies, shares, settings.seed, title)


def _buffer(task: Task, settings: Collect, title: str) -> list[Part]:
    """The replay buffer of the SAC run that made the shipped actors, with this seed, up to medium level."""
    run = replace(shipped_run(task.name), seed=settings.seed)
    level = LEVELS[task.name].medium[0]
    episodes: list[Episode] = []
    with progress_bar(f"{title}, SAC to return {level:.0f}", run.epochs, "epoch") as progress:
        for epoch in sac_epochs(run):
            episodes += epoch.episodes
            progress.update()
            progress.set_postfix({"return": round(epoch.row["return_mean"])})
            if epoch.row["return_mean"] >= level:
                return [Part("replay", episodes)]
    raise Off2OnError(
        f"SAC on {task.name}, seed {run.seed}: did not reach medium level ({level:.0f}) in {run.epochs} epochs"
    )


#: what makes each dataset; the key is what the attribute `recipe` says
RECIPES: dict[str, Callable[[Task, Collect, str], list[Part]]] = {
    "random": _random,
    "medium": _medium,
    "medium-expert": _medium_expert,
    "medium-replay (snapshots)": _snapshots,
    "medium-replay (buffer)": _buffer,
}


def _actors(task: Task, names: Sequence[str]) -> dict[str, Callable[[Rng], Policy]]:
    return {name: partial(actor_policy, load_actor(task.name, name)) for name in names}


def roll(
    task: Task, policies: dict[str, Callable[[Rng], Policy]], shares: Sequence[int], seed: int, title: str
) -> list[Part]:
    """Exactly `shares[j]` steps of policy `j`; its random numbers are its own."""
    many, one = Rollout(task, min(LANES, max(1, max(shares) // task.horizon))), Rollout(task, 1)
    parts = []
    with progress_bar(title, sum(shares), "step") as progress:
        for (name, make), share in zip(policies.items(), shares, strict=True):
            rng = stream("collect", title, seed, name)
            policy = _counted(make(rng), progress)
            parts.append(Part(name, _exactly(share, policy, many, one, rng)))
    return parts


def _exactly(steps: int, policy: Policy, many: Rollout, one: Rollout, rng: Rng) -> list[Episode]:
    """Episodes of `steps` steps in all: whole ones while they surely fit, then one by one, the last one cut."""
    episodes: list[Episode] = []
    while fits := steps // many.task.horizon:
        episodes += (new := many.episodes(policy, episode_seeds(rng, fits)))
        steps -= sum(map(len, new))
    return episodes + one.explore(policy, steps, rng) if steps else episodes


def _counted(policy: Policy, progress: Any) -> Policy:
    def act(observations: Floats) -> Floats:
        progress.update(len(observations))
        return policy(observations)

    return act


def gathered(parts: Sequence[Part], attributes: dict[str, Any], task: Task) -> Dataset:
    """The parts one after another as a dataset, with each row's origin."""
    parts = [part for part in parts if part.episodes]
    episodes = [episode for part in parts for episode in part.episodes]
    lengths = [sum(map(len, part.episodes)) for part in parts]
    return Dataset(
        observations=np.concatenate([e.observations[:-1] for e in episodes]),
        actions=np.concatenate([e.actions for e in episodes]),
        rewards=np.concatenate([e.rewards for e in episodes]),
        terminals=np.concatenate([e.terminals for e in episodes]) > 0,
        timeouts=np.concatenate([_timeouts(e) for e in episodes]),
        origin=np.repeat(np.arange(len(parts), dtype=np.uint8), lengths),
        origin_names=tuple(part.origin for part in parts),
        attributes=attributes,
        horizon=task.horizon,
        observation_key=task.observation.key,
    )


def _timeouts(episode: Episode) -> NDArray[np.bool_]:
    marks = np.zeros(len(episode), np.bool_)
    marks[-1] = not episode.terminal
    return marks
