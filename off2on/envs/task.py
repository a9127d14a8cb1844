"""What a task is."""

from dataclasses import dataclass

from off2on.algorithms.algorithm import Sizes
from off2on.observations import ObservationSpec


@dataclass(frozen=True)
class Task:
    """A task of the benchmark; returns are undiscounted sums of rewards over one episode."""

    name: str
    #: v4: v5 changes hopper's terminal reward and walker2d's friction
    env_id: str
    observation: ObservationSpec
    #: dimensions of an action; agents act in [-1, 1], whatever the environment's bounds are
    action_size: int
    #: D4RL's reference returns of a random and of an expert policy
    random_return: float
    expert_return: float
    #: episodes are cut here; a time limit is never a terminal
    horizon: int = 1000

    @property
    def sizes(self) -> Sizes:
        """What it gives to the networks."""
        return Sizes(self.observation, self.action_size)

    def normalized(self, episode_return: float) -> float:
        """D4RL's normalised score: 0 is random, 100 the expert."""
        return 100.0 * (episode_return - self.random_return) / (self.expert_return - self.random_return)
