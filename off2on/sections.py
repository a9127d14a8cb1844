"""The sections of a scale for jobs that train no agents: data, likelihood, cost; what trains is in `settings`."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from off2on.config import Count, Fraction, LearningRate, Many, Section, Widths

Name = TypeVar("Name")


def _distinct(names: tuple[Name, ...]) -> tuple[Name, ...]:
    if not names:
        raise ValueError("at least one is needed")
    if twice := sorted({str(name) for name in names if names.count(name) > 1}):
        raise ValueError(f"named twice: {', '.join(twice)}")
    return names


#: at least one, none twice: each is counted once
Names = Annotated[Many[Name], Field(max_length=1_000), AfterValidator(_distinct)]


class Collect(Section):
    """How local datasets are made."""

    transitions: Count = Field(
        1_000_000, description="transitions of random and of medium; medium-expert has twice as many"
    )
    replay: Literal["snapshots", "buffer"] = Field(
        "buffer", description="medium-replay: rolled out from actor snapshots, or a true SAC replay buffer"
    )
    seed: int = Field(0, ge=0, description="seed of the roll-outs")


class Demonstrations(Section):
    """How the data of manipulation tasks are made: two scripted halves of the task, and random actions [S130]."""

    prior_episodes: Count = Field(5_000, description="of the first half of the task; its rewards are set to 0")
    task_episodes: Count = Field(2_500, description="of the second half")
    random: int = Field(
        100_000,
        ge=0,
        le=10**12,
        description="transitions of uniform actions; the paper: in place of half of the data",
    )
    noise: float = Field(0.1, ge=0, le=1, description="standard deviation of the noise on scripted commands")
    suboptimal: float = Field(
        0.0, ge=0, le=1, description="share of the first half's episodes by its worse script"
    )
    seed: int = Field(0, ge=0, description="of everything random")


class Likelihood(Section):
    """A VAE's likelihood of offline and of online state-action pairs [S87, S89]."""

    datasets: Many[str] = Field(
        ("halfcheetah/random",), description="patterns on task/dataset; those with CQL agents have the analysis"
    )
    rollout_steps: Count = Field(10_000, description="environment steps of the CQL agent's stochastic policy")
    validation: Fraction = Field(0.1, description="share of the dataset's episodes that are held out")
    steps: Count = Field(50_000, description="gradient steps of the VAE")
    batch: Count = 256
    lr: LearningRate = Field(
        3e-4, description="learning rate; too high, and wide networks ignore their latent variable"
    )
    widths: Widths = Field((750, 750), description="hidden layers of encoder and decoder")
    latent: Count = 16
    samples: Count = Field(2_000, description="held-out, and online, pairs whose likelihood is estimated")
    importance_samples: Count = Field(500, description="K of the importance-weighted estimate")


class Cost(Section):
    """What the cost of the ensemble is measured on (Appendix B)."""

    members: Names[Count] = Field((1, 2, 3, 5), description="ensemble sizes N, batched and as a naive loop")
    repeats: Count = Field(200, description="timed gradient steps, and timed actions, of each")
