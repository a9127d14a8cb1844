"""workflow/claims.yaml: what it may say, and what an error in it says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from off2on.analysis.claims_file import read_claims
from off2on.analysis.evidence import CLAIMS
from off2on.errors import Off2OnError
from off2on.methods import METHODS
from tests.unit.synthetic_claims import RUNS, entry


def test_the_claims_of_the_project_are_about_known_methods_and_every_figure_with_a_finding() -> None:
    claims = read_claims(CLAIMS)
    arms = [arm for claim in claims for arm in claim.arms]
    assert {name for arm in arms for name in (arm.method, arm.minus) if name} <= METHODS.keys()
    assert {arm.algorithm for arm in arms if arm.algorithm} == {"cql"}
    figures = ("1a", "1b", "1c", "3", "4a", "4b", "4c", "4d", "8", "9", "10", "11", "12", "13", "14")
    figures += ("5a", "5b", "15", "16", "17")
    assert {name for claim in claims for name in claim.figures} == {f"fig_{name}" for name in figures}


WRONG: list[tuple[Any, str]] = [
    (entry(abov=1), "claim 'a-claim': abov: unknown key; the keys are id, figures, statement"),
    (
        entry(runs=RUNS | {"mehod": "x"}),
        "runs.mehod: unknown key; the keys are method, minus, algorithm, datasets",
    ),
    (entry(above="much"), "claim 'a-claim': above: Input should be a valid number"),
    (entry(statistic="finl"), "claim 'a-claim': statistic: 'finl' is unknown; it may be final, gain"),
    ({"id": "x"}, "claim 'x': figures: missing; statement: missing"),
    (entry(above=None), "needs 'above' or 'below', or both"),
    (entry(above=3, below=-3), "above = 3 is not less than below = -3"),
    (entry(above=0), "give the smallest effect of interest"),
    (entry(pair=["task"]), "pair needs 'seed'"),
    (entry(min_steps=300_000), "min_steps = 300000 is more than until = 250000"),
    (entry(runs={"method": "ours"}), "runs needs 'datasets'"),
    (entry(runs={"datasets": ["*/*"]}), "runs and against need 'method' with the statistic final"),
    (entry(statistic="offline_auroc"), "runs and against need 'algorithm' with the statistic offline_auroc"),
    (entry(runs=RUNS | {"algorithm": "cql"}), "algorithm = 'cql' has no meaning with the statistic final"),
    (
        entry(statistic="likelihood_gap", runs={"datasets": ["*/*"], "minus": "sac"}, against=None),
        "minus = 'sac' has no meaning with the statistic likelihood_gap",
    ),
    ("ours wins", "claim number 1"),
]


@pytest.mark.parametrize(("claim", "says"), WRONG)
def test_a_wrong_claim_is_one_message(claim: Any, says: str, tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([claim]))
    with pytest.raises(Off2OnError) as raised:
        read_claims(path)
    assert str(raised.value).startswith(f"{path}: claim ")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {id: [", "not readable as YAML"),
        ("id: one", "expected a list of claims"),
        (yaml.safe_dump([entry(), entry()]), "claim 'a-claim': 2 claims have this id"),
    ],
)
def test_a_wrong_file_is_one_message(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(Off2OnError, match=says) as raised:
        read_claims(path)
    assert "\n" not in str(raised.value)
