"""Steps that are timed, and the plan that takes their times."""

from pathlib import Path

import pytest

from off2on.benches import Bench, read_benches, step_name
from off2on.errors import Off2OnError
from off2on.gpus import SLOTS
from off2on.nn.device import CPU
from off2on.paths import Layout
from off2on.plan import ENV_STEP_SECONDS, JOB_SECONDS, finetune_cost, plan
from off2on.scale import load_scale
from off2on.scale_jobs import Run, finetune_job
from off2on.training.bench import measure

PAPER, SMOKE = load_scale("paper"), load_scale("smoke", tasks=["halfcheetah"], methods=["ours", "awac"])
RUN = finetune_job(PAPER, Run("hopper", "medium", "ours", 0))


def test_every_kind_of_step_is_timed_and_found_by_the_plan(tmp_path: Path) -> None:
    layout = Layout("smoke", "local", tmp_path)
    steps = measure(SMOKE, layout, CPU)
    assert [name.rsplit(" ", 3)[0] for name in steps] == [
        *("pretrain cql", "pretrain awac", "finetune ours", "finetune awac"),
    ]
    benches = read_benches(layout)
    assert benches.keys() == {"cpu"}
    assert benches["cpu"].seconds == steps
    found = plan(SMOKE, benches=benches)
    assert all(row.cpu_measured == row.jobs and not row.gpu_measured for row in found.stages[1:3])
    where = benches["cpu"].where
    assert f"pretrain measured on {where}; finetune measured on {where}; analyse estimated" in found.origins[0]
    assert found.origins[1].startswith("GPU-hours: pretrain estimated; finetune estimated; ")


def test_measured_steps_take_the_place_of_estimated_ones() -> None:
    cost = finetune_cost(
        RUN, {"cpu": Bench("a core", {step_name(RUN): 0.5}), "cuda": Bench("H100", {"other": 1.0})}
    )
    rolling = JOB_SECONDS + cost.env_steps * ENV_STEP_SECONDS
    assert cost.core_seconds == pytest.approx(rolling + 0.5 * cost.gradient_steps)
    assert (cost.cpu_measured, cost.gpu_measured) == (1, 0)
    assert cost.gpu_seconds == finetune_cost(RUN).gpu_seconds


@pytest.mark.parametrize(("seconds", "bound"), [(1e-4, "environments"), (0.1, "gpu")])
def test_a_gpu_is_busy_with_steps_or_waits_for_environments(seconds: float, bound: str) -> None:
    cost = finetune_cost(RUN, {"cuda": Bench("H100", {step_name(RUN): seconds})})
    learning = seconds * cost.gradient_steps
    rolling = JOB_SECONDS + cost.env_steps * ENV_STEP_SECONDS
    assert cost.gpu_measured == 1
    assert cost.gpu_seconds == pytest.approx(learning if bound == "gpu" else (learning + rolling) / SLOTS)


def test_a_part_that_was_measured_is_told_apart() -> None:
    names = {step_name(finetune_job(PAPER, Run(task, "medium", "ours", 0))) for task in ("hopper", "walker2d")}
    lines = plan(PAPER, benches={"cuda": Bench("H100", dict.fromkeys(names, 1e-3))}).origins
    assert "finetune measured on H100 for " in lines[1]
    assert " of 760 jobs, else estimated" in lines[1]


@pytest.mark.parametrize("steps", ['{"finetune ours": -1.0}', '{"finetune ours": "1"}', "[]", "null"])
def test_a_file_that_holds_no_times_is_named(steps: str, tmp_path: Path) -> None:
    layout = Layout("smoke", "local", tmp_path)
    layout.bench("cuda").parent.mkdir(parents=True)
    layout.bench("cuda").write_text(f'{{"where": "H100", "steps": {steps}}}')
    with pytest.raises(Off2OnError, match=r"cuda\.json: 'steps' are no times of steps; .*off2on bench"):
        read_benches(layout)
