"""What `off2on bench` has measured that gradient steps take here, for the planner. Nothing here loads torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from off2on.errors import Off2OnError
from off2on.jobs import FinetuneJob, Job
from off2on.paths import Layout
from off2on.results.run_json import parse_json


@dataclass(frozen=True)
class Bench:
    """Seconds of gradient steps on one kind of device."""

    #: the processor, or the graphics card
    where: str = ""
    #: by `step_name`
    seconds: Mapping[str, float] = field(default_factory=dict)


#: by kind of device, "cpu" or "cuda"
Benches = Mapping[str, Bench]
NOTHING_MEASURED: Benches = {}


def read_benches(layout: Layout) -> dict[str, Bench]:
    """What was measured in this directory.

    Raises:
        Off2OnError: a file of it cannot be read.
    """
    found = {}
    for kind in ("cpu", "cuda"):
        path = layout.bench(kind)
        if not path.is_file():
            continue
        record = parse_json(path)
        steps = record.get("steps") if isinstance(record, dict) else None
        if not isinstance(steps, dict) or not all(type(s) is float and s > 0 for s in steps.values()):
            raise Off2OnError(f"{path}: 'steps' are no times of steps; measure them again with `off2on bench`")
        found[kind] = Bench(str(record.get("where")), steps)
    return found


def step_flop(job: Job) -> float:
    """FLOP of a gradient step, of all members and of the sampler."""
    sizes = job.task.sizes
    flop = job.members * job.phase.flop(job.settings, sizes)
    return flop + job.sampler.flop(job.settings, sizes) if isinstance(job, FinetuneJob) else flop


def step_name(job: Job) -> str:
    """The same for all jobs whose steps take the same time."""
    image = "pixels" if job.task.observation.is_image else "vectors"
    return f"{job.kind} {job.name} {image} {job.settings.precision} {step_flop(job):.3e}"
