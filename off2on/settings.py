"""The settings of one training job: sections of the loops, of balanced replay, and one an algorithm.

A section is named by what reads it, so that tuning one algorithm re-trains no other.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, create_model, model_validator

from off2on.algorithms import ALGORITHMS
from off2on.config import Composed, Count, Images, Network, Precision, Section
from off2on.samplers import Balanced


class Pretraining(Section):
    """The loop of every offline pre-training."""

    evaluate_every: Count = Field(10_000, description="gradient steps between evaluations")
    select_every: Count | None = Field(
        None, description="gradient steps between checkpoints, of which fine-tuning takes the best; null: the last"
    )
    eval_episodes: Count = Field(5, description="deterministic episodes per member in an evaluation")

    @model_validator(mode="after")
    def _selects_what_is_evaluated(self) -> "Pretraining":
        if self.select_every is not None and self.select_every % self.evaluate_every:
            raise ValueError(
                f"select_every = {self.select_every} is not a multiple of evaluate_every = {self.evaluate_every}"
            )
        return self


class Finetuning(Section):
    """The loop of every online run [S39, S41]."""

    env_steps: Count = 250_000
    epoch_steps: Count = Field(1_000, description="environment steps, and gradient steps, of an epoch")
    epoch_updates: Count | None = Field(None, description="gradient steps of an epoch; null: epoch_steps")
    first_epoch_multiplier: Count = Field(5, description="gradient steps of the first epoch over epoch_steps")
    warmup_steps: int = Field(1_000, ge=0, description="environment steps before training from scratch")
    scratch_members: Count = Field(1, description="ensemble size of training from scratch [S67]")
    eval_episodes: Count = Field(5, description="deterministic episodes of an evaluation")
    auroc_pairs: Count = Field(10_000, description="largest number of online pairs that enter the AUROC")

    @model_validator(mode="after")
    def _whole_epochs(self) -> "Finetuning":
        for key in ("env_steps", "warmup_steps"):
            if getattr(self, key) % self.epoch_steps:
                raise ValueError(
                    f"{key} = {getattr(self, key)} is not a multiple of epoch_steps = {self.epoch_steps}"
                )
        if self.warmup_steps + self.epoch_steps > self.env_steps:
            raise ValueError(
                f"warmup_steps = {self.warmup_steps} and one epoch of {self.epoch_steps} are more than "
                f"env_steps = {self.env_steps}"
            )
        return self


class _Settings(Composed):
    """What one training job may read."""

    NAMES: ClassVar[dict[type[Section], str]] = {
        spec.settings: name for name, spec in ALGORITHMS.items() if spec.settings
    }

    members: Count = Field(5, description="ensemble size N")
    network: Network = Network()
    images: Images = Images()
    precision: Precision = Field(
        "float32",
        description="of products on a GPU; tf32 is faster, with errors of 1e-3; a CPU has float32 always",
    )
    pretraining: Pretraining = Pretraining()
    finetuning: Finetuning = Finetuning()
    balanced: Balanced = Balanced()


if TYPE_CHECKING:
    Settings = _Settings
else:
    _sections: dict[str, Any] = {name: (section, section()) for section, name in _Settings.NAMES.items()}
    Settings = create_model("Settings", __base__=_Settings, __module__=__name__, **_sections)
