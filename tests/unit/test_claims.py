"""The paper's claims: what is measured, and the verdicts on made-up results."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from off2on.analysis.aggregate import aggregate
from off2on.analysis.claims_file import Claim, read_claims
from off2on.analysis.evidence import CLAIMS, FILES, gather_evidence, read_evidence
from off2on.analysis.run_statistics import MEASURES
from off2on.analysis.tables import Tables, read_tables
from off2on.analysis.verdicts import UNIT_COLUMNS, effect_text, jobs_of, judge, wanted_text
from off2on.cli import main
from off2on.reading import Reading
from off2on.scale import reading_of
from tests.unit.synthetic_claims import RUNS, entry
from tests.unit.synthetic_results import Tree


def judged(tables: Tables, **changes: Any) -> Any:
    """The row of one claim."""
    return judge([Claim.model_validate(entry(**changes))], tables)[0].iloc[0]


def units(tables: Tables, **changes: Any) -> pd.DataFrame:
    """The pairs of one claim."""
    return judge([Claim.model_validate(entry(**changes))], tables)[1]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    methods = ("ours", "sac-ft", "sac", "uniform", "idea-a", "idea-b")
    tree = Tree(
        tmp_path_factory.mktemp("claims"), tasks=("halfcheetah", "hopper"), methods=methods, seeds=4
    ).write()
    aggregate([*tree.runs(), *tree.pretrains()], tree.layout.analysis)
    return tree


@pytest.fixture(scope="module")
def tables(tree: Tree) -> Tables:
    return read_tables(tree.layout.analysis)


def swapped(tables: Tables, *names: str) -> Tables:
    """The same runs, with the labels of two methods exchanged."""
    other = dict(zip(names, reversed(names), strict=True))
    return replace(tables, curves=tables.curves.assign(method=tables.curves["method"].replace(other)))


def part(tables: Tables, **values: Any) -> Tables:
    """Only the runs with these values."""
    curves = tables.curves
    for column, wanted in values.items():
        curves = curves[curves[column].isin(wanted)]
    return replace(tables, curves=curves)


# ------------------------------------------------------------------------------------------------ verdicts


def test_a_true_claim_is_supported_and_a_false_one_contradicted(tables: Tables) -> None:
    true = judged(tables)
    assert (true["verdict"], true["why"], true["n"], true["agree"]) == ("supported", "", 4, 4)
    assert 1 < true["low"] < true["effect"] < true["high"]
    false = judged(tables, above=None, below=-1)
    assert (false["verdict"], false["agree"]) == ("contradicted", 0)


def test_noise_is_undecided(tables: Tables) -> None:
    arms = {"runs": RUNS | {"method": "idea-a"}, "against": {"method": "idea-b"}}
    assert judged(tables, **arms, above=1e-3)["verdict"] == "undecided"
    found = judged(tables, **arms, above=None, below=-1e-3)
    assert (found["verdict"], found["why"]) == ("undecided", "the interval crosses a wanted bound")


def test_bounds_are_strict_whatever_the_last_digits_are(tables: Tables) -> None:
    """0.15 - 0.1 is 0.05, and not above it, though floating point says so."""
    first, second = (part(tables, method=[name]).curves for name in ("ours", "sac-ft"))
    curves = pd.concat([first.assign(normalized_score=0.15), second.assign(normalized_score=0.1)])
    found = judged(replace(tables, curves=curves), above=0.05)
    assert (found["effect"], found["agree"]) == (pytest.approx(0.05), 0)
    assert judged(replace(tables, curves=curves), above=0.049)["agree"] == 4


def test_swapped_labels_flip_the_verdict(tables: Tables) -> None:
    found = judged(swapped(tables, "ours", "sac-ft"))
    assert found["verdict"] == "contradicted"
    assert found["effect"] == pytest.approx(-judged(tables)["effect"])


def test_a_difference_below_the_smallest_of_interest_is_too_small(tables: Tables) -> None:
    """Whatever its sign, and however sure it is."""
    size = judged(tables)["effect"]
    assert judged(tables, above=2 * size)["verdict"] == "too small to tell"
    assert judged(tables, above=None, below=-2 * size)["verdict"] == "too small to tell"
    # a level has no such size: it is within its bounds or not
    level = {"statistic": "final", "against": None}
    assert judged(tables, **level, above=2 * judged(tables, **level)["effect"])["verdict"] == "contradicted"


def test_seeds_are_the_units_and_datasets_of_a_seed_are_not(tables: Tables) -> None:
    """Two seeds on two tasks and four datasets are two units, not sixteen."""
    few = part(tables, seed=[0, 1])
    found = judged(few)
    assert (found["verdict"], found["why"], found["n"]) == ("undecided", "2 seeds, a verdict needs 4", 2)
    assert len(units(few)) == 16
    by_seed = units(few).groupby("seed")["effect"].mean()
    assert found["effect"] == pytest.approx(by_seed.mean())
    one = judged(part(few, seed=[1]))
    assert (one["why"], effect_text(one)) == ("1 seed, a verdict needs 4", f"{one['effect']:.3g} points")


def test_a_seed_without_all_datasets_does_not_count(tables: Tables) -> None:
    missing = (tables.curves["seed"] == 3) & (tables.curves["dataset"] == "random")
    found = judged(replace(tables, curves=tables.curves[~missing]))
    assert found["n"] == 3
    assert found["effect"] == pytest.approx(judged(part(tables, seed=[0, 1, 2]))["effect"])


def test_without_runs_of_both_arms_there_is_nothing_to_say(tables: Tables) -> None:
    for changes in ({"against": {"method": "awac"}}, {"runs": RUNS | {"datasets": ["walker2d/*"]}}):
        found = judged(tables, **changes)
        assert (found["verdict"], found["why"]) == ("not tested", "no runs at this scale")
        assert (found["n"], effect_text(found)) == (0, "")
    assert judged(part(tables, task=[]))["verdict"] == "not tested"


def test_runs_without_the_number_differ_from_no_runs(tables: Tables) -> None:
    """A share of the first score needs a first score above 0."""
    curves = tables.curves.assign(normalized_score=-tables.curves["normalized_score"].abs())
    below_zero = replace(tables, curves=curves)
    for against in (None, {"method": "sac-ft"}):
        found = judged(below_zero, statistic="early_loss", against=against)
        assert (found["why"], found["n"]) == ("no run has such a value", 0)
    missing = judged(below_zero, statistic="early_loss", against={"method": "awac"})
    assert missing["why"] == "no runs at this scale"


def test_about_as_high_is_a_bound_on_both_sides(tables: Tables) -> None:
    alike = {"runs": RUNS | {"method": "idea-a"}, "against": {"method": "idea-b"}}
    found = judged(tables, **alike, above=-5, below=5)
    assert (found["verdict"], wanted_text(found)) == ("supported", "-5 to 5")
    assert judged(tables, **alike, above=-1e-4, below=1e-4)["verdict"] == "undecided"
    assert judged(tables, above=-1, below=1)["verdict"] == "contradicted"


def test_what_a_scale_cannot_compare_gets_no_verdict(tables: Tables) -> None:
    unfair = replace(tables, reading=Reading(not_comparable={"sac-ft": "half the steps", "sac": "too short"}))
    found = judged(unfair)
    assert (found["verdict"], found["why"]) == ("not comparable at this scale", "sac-ft: half the steps")
    assert found["effect"] == judged(tables)["effect"]
    # a method against its own start, or others against each other
    assert judged(unfair, runs=RUNS | {"method": "sac-ft"}, against=None)["verdict"] == "supported"
    assert judged(unfair, against={"method": "uniform"})["verdict"] == "supported"
    silent = judged(replace(tables, reading=Reading(verdicts=False, shows="tiny")))
    assert (silent["verdict"], silent["why"]) == ("not comparable at this scale", "tiny")


# --------------------------------------------------------------------------------------------------- pairs


def test_a_run_from_scratch_counts_once_not_once_a_dataset(tables: Tables) -> None:
    against = {"method": "sac", "datasets": ["*/none"]}
    assert judged(tables, against=against)["n"] == 0  # no dataset is shared
    assert len(units(tables, against=against, pair=["task", "seed"])) == 8


def test_datasets_are_compared_within_task_and_seed(tables: Tables) -> None:
    share = {"statistic": "offline_last", "pair": ["task", "seed"], "above": None, "below": -0.1}
    runs, against = RUNS | {"datasets": ["*/random"]}, RUNS | {"datasets": ["*/medium-expert"]}
    found = judged(tables, **share, runs=runs, against=against)
    assert (found["verdict"], found["n"]) == ("supported", 4)
    measure = "offline share at the last evaluation, ours on random − ours on medium-expert"
    assert found["measure"] == f"{measure}; here 4 datasets of halfcheetah, hopper"


def test_a_claim_on_all_datasets_says_which_are_here(tables: Tables) -> None:
    def measured(**values: Any) -> str:
        return str(judged(part(tables, **values))["measure"]).partition(";")[2]

    assert measured() == " here 8 datasets of halfcheetah, hopper"
    assert measured(task=["hopper"], dataset=["medium"]) == " here hopper/medium"
    assert measured(method=["ours"]) == ""
    named = judged(tables, runs=RUNS | {"datasets": ["hopper/medium"]})
    assert ";" not in named["measure"]


def test_one_arm_is_compared_with_a_threshold(tables: Tables) -> None:
    runs = RUNS | {"datasets": ["*/random"]}
    fall = {"statistic": "offline_fall", "runs": runs, "against": None, "above": None}
    found = judged(tables, **fall, below=0.5)
    assert (found["verdict"], wanted_text(found)) == ("supported", "< 0.5")
    assert judged(tables, **fall, below=0.1)["verdict"] == "contradicted"


def test_gains_of_one_task_against_those_of_another(tables: Tables) -> None:
    def gain(task: str) -> dict[str, Any]:
        return {"method": "ours", "minus": "uniform", "datasets": [f"{task}/*"]}

    # the same gain in return is worth more points on hopper, where an expert's return is smaller
    arms = {"runs": gain("hopper"), "against": gain("halfcheetah"), "pair": ["dataset", "seed"]}
    found = judged(tables, **arms)
    assert (found["verdict"], found["n"]) == ("supported", 4)
    single = [judged(tables, runs=arm, against=None)["effect"] for arm in (gain("hopper"), gain("halfcheetah"))]
    assert found["effect"] == pytest.approx(single[0] - single[1])


def test_runs_are_compared_over_the_steps_that_both_have(tables: Tables) -> None:
    cut = tables.curves[(tables.curves["method"] != "sac-ft") | (tables.curves["env_steps"] <= 2000)]
    found = judged(replace(tables, curves=cut))
    assert found["env_steps"] == 2000
    assert found["effect"] < judged(tables)["effect"]


def test_without_pairs_there_is_no_verdict_and_the_reason_is_said(tables: Tables) -> None:
    scratch = {"against": {"method": "sac", "datasets": ["*/none"]}, "pair": ["task", "seed"]}
    without = part(tables, method=["ours", "sac-ft"])
    found = judged(without, **scratch)
    assert (found["verdict"], found["why"], found["n"]) == ("not tested", "no runs at this scale", 0)
    assert units(without, **scratch).empty
    first, second = tables.curves["seed"] < 2, tables.curves["method"] == "ours"
    found = judged(replace(tables, curves=tables.curves[first == second]))
    assert (found["verdict"], found["why"], found["n"]) == ("not tested", "no seed has runs of both", 0)


def test_short_runs_say_nothing_about_the_long_run(tables: Tables) -> None:
    assert judged(tables, min_steps=5000)["verdict"] == "supported"
    assert judged(tables, until=3000)["env_steps"] == 3000
    found = judged(tables, min_steps=5001)
    assert (found["verdict"], found["n"]) == ("not comparable at this scale", 0)
    assert found["why"] == "runs of 5,000 steps; the claim is about 5,001 and more"


def test_the_likelihood_gap_is_in_spreads_of_the_offline_samples(tables: Tables) -> None:
    rows = [
        ("halfcheetah", "random", seed, samples, split, level + shift)
        for seed in range(4)
        for samples, gap in ((1, 0.0), (500, 12.0))
        for split, level in (("offline", 0.0), ("online", -gap - seed))
        for shift in (-3.0, 0.0, 3.0)
    ]
    columns = ["task", "dataset", "seed", "importance_samples", "split", "log_likelihood"]
    known = replace(tables, likelihood=pd.DataFrame(rows, columns=columns))
    gap = {"statistic": "likelihood_gap", "runs": {"datasets": ["halfcheetah/random"]}, "against": None}
    found = judged(known, **gap)
    assert (found["verdict"], found["n"]) == ("supported", 4)
    assert found["effect"] == pytest.approx(13.5 / 3)
    assert judged(tables, **gap)["why"] == "no runs at this scale"
    # what these samples come from
    (job,) = jobs_of(Claim.model_validate(entry(**gap, above=1)), known)
    assert job == {"task": "halfcheetah", "dataset": "random", "algorithm": "cql"}


def test_the_jobs_behind_a_claim_are_those_of_its_arms(tables: Tables) -> None:
    def names(**changes: Any) -> set[tuple[str, ...]]:
        return {tuple(job.values()) for job in jobs_of(Claim.model_validate(entry(**changes)), tables)}

    known = zip(tables.curves["task"], tables.curves["dataset"], strict=True)
    places = {place for place in known if place[1] != "none"}
    assert names() == {(*place, method) for place in places for method in ("ours", "sac-ft")}
    scratch = {"runs": {"method": "ours", "minus": "uniform", "datasets": ["hopper/random"]}}
    against = {"against": {"method": "sac", "datasets": ["*/none"]}, "pair": ["task", "seed"]}
    assert names(**scratch, **against) == {
        ("hopper", "random", "ours"),
        ("hopper", "random", "uniform"),
        ("halfcheetah", "none", "sac"),
        ("hopper", "none", "sac"),
    }
    offline = {"runs": {"algorithm": "cql", "datasets": ["*/medium"]}, "against": None}
    assert names(**offline, statistic="offline_auroc") == {
        (task, "medium", "cql") for task in ("halfcheetah", "hopper")
    }


RUN = pd.DataFrame(
    {
        "env_steps": [0, 1000, 2000, 3000, 5000],
        "normalized_score": [20.0, 5.0, 15.0, 40.0, 60.0],
        "offline_fraction": [0.8, 0.5, 0.3, 0.1, 0.4],
        "q_auroc": [0.9, 0.8, 0.7, 0.9, 0.7],
        "q_auroc_single": [0.8, 0.8, 0.7, 0.9, 0.7],
        "density_ratio_online": [2.0, 2.0, 2.0, 1.0, 2.0],
        "density_ratio_offline": [1.0, 1.0, 1.0, 1.0, 1.0],
    }
)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("final", 50),
        ("area", (12.5 + 10 + 27.5 + 2 * 50) / 5),
        ("gain", 30),
        ("early_mean", 10),  # two fifths of the run: the evaluations at 1000 and 2000
        ("early_minimum", 5),
        ("early_loss", 0.75),
        ("offline_fall", 0.5),
        ("offline_last", 0.4),
        ("offline_minimum", 0.1),
        ("auroc_gap", 0.02),
        ("density_order", 0.8),
    ],
)
def test_what_is_measured(statistic: str, value: float) -> None:
    assert MEASURES[statistic].value(RUN) == pytest.approx(value)


def test_the_first_epochs_of_a_long_run_are_25k_steps() -> None:
    long = pd.DataFrame({"env_steps": [0, 20_000, 30_000, 250_000], "normalized_score": [9.0, 4.0, 2.0, 50.0]})
    assert MEASURES["early_minimum"].value(long) == 4


# ------------------------------------------------------------------------------------------------- the pairs


def test_every_pair_is_a_row_with_its_job_and_whether_the_claim_holds(tables: Tables) -> None:
    few = part(tables, task=["hopper"], dataset=["random", "medium"])
    found = units(few)
    assert list(zip(found["dataset"], found["seed"], strict=True)) == [
        (data, seed) for data in ("medium", "random") for seed in range(4)
    ]
    assert set(found["task"]) == {"hopper"}
    assert found["effect"].mean() == pytest.approx(judged(few)["effect"])
    assert found["holds"].tolist() == [True] * 8
    assert units(few, above=None, below=-1)["holds"].tolist() == [False] * 8


def test_a_pair_of_several_datasets_names_none_and_one_of_a_single_dataset_names_it(tables: Tables) -> None:
    against = {"method": "sac", "datasets": ["*/none"]}
    assert units(tables, against=against, pair=["task", "seed"])["dataset"].isna().all()
    single = units(tables, runs=RUNS | {"datasets": ["*/random"]}, against=against, pair=["task", "seed"])
    assert single["dataset"].tolist() == ["random"] * 8


def required(tables: Tables) -> dict[tuple[str, str, int], bool]:
    """What the required claims of the project say of every job."""
    claims = [claim for claim in read_claims(CLAIMS) if claim.required]
    found = judge(claims, tables)[1]
    keys = zip(found["claim"], found["dataset"], found["seed"], strict=True)
    return dict(zip(keys, found["holds"], strict=True))


def pretrain_table(*rows: tuple[str, int, float, float, float]) -> pd.DataFrame:
    columns = ["dataset", "seed", "dataset_mean_return", "return_mean", "q_auroc"]
    return pd.DataFrame(rows, columns=columns).assign(task="halfcheetah", algorithm="cql", env_steps=0)


def test_what_must_show_offline_is_about_the_last_evaluation(tables: Tables) -> None:
    pretrain = pretrain_table(
        ("medium", 0, 1000, 100, 0.9),
        ("medium", 0, 1000, 801, 0.6),
        ("medium", 1, 1000, 799, 0.61),
        ("medium", 2, -1000, 799, 0.61),
        ("random", 0, 250, 3000, 0.9),
    )
    other = pretrain.assign(algorithm="awac", return_mean=0.0)
    assert required(replace(part(tables, task=[]), pretrain=pd.concat([pretrain, other]))) == {
        ("cql-reaches-the-data", "medium", 0): True,
        ("cql-reaches-the-data", "medium", 1): False,  # and none of seed 2, whose mean return is below 0
        ("cql-ranks-data-above-random-actions", "medium", 0): False,  # 0.6 is not above 0.6
        ("cql-ranks-data-above-random-actions", "medium", 1): True,
        ("cql-ranks-data-above-random-actions", "medium", 2): True,
        ("cql-reaches-the-data", "random", 0): True,
        ("cql-ranks-data-above-random-actions", "random", 0): True,
    }


def test_what_must_show_online_is_compared_seed_by_seed(tables: Tables) -> None:
    jobs = {
        ("random", 0): ([100, 101, 101], [0.8, 0.39]),
        ("random", 1): ([100, 90, 110], [0.8, 0.41]),
        ("medium", 0): ([100, 80, 100], [0.9, 0.8]),
        ("medium-expert", 0): ([100, 50, 50], [0.9, 0.39]),
        ("medium-expert", 1): ([100, 50, 50], [0.9, 0.6]),
    }
    rows = [
        ("halfcheetah", data, "ours", seed, 1000 * i, score, share)
        for (data, seed), (scores, shares) in jobs.items()
        for i, (score, share) in enumerate(zip(scores, [float("nan"), *shares], strict=True))
    ]
    columns = ["task", "dataset", "method", "seed", "env_steps", "normalized_score", "offline_fraction"]
    curves = pd.DataFrame(rows, columns=columns).assign(density_ratio_online=float("nan"))
    # a task from pixels has success instead of a score
    steps = pd.DataFrame({"env_steps": [0, 1000, 2000], "success_last": [0.5, 0.4, 0.7]})
    curves = pd.concat([curves, steps.assign(task="pick-place", dataset="mixed", method="ours", seed=0)])
    found = required(replace(tables, curves=curves, pretrain=tables.pretrain.head(0)))
    assert found == {
        ("ours-improves", "medium", 0): False,
        ("ours-improves", "medium-expert", 0): False,
        ("ours-improves", "medium-expert", 1): False,
        ("ours-improves", "random", 0): True,
        ("ours-improves", "random", 1): False,  # equal is not above
        ("ours-improves-from-pixels", "mixed", 0): True,
        ("offline-share-falls-on-random", "random", 0): True,
        ("offline-share-falls-on-random", "random", 1): False,
        ("offline-share-lower-on-random", "random", 0): False,  # equal is not below
        ("offline-share-lower-on-random", "random", 1): True,  # by more than 0.1, each against its own seed
    }


# ----------------------------------------------------------------------------------------------- off2on claims


def test_the_command_prints_a_table_and_writes_files_that_can_be_read(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_evidence(tree.root) is None
    monkeypatch.chdir(tree.root)
    monkeypatch.setattr(sys, "argv", ["off2on", "claims", "--scale", "quick"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(read_claims(CLAIMS))
    assert lines[-1].startswith("the paper's claims: ")
    assert any(
        line.startswith("3 ") and "supported" in line and "Ours ends higher than SAC-ft" in line for line in lines
    )
    evidence = read_evidence(tree.layout.analysis)
    assert evidence is not None
    verdicts = evidence.claims.set_index("claim")["verdict"]
    assert verdicts["ours-ends-above-sac-ft"] == "supported"
    assert evidence.claim_units.groupby("claim").size()["ours-ends-above-sac-ft"] == 32
    assert list(evidence.claim_units.columns) == UNIT_COLUMNS
    assert set(evidence.budgets["method"]) == {"ours", "sac-ft", "sac", "uniform", "idea-a", "idea-b"}
    assert evidence.aggregates.empty  # two tasks are too few
    once = [(tree.layout.analysis / name).read_bytes() for name in FILES]
    gather_evidence(tree.layout.analysis, reading=reading_of("quick"))
    assert [(tree.layout.analysis / name).read_bytes() for name in FILES] == once


def test_a_scale_without_any_runs_does_not_fail(tmp_path: Path) -> None:
    aggregate([], tmp_path)
    verdicts = gather_evidence(tmp_path).claims
    assert set(verdicts["verdict"]) == {"not tested"}
    assert len(read_evidence(tmp_path).claims) == len(verdicts)  # type: ignore[union-attr]
