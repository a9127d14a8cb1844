"""What a task is."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

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
    #: D4RL's reference returns of a random and of an expert policy; None: returns have no score
    random_return: float | None = None
    expert_return: float | None = None
    #: episodes are cut here; a time limit is never a terminal
    horizon: int = 1000
    #: what belongs together in figures; of manipulation, the reward is 1 in every step of success and else 0
    family: Literal["locomotion", "manipulation"] = "locomotion"
    #: names of the offline datasets that there are of it
    datasets: tuple[str, ...] = ("random", "medium", "medium-replay", "medium-expert")

    @property
    def sizes(self) -> Sizes:
        """What it gives to the networks."""
        return Sizes(self.observation, self.action_size)

    @property
    def facts(self) -> dict[str, Any]:
        """All that numbers depend on."""
        return {key: value for key, value in asdict(self).items() if key != "datasets"}

    def normalized(self, episode_return: float) -> float | None:
        """D4RL's normalised score: 0 is random, 100 the expert; None without reference returns."""
        if self.random_return is None or self.expert_return is None:
            return None
        return 100.0 * (episode_return - self.random_return) / (self.expert_return - self.random_return)
