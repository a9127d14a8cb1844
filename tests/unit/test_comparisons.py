"""Intervals, budgets and aggregates, against numbers worked out by hand, scipy and rliable."""

import math

import numpy as np
import pandas as pd
import pytest
from rliable import library as rliable
from rliable import metrics
from scipy.stats import ttest_1samp

from off2on.analysis.aggregates import (
    aggregates,
    banded,
    improvement,
    iqm,
    portrait,
    probability_of_improvement,
    profile,
    score_matrices,
)
from off2on.analysis.comparisons import (
    final_scores,
    fixed_budgets,
    paired_difference,
    paired_differences,
    t_interval,
)


def test_the_t_interval_covers_as_often_as_it_says_with_four_seeds() -> None:
    draws = np.random.default_rng(0).normal(3, 7, (4000, 4))
    covered = [found.low <= 3 <= found.high for found in map(t_interval, draws)]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_the_t_interval_is_scipys() -> None:
    values = [1.0, 4.0, 2.5, 8.0, float("nan")]
    expected = ttest_1samp(values[:4], 0).confidence_interval(0.9)
    assert t_interval(values, 0.9) == pytest.approx((3.875, expected.low, expected.high, 4))


def test_fewer_than_two_values_have_no_interval() -> None:
    one, none = t_interval([5.0]), t_interval([])
    assert (one.value, one.n, none.n) == (5, 1, 0)
    assert all(math.isnan(number) for number in (one.low, one.high, none.value, none.low))


def test_pairs_share_a_seed_and_shared_noise_cancels() -> None:
    first = pd.Series({0: 10.0, 1: 110.0, 2: 52.0, 7: 1e6})
    second = pd.Series({2: 50.0, 1: 110.0, 0: 9.0, 8: -1e6})
    found = paired_difference(first, second)
    assert (found.value, found.n) == (1, 3)
    assert found == t_interval([1, 0, 2])


# ------------------------------------------------------------------------------------------------- budgets


def curve(score: dict[int, float], task: str = "hopper", method: str = "ours", seed: int = 0) -> pd.DataFrame:
    table = pd.DataFrame({"env_steps": list(score), "normalized_score": list(score.values())})
    return table.assign(task=task, dataset="medium", method=method, seed=seed)


def test_score_and_regret_at_the_budgets_that_are_reached() -> None:
    found = fixed_budgets(curve({0: 0.0, 20_000: 100.0, 30_000: 100.0}))
    assert found["env_steps"].tolist() == [10_000, 25_000, 30_000]
    assert found["score"].tolist() == [50, 100, 100]
    # a rise from 0 to 100 in 20k steps costs 10k steps of an expert's score
    assert found["regret"].tolist() == pytest.approx([0.75, 10 / 25, 10 / 30])


def test_an_expert_has_no_regret() -> None:
    assert fixed_budgets(curve({0: 100.0, 5000: 100.0}))["regret"].tolist() == [0]


def test_every_run_ends_at_its_own_last_step_but_not_beyond_the_paper_s() -> None:
    long = curve({0: 0.0, 200_000: 100.0, 250_000: 100.0, 1_000_000: 0.0})
    short = curve({0: 50.0, 4000: 60.0}, method="sac-ft")
    found = fixed_budgets(pd.concat([long, short])).groupby("method").tail(1)
    assert found["env_steps"].tolist() == [250_000, 4000]
    assert found["score"].tolist() == [100, 60]


def test_final_scores_are_those_of_runs_that_have_a_normalised_score() -> None:
    runs = pd.DataFrame(
        {"task": "hopper", "dataset": "medium", "method": "ours", "seed": [0, 1], "return_final": 9}
    )
    found = final_scores(runs.assign(normalized_final=[70.0, float("nan")]))
    assert found.to_numpy().tolist() == [["hopper", "medium", "ours", 0, 70.0]]


# ------------------------------------------------------------------------------------- finals, aggregates


def finals(tasks: int = 3, seeds: int = 4, **levels: float) -> pd.DataFrame:
    """Scores level + 0, 1, 2, ... over seeds, on one dataset; the method `sac` is from scratch."""
    rows = [
        (task, "none" if method == "sac" else "medium", method, seed, level + seed)
        for task in ("halfcheetah", "hopper", "walker2d")[:tasks]
        for method, level in levels.items()
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["task", "dataset", "method", "seed", "score"])


