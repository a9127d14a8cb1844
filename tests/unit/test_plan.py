"""The estimate of a scale's cost: exact counts, and FLOP that agree with counts made by hand."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from off2on.benches import step_flop
from off2on.jobs import FinetuneJob, Job
from off2on.plan import GPU_RATES, finetune_cost, gpu_step_seconds, plan, pretrain_cost, price_of_verdicts
from off2on.scale import load_scale
from off2on.scale_jobs import Pretraining, Run, finetune_job, pretrain_job

PAPER = load_scale("paper")


def run(task: str, dataset: str, method: str) -> FinetuneJob:
    return finetune_job(PAPER, Run(task, dataset, method, 0))


def test_a_fine_tuning_step_of_the_paper_is_3_gflop() -> None:
    cost = finetune_cost(run("halfcheetah", "random", "ours"))
    assert cost.flop / cost.gradient_steps == pytest.approx(3.1e9, rel=0.1)


def test_a_cql_step_of_the_paper_is_7_gflop_an_agent() -> None:
    cost = pretrain_cost(pretrain_job(PAPER, Pretraining("halfcheetah", "random", "cql", 0)))
    assert cost.flop / cost.gradient_steps / 5 == pytest.approx(7.0e9, rel=0.1)


def test_the_first_epoch_learns_five_times_as_much() -> None:
    cost = finetune_cost(run("hopper", "medium", "ours"))
    assert cost.gradient_steps == 250_000 + 4 * 1000
    assert cost.env_steps == 250_000 + 251 * 5 * 1000


@pytest.mark.parametrize("method", ["awac", "bcq-ft"])
def test_the_first_epoch_of_the_baselines_is_as_long_as_the_others(method: str) -> None:
    assert finetune_cost(run("hopper", "medium", method)).gradient_steps == 250_000


def test_nothing_is_learned_during_the_warm_up_of_a_run_from_scratch() -> None:
    cost = finetune_cost(run("hopper", "none", "sac"))
    assert cost.gradient_steps == 250_000 - 1000
    assert cost.env_steps == 250_000 + 250 * 5 * 1000


def test_overrides_count() -> None:
    deep, shallow = (finetune_cost(run("halfcheetah", d, "ours")).flop for d in ("medium-expert", "random"))
    assert 1.8 < deep / shallow < 2


def test_stages_add_up_and_print_as_a_table() -> None:
    found = plan(PAPER)
    assert [(row.stage, row.jobs) for row in found.stages] == [
        ("collect", 15),
        ("pretrain", 232),
        ("finetune", 760),
        ("analyse", 5),  # a VAE a seed, and the cost of the ensemble
    ]
    assert found.total.jobs == 1012
    assert found.total.core_seconds == pytest.approx(sum(row.core_seconds for row in found.stages))
    lines = str(found).splitlines()
    assert lines[0].split()[:2] == ["stage", "jobs"]
    assert lines[-1].split()[:2] == ["total", "1,012"]
    assert len({len(line) for line in lines}) == 1


def test_disk_is_what_finished_jobs_leave_and_what_a_running_one_holds() -> None:
    """Of one agent 2 x 256: 4 bytes a parameter, targets too; states hold the online data besides."""
    cost = finetune_cost(run("halfcheetah", "medium", "sac-ft-online"))
    policy = 17 * 256 + 256 * 257 + 256 + 2 * 6 * 257
    critic = 23 * 256 + 256 * 257 + 256 + 257
    assert cost.disk_bytes == pytest.approx(4 * (policy + 4 * critic), rel=0.05)
    assert cost.running_bytes == pytest.approx(2 * (2.2 * cost.disk_bytes + 250_000 * 4 * (17 + 6 + 2)))
    kept = pretrain_cost(pretrain_job(PAPER, Pretraining("pick-place", "mixed", "cql", 0)))
    once = pretrain_cost(pretrain_job(PAPER, Pretraining("halfcheetah", "medium", "cql", 0)))
    assert kept.disk_bytes == pytest.approx(51 * kept.running_bytes * 0.6 / 4.4)
    assert once.disk_bytes == pytest.approx(once.running_bytes * 0.6 / 4.4)
    found = plan(PAPER).total
    assert found.running_bytes < found.disk_bytes


def test_half_the_seeds_cost_half() -> None:
    half, whole = (plan(load_scale("paper", seeds=seeds)).stages for seeds in (2, 4))
    # datasets and the cost of the ensemble are the same for all seeds
    for stage in (1, 2):
        assert half[stage].flop == pytest.approx(whole[stage].flop / 2)
        assert half[stage].gpu_seconds == pytest.approx(whole[stage].gpu_seconds / 2)


def test_a_gpu_saves_time_where_networks_are_large() -> None:
    total = plan(PAPER).total
    assert total.gpu_seconds < total.core_seconds / 20


@pytest.mark.parametrize(
    ("job", "milliseconds"),
    # counted kernels, FLOP and bytes of each kernel at its bound, whichever it is: another estimate of an H100
    [
        (pretrain_job(PAPER, Pretraining("halfcheetah", "random", "cql", 0)), 2.0),
        (run("halfcheetah", "random", "ours"), 0.63),
    ],
    ids=["cql", "ours"],
)
def test_a_step_on_a_gpu_is_estimated_within_a_third(job: Job, milliseconds: float) -> None:
    assert 1e3 * gpu_step_seconds(job) == pytest.approx(milliseconds, rel=0.33)


def test_tf32_makes_products_faster_and_nothing_else() -> None:
    job = pretrain_job(PAPER, Pretraining("halfcheetah", "random", "cql", 0))
    faster = replace(job, settings=job.settings.model_copy(update={"precision": "tf32"}))
    saved = step_flop(job) * (1 / GPU_RATES["float32"] - 1 / GPU_RATES["tf32"])
    assert gpu_step_seconds(job) - gpu_step_seconds(faster) == pytest.approx(saved)


def test_planning_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from off2on.scale import load_scale; from off2on.plan import plan; plan(load_scale('quick'))\n"
        "assert not {'torch', 'numpy', 'gymnasium'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_verdict_costs_more_seeds_or_what_is_missing_of_them() -> None:
    (few,) = price_of_verdicts(load_scale("quick"), ["fig_4a", "fig_4a"])
    assert re.fullmatch(
        r"snakemake fig_4a --config scale=quick seeds=4, then off2on claims fig_4a --scale quick: "
        r"[1-9]\d* core-minutes more",
        few,
    )
    (enough,) = price_of_verdicts(load_scale("published"), ["fig_4c"])
    assert enough == (
        "snakemake fig_4c --config scale=published agents=DIR, then off2on claims fig_4c --scale published: "
        "the runs that are missing"
    )


def test_networks_that_see_images_have_a_rate_of_their_own() -> None:
    """A step of `cog` with four agents takes 3.5 s on one core, one of fine-tuning 2.2 s (docs/benchmarks.md)."""
    offline = pretrain_cost(pretrain_job(PAPER, Pretraining("pick-place", "mixed", "cql", 0)))
    online = finetune_cost(run("pick-place", "mixed", "ours"))
    for cost, measured in ((offline, 3.54), (online, 2.18)):
        assert cost.core_seconds / cost.gradient_steps == pytest.approx(measured, rel=0.25)
