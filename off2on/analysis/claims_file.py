"""Claims as data: what one entry of workflow/claims.yaml may say (docs/claims.md)."""

from collections import Counter
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from off2on.analysis.run_statistics import MEASURES, NAMED_BY, Measure
from off2on.analysis.tables import BUDGET
from off2on.errors import Off2OnError, shown
from off2on.yaml_file import read_yaml

Key = Literal["task", "dataset", "seed"]


def _measured(name: str) -> str:
    if name not in MEASURES:
        raise ValueError(f"'{name}' is unknown; it may be {', '.join(MEASURES)}")
    return name


class _Section(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Arm(_Section):
    """Which runs or pre-trainings: one number each, minus that of another method's run where `minus` names it."""

    method: str | None = None
    minus: str | None = None
    #: of pre-trainings
    algorithm: str | None = None
    #: patterns on task/dataset; left out in `against`: those of `runs`
    datasets: tuple[str, ...] = ()


class Claim(_Section):
    """One qualitative claim, of the paper or of this project."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    #: where to look; none: it is no claim of the paper
    figures: tuple[str, ...]
    #: in our own words, for the report
    statement: str
    statistic: Annotated[str, AfterValidator(_measured)]
    #: an acceptance check: the report lists it seed by seed
    required: bool = False
    runs: Arm
    #: None: the effect is the statistic itself, not a difference of two arms
    against: Arm | None = None
    #: what two runs must share to be a pair; over the rest each arm is averaged
    pair: tuple[Key, ...] = ("task", "dataset", "seed")
    #: where the effect must lie, in the unit of the statistic; one bound, or both
    above: float | None = None
    below: float | None = None
    #: environment steps of a run that count, as in the figures
    until: int = Field(BUDGET, gt=0)
    #: runs shorter than this say nothing about the claim
    min_steps: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> "Claim":
        low, high = self.wanted
        if low == -inf and high == inf:
            raise ValueError("needs 'above' or 'below', or both: where the effect must lie")
        if low >= high:
            raise ValueError(f"above = {low:g} is not less than below = {high:g}: no effect would do")
        if self.compares and not self.required and (low == 0 or high == 0):
            raise ValueError(
                "a bound of 0 lets the smallest difference pass; give the smallest effect of interest"
            )
        if "seed" not in self.pair:
            raise ValueError("pair needs 'seed': seeds are the independent units")
        if not self.runs.datasets:
            raise ValueError("runs needs 'datasets': patterns on task/dataset such as '*/random'")
        if self.min_steps > self.until:
            raise ValueError(f"min_steps = {self.min_steps} is more than until = {self.until}: no run would count")
        for arm in self.arms:
            self._check_names(arm)
        return self

    def _check_names(self, arm: Arm) -> None:
        """An arm names what its table holds: methods, offline algorithms, or neither."""
        needed = NAMED_BY[self.measure.table]
        named = {key: getattr(arm, key) for key in ("method", "algorithm", "minus")}
        if needed and not named[needed]:
            raise ValueError(f"runs and against need '{needed}' with the statistic {self.statistic}")
        allowed = {"method", "minus"} if needed == "method" else {needed}
        for key, value in named.items():
            if value and key not in allowed:
                raise ValueError(f"{key} = '{value}' has no meaning with the statistic {self.statistic}")

    @property
    def wanted(self) -> tuple[float, float]:
        """Between these the effect must lie."""
        return -inf if self.above is None else self.above, inf if self.below is None else self.below

    @property
    def compares(self) -> bool:
        """Whether the effect is a difference, so that 0 means none."""
        return self.against is not None or self.measure.difference

    @property
    def smallest(self) -> float | None:
        """The smallest effect of interest of a difference that is wanted on one side; else None."""
        low, high = self.wanted
        return min(abs(low), abs(high)) if self.compares and inf in {-low, high} else None

    @property
    def measure(self) -> Measure:
        """What is computed from each job."""
        return MEASURES[self.statistic]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arm, or the two arms, each with its datasets."""
        if self.against is None:
            return (self.runs,)
        same = self.against.datasets or self.runs.datasets
        return self.runs, self.against.model_copy(update={"datasets": same})


def read_claims(path: Path) -> tuple[Claim, ...]:
    """Read and check the claims.

    Raises:
        Off2OnError: names the file, the claim, the key and its value.
    """
    entries = read_yaml(path)
    if not isinstance(entries, list):
        raise Off2OnError(f"{path}: expected a list of claims, each with an id; docs/claims.md lists the keys")
    claims = tuple(_read(path, number, entry) for number, entry in enumerate(entries, 1))
    for name, count in Counter(claim.id for claim in claims).items():
        if count > 1:
            raise Off2OnError(f"{path}: claim '{name}': {count} claims have this id; give each its own")
    return claims


def _read(path: Path, number: int, entry: Any) -> Claim:
    name = f"'{entry['id']}'" if isinstance(entry, dict) and "id" in entry else f"number {number}"
    try:
        return Claim.model_validate(entry)
    except ValidationError as error:
        raise Off2OnError(f"{path}: claim {name}: " + "; ".join(map(_complaint, error.errors()))) from None


def _complaint(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            known = Arm.model_fields if len(error["loc"]) > 1 else Claim.model_fields
            return f"{key}: unknown key; the keys are {', '.join(known)}"
        case "missing":
            return f"{key}: missing"
        case "value_error":
            return f"{key + ': ' if key else ''}{error['ctx']['error']}"
    return f"{key + ': ' if key else ''}{error['msg']} (got {shown(error['input'])})"