def test_differences_are_paired_and_sac_stands_beside_every_dataset() -> None:
    found = paired_differences(finals(tasks=1, ours=50, awac=30, sac=10))
    assert found["method"].tolist() == ["awac", "sac"]
    assert found["dataset"].tolist() == ["medium", "medium"]
    assert found[["value", "low", "high", "n"]].to_numpy().tolist() == [[20, 20, 20, 4], [40, 40, 40, 4]]


@pytest.mark.parametrize(("tasks", "seeds"), [(2, 4), (3, 3)])
def test_no_aggregates_of_few_tasks_or_seeds(tasks: int, seeds: int) -> None:
    assert aggregates(finals(tasks, seeds, ours=50, awac=30)).empty


def test_matrices_hold_the_same_datasets_for_all_methods() -> None:
    table = pd.concat([finals(ours=50, awac=30, sac=10), finals(tasks=1, uniform=40)])
    found = score_matrices(table)
    assert list(found) == ["awac", "ours", "sac"]  # uniform lacks two tasks
    assert found["ours"].to_numpy().tolist() == [[50 + seed] * 3 for seed in range(4)]


def test_aggregates_with_their_intervals() -> None:
    table = finals(ours=50, awac=49, sac=10)
    found = aggregates(table).set_index(["statistic", "method"])
    assert found.loc[("iqm", "ours"), "value"] == metrics.aggregate_iqm(score_matrices(table)["ours"]) == 51.5
    better = found.loc["probability of improvement"]
    assert better.index.tolist() == ["awac"]  # from scratch there are other datasets
    # of 16 pairs of runs 50..53 against 49..52, 10 are above and 3 are ties
    assert better.loc["awac", "value"] == 11.5 / 16
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()
    assert found.loc[("iqm", "ours"), ["seeds", "datasets"]].tolist() == [4, 3]


def test_aggregates_draw_the_same_and_leave_the_global_generator_alone() -> None:
    table = finals(ours=50, awac=49)
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert aggregates(table).equals(aggregates(table))
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


def test_statistics_are_rliables() -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.integers(0, 60, (runs, 5)).astype(float) for runs in (4, 7))
    taus = np.linspace(0, 60, 13)
    assert probability_of_improvement(first, second) == pytest.approx(
        metrics.probability_of_improvement(first, second)
    )
    for scores in (first, second):
        assert iqm(scores.reshape(-1)) == pytest.approx(metrics.aggregate_iqm(scores))
        shares = [rliable.run_score_deviation(scores, tau) for tau in taus]
        assert profile(scores.reshape(-1), taus).tolist() == pytest.approx(shares)


def test_intervals_are_rliables_but_for_the_draws() -> None:
    np.random.seed(0)  # noqa: NPY002 - rliable draws from the global generator
    rng = np.random.default_rng(2)
    first, second = (level + 10 * rng.normal(size=(6, 9)) for level in (50, 46))
    _, wanted = rliable.get_interval_estimates(
        {"m": first}, lambda scores: np.array([metrics.aggregate_iqm(scores)]), reps=2000
    )
    found = banded(iqm, first)
    assert [float(found.low), float(found.high)] == pytest.approx(wanted["m"][:, 0].tolist(), abs=0.6)
    _, wanted = rliable.get_interval_estimates(
        {"m": (first, second)},
        lambda x, y: np.array([probability_of_improvement(x, y)]),
        reps=2000,
    )
    better = improvement(first, second)
    assert [float(better.low), float(better.high)] == pytest.approx(wanted["m"][:, 0].tolist(), abs=0.02)


def test_the_portrait_is_of_methods_with_the_same_datasets() -> None:
    table = finals(ours=50, awac=40, sac=10)
    curves = pd.concat(
        curve({0: row.score - 10, 1000: row.score, 2000: row.score}, row.task, row.method, row.seed)
        for row in table.itertuples()
    )
    found = portrait(curves, table)
    assert set(found["method"]) == {"ours", "awac"}  # from scratch there are other datasets
    panels = dict(iter(found.groupby("panel")))
    assert set(panels) == {"iqm", "improvement", "profile", "steps"}
    assert panels["improvement"]["method"].tolist() == ["awac"]
    steps = panels["steps"].query("method == 'ours'")
    assert steps["value"].iloc[[0, 25, 50]].tolist() == [41.5, 51.5, 51.5]
    assert (found["low"] <= found["value"] + 1e-12).all()
    assert (found["value"] <= found["high"] + 1e-12).all()
    profiles = panels["profile"].query("method == 'awac'")["value"]
    assert profiles.is_monotonic_decreasing
    assert portrait(curves, finals(tasks=2, ours=50, awac=40)).empty
