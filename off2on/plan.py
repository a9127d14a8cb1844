"""What a scale costs: jobs, steps, core-hours, GPU-hours, disk. Arithmetic on the settings, nothing is run.

The FLOP of a gradient step, which the entries of algorithms and samplers give, are divided by a rate; what does
not grow with the networks is a fixed time. The estimate is meant to be right within a factor of two on an idle
machine. `off2on bench` measures the steps of a scale: where it has, these times take the place of the estimate.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from off2on.algorithms import get_algorithm
from off2on.algorithms.flop import head
from off2on.analysis.tables import ENOUGH
from off2on.benches import NOTHING_MEASURED, Bench, Benches, step_flop, step_name
from off2on.config import Precision
from off2on.envs.task import Task
from off2on.envs.tasks import get_task
from off2on.figures.registry import get_figure
from off2on.gpus import SLOTS
from off2on.jobs import FinetuneJob, Job, PretrainJob
from off2on.scale import Scale
from off2on.scale_jobs import finetune_job, likelihoods, pretrain_job, pretrainings, runs
from off2on.settings import Settings
from off2on.training.kept import kept_steps
from off2on.training.schedule import epochs, updates

#: float32 FLOP/s of one core by network width: small matrices reach less of the peak
CORE_RATES = {32: 3e9, 64: 8e9, 128: 45e9, 256: 58e9}
#: of networks that see images: `cog` reaches 84e9 and 91e9, `small` 109e9 and 120e9, by the times in
#: docs/benchmarks.md
CORE_PIXEL_RATE = 100e9
#: seconds of a gradient step that no matrix product explains: dispatch, sampling, optimiser
STEP_SECONDS = 3e-3
#: seconds of an environment step in a lock-step roll-out, policy included; those from pixels one by one
ENV_STEP_SECONDS, PIXEL_STEP_SECONDS = 1.2e-4, 2e-3
#: seconds for import, reading the dataset and writing the outputs of one job
JOB_SECONDS = 6.0
#: the same of a large GPU, from its data sheet: float32 and TF32 products a second that small matrices reach
GPU_RATES: dict[Precision, float] = {"float32": 35e12, "tf32": 160e12}
#: bytes a second, and those that pass over its memory for every FLOP of a step
GPU_BANDWIDTH, BYTES_PER_FLOP = 2.5e12, 0.07
#: kernels of a step, counted at scale paper as the bytes are, and seconds of the smallest one in a graph
KERNELS, KERNEL_SECONDS = 270, 1.7e-6

FLOAT_BYTES = 4
#: of policy, twin critics and their targets, what is trained: kept of an offline step, and has Adam's two moments
TRAINED = 3 / 5
#: a state is written beside the one before
STATES = 2


@dataclass(frozen=True)
class Row:
    """The work of one stage, or of one job of it."""

    stage: str
    jobs: int = 0
    gradient_steps: int = 0
    env_steps: int = 0
    flop: float = 0.0
    core_seconds: float = 0.0
    #: of a GPU that jobs share in `SLOTS` slots
    gpu_seconds: float = 0.0
    #: left behind
    disk_bytes: float = 0.0
    #: held besides while a job runs; of several the largest
    running_bytes: float = 0.0
    #: jobs whose gradient steps were measured, on a CPU and on a GPU
    cpu_measured: int = 0
    gpu_measured: int = 0

    def __add__(self, other: "Row") -> "Row":
        mine, others = vars(self), vars(other)
        added = {key: mine[key] + others[key] for key in mine if key != "stage"}
        return Row(self.stage, **added | {"running_bytes": max(self.running_bytes, other.running_bytes)})


@dataclass(frozen=True)
class Plan:
    """The stages of a scale, in the order in which they run."""

    scale: str
    stages: tuple[Row, ...]
    benches: Benches = field(default_factory=dict)

    @property
    def total(self) -> Row:
        """The sum of the stages."""
        return sum(self.stages, Row("total"))

    def __str__(self) -> str:
        head = ("stage", "jobs", "gradient steps", "env steps", "PFLOP", "core-hours", "GPU-hours", "disk GB")
        lines = [head, *(_cells(row) for row in (*self.stages, self.total))]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        table = [
            f"{line[0]:<{widths[0]}}  " + "  ".join(f"{c:>{w}}" for c, w in zip(line[1:], widths[1:], strict=True))
            for line in lines
        ]
        return "\n".join(table)

    @property
    def origins(self) -> list[str]:
        """Where the hours of each stage come from, a line for cores and one for GPUs, and what an estimate is."""
        cores = [_origin(row, row.cpu_measured, self.benches.get("cpu")) for row in self.stages if row.jobs]
        gpus = [_origin(row, row.gpu_measured, self.benches.get("cuda")) for row in self.stages if row.gpu_seconds]
        return [
            f"core-hours: {'; '.join(cores)}",
            f"GPU-hours: {'; '.join(gpus)}; {SLOTS} jobs share a GPU, and step their environments on cores",
            f"estimate: a core does {CORE_RATES[256] / 1e9:.0f} GFLOP/s at width 256, "
            f"{CORE_PIXEL_RATE / 1e9:.0f} on images, and a step takes "
            f"{1e3 * STEP_SECONDS:.0f} ms besides (measured, docs/benchmarks.md); a GPU does "
            f"{GPU_RATES['float32'] / 1e12:.0f} TFLOP/s in float32 and {GPU_BANDWIDTH / 1e12:.1f} TB/s "
            f"(an H100 by its data sheet, not measured), and a step moves {BYTES_PER_FLOP} bytes a FLOP in "
            f"{KERNELS} kernels (counted)",
        ]


def _origin(row: Row, measured: int, bench: Bench | None) -> str:
    if bench is None or not measured:
        return f"{row.stage} estimated"
    if measured == row.jobs:
        return f"{row.stage} measured on {bench.where}"
    return f"{row.stage} measured on {bench.where} for {measured} of {row.jobs} jobs, else estimated"


def _cells(row: Row) -> tuple[str, ...]:
    hours = (f"{row.core_seconds / 3600:,.1f}", f"{row.gpu_seconds / 3600:,.1f}")
    work = (f"{row.jobs:,}", f"{row.gradient_steps:,}", f"{row.env_steps:,}", f"{row.flop / 1e15:,.2f}")
    return (row.stage, *work, *hours, f"{row.disk_bytes / 1e9:,.2f}")


def plan(scale: Scale, target: str | None = None, benches: Benches = NOTHING_MEASURED) -> Plan:
    """The cost of everything the scale runs, or of what one figure reads of it; evaluations included.

    Args:
        scale: as it is run.
        target: a figure; None: everything.
        benches: what was measured of it.

    Raises:
        Off2OnError: the target is not a figure.
    """
    figure = None if target is None else get_figure(target)
    needs = frozenset({"runs", "likelihoods", "cost"}) if figure is None else figure.needs
    wanted = [run for run in runs(scale) if figure is None or figure.draws(run.task, run.dataset, run.method)]
    modelled = likelihoods(scale) if "likelihoods" in needs else []
    trained = list(dict.fromkeys([*pretrainings(wanted), *modelled]))
    places = [(run.task, run.dataset) for run in wanted] + [(job.task, job.dataset) for job in trained]
    pairs = dict.fromkeys(place for place in places if place[1] != "none")
    collecting = (collect_cost(scale, *pair) for pair in pairs)
    pretraining = (pretrain_cost(pretrain_job(scale, job), benches) for job in trained if not scale.pretrained)
    finetuning = (finetune_cost(finetune_job(scale, run), benches) for run in wanted)
    analysing = [likelihood_cost(scale, job.task) for job in modelled]
    analysing += [measuring_cost(scale)] if "cost" in needs else []
    stages = (
        _sum("collect", collecting),
        _sum("pretrain", pretraining),
        _sum("finetune", finetuning),
        _sum("analyse", analysing),
    )
    return Plan(scale.name, stages, benches)


def price_of_verdicts(scale: Scale, figures: Iterable[str]) -> list[str]:
    """How to get verdicts for claims that have too few seeds: for each figure the command, and what it costs.

    Args:
        scale: as it is run now.
        figures: names, those that the claims are about.
    """
    more = scale.model_copy(update={"seeds": max(scale.seeds, ENOUGH)})
    config = f"scale={scale.argument}" + " agents=DIR" * scale.pretrained
    config += f" seeds={ENOUGH}" * (scale.seeds < ENOUGH)
    lines = []
    for name in dict.fromkeys(figures):
        minutes = (plan(more, name).total.core_seconds - plan(scale, name).total.core_seconds) / 60
        price = f"{minutes:,.0f} core-minutes more" if scale.seeds < ENOUGH else "the runs that are missing"
        lines.append(
            f"snakemake {name} --config {config}, then off2on claims {name} --scale {scale.argument}: {price}"
        )
    return lines


def _sum(stage: str, rows: Iterable[Row]) -> Row:
    return sum(rows, Row(stage))


def transitions(scale: Scale, task: str, dataset: str) -> int:
    """Rows of a local dataset."""
    if get_task(task).family == "manipulation":
        made = scale.demonstrations_of(task)
        # half of a task takes about half of its time
        return (made.prior_episodes + made.task_episodes) * get_task(task).horizon // 2 + made.random
    return scale.collect.transitions * (2 if dataset == "medium-expert" else 1)


def collect_cost(scale: Scale, task: str, dataset: str) -> Row:
    """A local dataset: roll-outs, and for a true replay buffer the SAC run; for other sources a file."""
    rows = transitions(scale, task, dataset)
    disk = rows * row_bytes(get_task(task))
    if not scale.makes(task):
        return Row("collect", jobs=1, disk_bytes=disk)
    training = rows if dataset == "medium-replay" and scale.collect.replay == "buffer" else 0
    flop = training * get_algorithm("sac").phase("online").flop(scale, get_task(task).sizes)
    rolling = JOB_SECONDS + rows * env_step_seconds(get_task(task))
    return replace(_job("collect", core_rate(scale), training, rows, flop, rolling), disk_bytes=disk)


def row_bytes(task: Task) -> int:
    """Of a transition: observation, action, reward and end."""
    pixel = 1 if task.observation.is_image else FLOAT_BYTES
    return pixel * task.observation.size + FLOAT_BYTES * (task.action_size + 2)


def memory_mb(scale: Scale, task: str, dataset: str) -> int:
    """Of a job on a dataset: import of torch and MuJoCo, and the dataset three times over."""
    data = 0.0 if dataset == "none" else collect_cost(scale, task, dataset).disk_bytes
    return 1000 + round(3 * data / 1e6)


def pretrain_cost(job: PretrainJob, benches: Benches = NOTHING_MEASURED) -> Row:
    """One offline pre-training of all members."""
    loop = job.settings.pretraining
    evaluations = 1 + job.steps // loop.evaluate_every
    rolled = evaluations * job.members * loop.eval_episodes * job.task.horizon
    disk = TRAINED * (1 + len(kept_steps(job))) * _networks(job)
    return replace(_trained(job, job.steps, rolled, benches), disk_bytes=disk)


def finetune_cost(job: FinetuneJob, benches: Benches = NOTHING_MEASURED) -> Row:
    """One online run."""
    loop = job.settings.finetuning
    steps = sum(updates(job, epoch) for epoch in range(epochs(job)))
    rolled = loop.env_steps + (1 + epochs(job)) * loop.eval_episodes * job.task.horizon
    row = _trained(job, steps, rolled, benches)
    online = STATES * loop.env_steps * row_bytes(job.task)
    return replace(row, disk_bytes=_networks(job), running_bytes=row.running_bytes + online)


def gpu_step_seconds(job: Job) -> float:
    """An estimate of a gradient step, replayed as a graph: its kernels, its products and what it moves."""
    rate = 1 / GPU_RATES[job.settings.precision] + BYTES_PER_FLOP / GPU_BANDWIDTH
    return KERNELS * KERNEL_SECONDS + step_flop(job) * rate


def _trained(job: Job, steps: int, env_steps: int, benches: Benches) -> Row:
    """A job of training, on a core or in a slot of a GPU; what it steps and evaluates is on a core anyway."""
    name, flop = step_name(job), step_flop(job)
    rolling = JOB_SECONDS + env_steps * env_step_seconds(job.task)
    rate = CORE_PIXEL_RATE if job.task.observation.is_image else core_rate(job.settings)
    row = _job(job.kind, rate, steps, env_steps, steps * flop, rolling)
    cpu, gpu = (benches.get(kind, Bench()).seconds.get(name) for kind in ("cpu", "cuda"))
    learning = steps * (gpu_step_seconds(job) if gpu is None else gpu)
    return replace(
        row,
        running_bytes=STATES * (1 + 2 * TRAINED) * _networks(job),
        core_seconds=row.core_seconds if cpu is None else rolling + steps * cpu,
        # the GPU is waited for, or one of its slots is held
        gpu_seconds=max(learning, (rolling + learning) / SLOTS),
        cpu_measured=int(cpu is not None),
        gpu_measured=int(gpu is not None),
    )


def likelihood_cost(scale: Scale, task: str) -> Row:
    """The VAE of one dataset and seed with its roll-outs: training, then `K` decodings a pair [S89]."""
    settings, sizes = scale.likelihood, get_task(task).sizes
    first, last = settings.widths[0], settings.widths[-1]
    hidden = sum(a * b for a, b in pairwise(settings.widths))
    pair = sizes.observation.size + sizes.action
    decoder = settings.latent * first + hidden + last * pair
    encoder = pair * first + hidden + last * 2 * settings.latent
    training = settings.steps * settings.batch * 3 * (encoder + decoder)
    estimating = 2 * settings.samples * settings.importance_samples * decoder
    flop = 2.0 * (training + estimating)
    rolling = JOB_SECONDS + settings.rollout_steps * env_step_seconds(get_task(task))
    return _job("analyse", core_rate(scale), settings.steps, settings.rollout_steps, flop, rolling)


def measuring_cost(scale: Scale) -> Row:
    """The measurement of Appendix B: ensembles of several sizes, batched and as a loop."""
    steps = 2 * scale.cost.repeats * len(scale.cost.members)
    members = 2 * scale.cost.repeats * sum(scale.cost.members)
    flop = members * get_algorithm("sac").phase("online").flop(scale, get_task(scale.tasks[0]).sizes)
    return _job("analyse", core_rate(scale), steps, 0, flop, JOB_SECONDS)


def env_step_seconds(task: Task) -> float:
    """Of a roll-out of the task, policy included."""
    return PIXEL_STEP_SECONDS if task.observation.is_image else ENV_STEP_SECONDS


def core_rate(settings: Settings) -> float:
    """Float32 FLOP/s of one core in networks of vectors."""
    return CORE_RATES[min(CORE_RATES, key=lambda known: abs(known - settings.network.width))]


def _job(stage: str, rate: float, gradient_steps: int, env_steps: int, flop: float, rolling: float) -> Row:
    """A job of so many seconds but for its gradient steps, on a core of so many FLOP/s."""
    core = rolling + gradient_steps * STEP_SECONDS + flop / rate
    return Row(stage, 1, gradient_steps, env_steps, flop, core)


def _networks(job: PretrainJob | FinetuneJob) -> float:
    """Bytes of policy, twin critics and their targets."""
    settings = job.settings
    one = head(settings, job.task.sizes, settings.images.head, settings.network.widths)
    return FLOAT_BYTES * 5 * job.members * one


def duration(seconds: float) -> str:
    """'40 s', '12 min', '3.5 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
