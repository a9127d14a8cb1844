"""What the rows of progress.csv are made of: returns of evaluation episodes, AUROC, averages over minibatches."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from off2on.agents.interface import OnlineAgent
from off2on.analysis.auroc import auroc, fixed_subset, random_actions
from off2on.envs.rollout import Episode, Floats, Observations, Policy, Rollout, episode_seeds
from off2on.envs.task import Task
from off2on.errors import Off2OnError
from off2on.nn.device import CPU
from off2on.replay.store import TransitionStore
from off2on.seeding import Rng, stream
from off2on.training.agents import StoredAgents
from off2on.training.rundir import Row

#: values of several actions `[R, n, A]` at each of `[n, ...]` observations: `[R, E, n]`
QFunction = Callable[[Tensor, Tensor], Tensor]


def return_columns(episodes: Sequence[Episode], task: Task) -> Row:
    """The columns of an evaluation that come from its episodes' undiscounted returns."""
    returns = np.array([episode.total for episode in episodes])
    mean = float(returns.mean())
    return {
        "eval_episodes": len(returns),
        "return_mean": mean,
        "return_std": float(returns.std()),
        "return_min": float(returns.min()),
        "return_max": float(returns.max()),
        "normalized_score": task.normalized(mean),
        **(_success_columns(episodes) if task.family == "manipulation" else {}),
    }


def _success_columns(episodes: Sequence[Episode]) -> Row:
    """Shares of the episodes that end in success, and that have it in any step; both as there is no one metric."""
    return {
        "success_last": float(np.mean([episode.rewards[-1] > 0 for episode in episodes])),
        "success_any": float(np.mean([(episode.rewards > 0).any() for episode in episodes])),
    }


@torch.no_grad()
def auroc_columns(q: QFunction, store: TransitionStore, first: int, most: int, *key: str | int) -> Row:
    """AUROC of the stored pairs from row `first` on against random actions, of the ensemble and of single members.

    The ensemble's score is the mean over members; a single one's AUROC is averaged over the members.

    Raises:
        Off2OnError: a value is not finite.
    """
    count = store.size - first
    if count == 0:
        return {"q_auroc": None, "q_auroc_single": None}
    rows = torch.from_numpy(fixed_subset(count, most, *key) + first)
    observations, actions = store.pairs(rows.to(store.device))
    fake = torch.from_numpy(random_actions(len(actions), actions.shape[-1], *key)).to(store.device)
    real, *random_values = _finite(q(observations, torch.cat([actions.unsqueeze(0), fake])).cpu())
    random = torch.stack(random_values, 1)
    return {
        "q_auroc": auroc(real.mean(0).numpy(), random.mean(0).numpy()),
        "q_auroc_single": float(np.mean([auroc(a.numpy(), b.numpy()) for a, b in zip(real, random, strict=True)])),
    }


def _finite(values: Tensor) -> Tensor:
    if not values.isfinite().all():
        raise Off2OnError(
            "Q is NaN or infinite on stored transitions: training has diverged (lower the learning rates of the "
            "scale), or the dataset has values that are far too large"
        )
    return values


class Averages:
    """Means of metrics over the minibatches since the last row; sums stay tensors, no copy a step."""

    def __init__(self, names: Sequence[str], device: torch.device = CPU) -> None:
        self._sums = {name: torch.zeros((), dtype=torch.float64, device=device) for name in names}
        self._count = torch.zeros((), dtype=torch.int64, device=device)

    def add(self, metrics: Mapping[str, Tensor]) -> None:
        """Count one minibatch."""
        for name, total in self._sums.items():
            total += metrics[name].mean()
        self._count += 1

    def take(self, where: str, section: str) -> Row:
        """The means, None if there was no minibatch; then it starts again.

        Args:
            where: job and step, for the message.
            section: the section of the scale that has the learning rates of the job.

        Raises:
            Off2OnError: a mean is not finite: training has diverged.
        """
        count = int(self._count)
        means: Row = {name: float(total) / count if count else None for name, total in self._sums.items()}
        for name, mean in means.items():
            if mean is not None and not np.isfinite(mean):
                raise Off2OnError(
                    f"{where}: training has diverged, {name} = {mean}. Lower the learning rates of section "
                    f"'{section}' of the scale"
                )
        for total in (*self._sums.values(), self._count):
            total.zero_()
        return means

    def state(self) -> dict[str, Tensor]:
        """Sums and count."""
        return {f"averages/{name}": total for name, total in self._sums.items()} | {"averages//": self._count}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        for name, total in self._sums.items():
            total.copy_(tensors[f"averages/{name}"])
        self._count.copy_(tensors["averages//"])


def member_episodes(agents: StoredAgents, task: Task, episodes: int, seed: int) -> dict[str, list[Episode]]:
    """Deterministic episodes of 'member 0' ... and of the 'ensemble', all from the same resets."""
    rollout = Rollout(task, episodes)
    named = {f"member {i}": agent for i, agent in enumerate(agents.members)} | {"ensemble": agents.ensemble}
    found = {}
    for name, agent in named.items():
        rng = stream("evaluate", task.name, seed)
        seeds = episode_seeds(rng, episodes)
        found[name] = rollout.episodes(acting(agent, rng, explore=False), seeds)
    return found


def acting(agent: OnlineAgent, rng: Rng, *, explore: bool) -> Policy:
    """The policy of an agent for roll-outs, with the generator's noise."""

    def act(observations: Observations) -> Floats:
        noise = agent.acting_noise(rng, len(observations), explore=explore)
        actions: Floats = agent.act(torch.from_numpy(observations), noise).numpy()
        return actions

    return act
