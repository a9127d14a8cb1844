"""What every part of a scale is made of: checked sections and the types of their values."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

REPOSITORY = Path(__file__).resolve().parent.parent

#: the bound keeps a typing error from becoming a job that nobody waits for
Count = Annotated[int, Field(ge=1, le=10**12)]
Value = TypeVar("Value")
#: a list of a YAML or JSON file is one, too
Many = Annotated[tuple[Value, ...], Field(strict=False)]
#: hidden layers
Widths = Annotated[Many[Annotated[int, Field(ge=1, le=100_000)]], Field(min_length=1, max_length=50)]
#: of Adam
LearningRate = Annotated[float, Field(gt=0, lt=1)]
#: a share, a discount, a smoothing coefficient: strictly between 0 and 1
Fraction = Annotated[float, Field(gt=0, lt=1)]
#: of matrix products and convolutions on a GPU
Precision = Literal["float32", "tf32"]


AnySection = TypeVar("AnySection", bound="Section")


class Section(BaseModel):
    """A part of a scale: unknown keys, values of another type and infinite ones are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Composed(Section):
    """Sections that are found by their type; `NAMES` of a subclass says which field holds which."""

    NAMES: ClassVar[dict[type[Section], str]] = {}

    def of(self, section: type[AnySection]) -> AnySection:
        """The section of an algorithm, by its type."""
        found: AnySection = getattr(self, self.NAMES[section])
        return found


class Network(BaseModel):
    """A policy or critic: `depth` hidden ReLU layers of `width`. One value among the settings, not a section."""

    model_config = Section.model_config

    width: int = Field(256, ge=1, le=100_000)
    depth: int = Field(2, ge=1, le=50)

    @property
    def widths(self) -> list[int]:
        """Width of every hidden layer."""
        return [self.width] * self.depth


class Images(Section):
    """Networks of tasks that are seen in pixels; `network` is that of all other tasks."""

    encoder: Literal["small", "cog"] = Field(
        "small", description="convolutions: a small trunk that twin critics share, or the paper's, one a network"
    )
    head: Widths = Field((256, 256), description="hidden layers of policy and critic after the convolutions")
    density_head: Widths = Field((256, 128), description="the same of the density network")
    crop: int = Field(4, ge=0, le=16, description="random crops: pixels that are added on every side; 0: none")


def values(section: Section, prefix: str = "") -> dict[str, Any]:
    """The values of a section by dotted key: `{"members": 5, "cql.batch": 256, ...}`."""
    found: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        found |= values(value, f"{prefix}{name}.") if isinstance(value, Section) else {f"{prefix}{name}": value}
    return found


def value_of(section: Any, key: str) -> Any:
    """The value of a dotted key."""
    for name in key.split("."):
        section = getattr(section, name)
    return section
