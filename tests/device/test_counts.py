"""What the planner says of a step on a GPU is counted: its kernels, and the bytes that they read and write."""

from typing import Any

import pytest
import torch
from torch._ops import OpOverload
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from off2on.benches import step_flop
from off2on.jobs import Job, PretrainJob
from off2on.plan import BYTES_PER_FLOP, KERNELS
from off2on.scale import load_scale
from off2on.scale_jobs import Pretraining, Run, finetune_job, pretrain_job
from off2on.training import bench
from off2on.training.evaluate import Averages
from tests.device.audit import DEVICE, on_device, tensors

PAPER = load_scale("paper")


class Count(TorchDispatchMode):
    """Kernels, and bytes: of what is gathered or scattered the rows alone."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = self.bytes = 0

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.namespace == "prim" or func.is_view or any(word in str(func) for word in ("detach", "empty")):
            return out
        given, made = tensors((args, kwargs)), tensors(out)
        touched = given + made
        if "aten.index." in str(func):
            touched = 3 * made
        elif "index_put" in str(func):
            touched = 2 * given[-1:]
        self.kernels += 1
        self.bytes += sum(tensor.nbytes for tensor in touched)
        return out


def counted(job: Job) -> Count:
    device = torch.device(DEVICE)
    with FakeTensorMode():
        averages = Averages(["q_mean"], device)
        offline = isinstance(job, PretrainJob)
        step = bench._offline(job, averages, device) if offline else bench._online(job, averages, device)  # type: ignore[arg-type]
        step.agent.steps = 10**9
        numbers = on_device(step.draw())
        with Count() as count:
            step.learn(numbers)
    return count


@pytest.mark.parametrize(
    "job",
    [
        pretrain_job(PAPER, Pretraining("halfcheetah", "random", "cql", 0)),
        pretrain_job(PAPER, Pretraining("halfcheetah", "random", "bcq", 0)),
        finetune_job(PAPER, Run("halfcheetah", "random", "ours", 0)),
    ],
    ids=lambda job: job.name,
)
def test_kernels_and_bytes_of_the_dearest_steps_are_about_those_of_the_plan(job: Job) -> None:
    count = counted(job)
    assert count.kernels == pytest.approx(KERNELS, rel=0.4)
    assert count.bytes / step_flop(job) == pytest.approx(BYTES_PER_FLOP, rel=0.4)
