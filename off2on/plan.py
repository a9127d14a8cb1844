"""What a scale costs: jobs, steps, core-hours, GPU-hours, disk. Arithmetic on the settings, nothing is run.

The work of a gradient step is counted in network passes (one forward pass of one sample = 2 FLOP a weight) and
divided by a rate; what does not grow with the networks is a fixed time. The estimate is meant to be right within a
factor of two on an idle machine. Training uses CPUs only today: GPU-hours say what a GPU could save.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from off2on.config import Scale, Settings
from off2on.envs.tasks import get_task
from off2on.methods import get_algorithm, get_method
from off2on.selection import Pretraining, Run, datasets, likelihoods, pretrainings, runs

#: forward-pass equivalents a sample and member: policy and twin critics, forward and backward (facts 1.6)
FINETUNE_PASSES = 16
#: CQL samples three kinds of actions and passes each through both critics, forward and backward (facts 2.1)
CQL_PASSES_AN_ACTION = 18
#: critics forward and backward, their targets and the policy's next action (facts 6.1)
FQE_PASSES = 9
#: critics and policy forward and backward, targets and the values of the policy's action (facts 4.1)
AWAC_PASSES = 14
#: of BCQ's critics and perturbation network: forward and backward, and for each candidate perturbing and the twin
#: targets (facts 5)
BCQ_PASSES, BCQ_PASSES_A_CANDIDATE = 13, 3
#: of its VAE's halves: forward and backward, decoding for the actor's loss; and for each candidate
VAE_PASSES, VAE_PASSES_A_CANDIDATE = 8, 1
#: the one density network on offline and online pairs, forward and backward, and for the priorities (facts 1.1)
DENSITY_PASSES = 8

#: float32 FLOP/s of one core by network width: small matrices reach less of the peak
CORE_RATES = {32: 3e9, 64: 8e9, 128: 45e9, 256: 58e9}
#: seconds of a gradient step that no matrix product explains: dispatch, sampling, optimiser
STEP_SECONDS = 3e-3
#: seconds of an environment step in a lock-step roll-out, policy included
ENV_STEP_SECONDS = 1.2e-4
#: seconds for import, reading the dataset and writing the outputs of one job
JOB_SECONDS = 6.0
#: the same for a data-centre GPU; at these sizes a gradient step is bound by its kernel launches
GPU_RATE = 5e12
GPU_STEP_SECONDS = 1e-3

FLOAT_BYTES = 4
#: checkpoints, optimiser state and logs of a job, in copies of its networks
COPIES_OF_NETWORKS = 8


@dataclass(frozen=True)
class Row:
    """The work of one stage, or of one job of it."""

    stage: str
    jobs: int = 0
    gradient_steps: int = 0
    env_steps: int = 0
    flop: float = 0.0
    core_seconds: float = 0.0
    gpu_seconds: float = 0.0
    disk_bytes: float = 0.0

    def __add__(self, other: "Row") -> "Row":
        mine, others = vars(self), vars(other)
        return Row(self.stage, **{key: mine[key] + others[key] for key in mine if key != "stage"})


@dataclass(frozen=True)
class Plan:
    """The stages of a scale, in the order in which they run."""

    scale: str
    stages: tuple[Row, ...]

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


def _cells(row: Row) -> tuple[str, ...]:
    hours = (f"{row.core_seconds / 3600:,.1f}", f"{row.gpu_seconds / 3600:,.1f}")
    work = (f"{row.jobs:,}", f"{row.gradient_steps:,}", f"{row.env_steps:,}", f"{row.flop / 1e15:,.2f}")
    return (row.stage, *work, *hours, f"{row.disk_bytes / 1e9:,.2f}")


def plan(scale: Scale) -> Plan:
    """The cost of everything the scale runs, evaluations included."""
    collecting = (collect_cost(scale, task, dataset) for task, dataset in datasets(scale))
    pretraining = (pretrain_cost(scale, job) for job in pretrainings(scale))
    finetuning = (finetune_cost(scale, run) for run in runs(scale))
    analysing = [*(likelihood_cost(scale, job.task) for job in likelihoods(scale)), measuring_cost(scale)]
    stages = (
        _sum("collect", collecting),
        _sum("pretrain", pretraining),
        _sum("finetune", finetuning),
        _sum("analyse", analysing),
    )
    return Plan(scale.name, stages)


def _sum(stage: str, rows: Iterable[Row]) -> Row:
    return sum(rows, Row(stage))


def collect_cost(scale: Scale, task: str, dataset: str) -> Row:
    """A local dataset: roll-outs, and for a true replay buffer the SAC run; for other sources a file."""
    rows = scale.collect.transitions * (2 if dataset == "medium-expert" else 1)
    sizes = get_task(task)
    disk = rows * FLOAT_BYTES * (sizes.observation_size + sizes.action_size + 2)
    if scale.source != "local":
        return Row("collect", jobs=1, disk_bytes=disk)
    training = rows if dataset == "medium-replay" and scale.collect.replay == "buffer" else 0
    flop = training * FINETUNE_PASSES * 2 * scale.online.batch * _weights(task, scale)
    return _job("collect", scale, gradient_steps=training, env_steps=rows, flop=flop, disk=disk)


def pretrain_cost(scale: Scale, job: Pretraining) -> Row:
    """One offline pre-training of all members."""
    settings, algorithm = scale.settings(job.task, job.dataset), get_algorithm(job.algorithm)
    steps, offline = algorithm.steps(settings), settings.offline
    sample = _update_flop(job.task, algorithm.name, settings)
    flop = steps * settings.members * algorithm.batch(settings) * sample
    evaluations = 1 + steps // offline.evaluate_every
    rolled = evaluations * settings.members * offline.eval_episodes * get_task(job.task).horizon
    disk = _networks(job.task, settings, settings.members)
    return _job("pretrain", settings, steps, rolled, flop, disk)


def finetune_cost(scale: Scale, run: Run) -> Row:
    """One online fine-tuning run."""
    settings, method = scale.settings(run.task, run.dataset, run.method), get_method(run.method)
    online, members = settings.online, method.size(settings)
    longer = method.first_epoch_longer * (online.first_epoch_multiplier - 1)
    steps = online.env_steps + longer * online.epoch_steps
    density = DENSITY_PASSES * online.density_batch * method.balanced
    update = members * method.batch(settings) * _update_flop(run.task, method.objective, settings)
    flop = steps * (update + density * 2 * _weights(run.task, settings))
    evaluations = 1 + online.env_steps // online.epoch_steps
    rolled = online.env_steps + evaluations * online.eval_episodes * get_task(run.task).horizon
    return _job("finetune", settings, steps, rolled, flop, _networks(run.task, settings, members))


def likelihood_cost(scale: Scale, task: str) -> Row:
    """The VAE of one dataset and seed with its roll-outs: training, then `K` decodings a pair (facts 6.2)."""
    settings, sizes = scale.likelihood, get_task(task)
    first, last = settings.widths[0], settings.widths[-1]
    hidden = sum(a * b for a, b in pairwise(settings.widths))
    pair = sizes.observation_size + sizes.action_size
    decoder = settings.latent * first + hidden + last * pair
    encoder = pair * first + hidden + last * 2 * settings.latent
    training = settings.steps * settings.batch * 3 * (encoder + decoder)
    estimating = 2 * settings.samples * settings.importance_samples * decoder
    flop = 2.0 * (training + estimating)
    return _job("analyse", scale, settings.steps, settings.rollout_steps, flop, 0.0)


def measuring_cost(scale: Scale) -> Row:
    """The measurement of Appendix B: ensembles of several sizes, batched and as a loop."""
    steps = 2 * scale.cost.repeats * len(scale.cost.members)
    members = 2 * scale.cost.repeats * sum(scale.cost.members)
    flop = members * scale.online.batch * _update_flop("halfcheetah", "ensemble", scale)
    return _job("analyse", scale, steps, 0, flop, 0.0)


def _job(stage: str, settings: Settings, gradient_steps: int, env_steps: int, flop: float, disk: float) -> Row:
    width = min(CORE_RATES, key=lambda known: abs(known - settings.network.width))
    rolling = JOB_SECONDS + env_steps * ENV_STEP_SECONDS
    core = rolling + gradient_steps * STEP_SECONDS + flop / CORE_RATES[width]
    gpu = rolling + gradient_steps * GPU_STEP_SECONDS + flop / GPU_RATE if gradient_steps else 0.0
    return Row(stage, 1, gradient_steps, env_steps, flop, core, gpu, disk)


def _update_flop(task: str, algorithm: str, settings: Settings) -> float:
    """FLOP of a gradient step, for a member and a transition of its minibatch."""
    penalty = CQL_PASSES_AN_ACTION * settings.offline.cql_actions
    match algorithm:
        case "cql" | "cql_reg":
            return 2 * (FINETUNE_PASSES + penalty) * _weights(task, settings)
        case "fqe":
            return 2 * FQE_PASSES * _weights(task, settings)
        case "awac":
            nets = settings.awac.policy.widths, settings.awac.critic.widths
            return AWAC_PASSES * sum(_weights_of(task, widths) for widths in nets)
        case "bcq":
            bcq, candidates = settings.bcq, settings.bcq.target_candidates
            vae = (VAE_PASSES + VAE_PASSES_A_CANDIDATE * candidates) * _weights_of(task, bcq.vae_widths)
            others = (BCQ_PASSES + BCQ_PASSES_A_CANDIDATE * candidates) * _weights_of(task, bcq.widths)
            return 2 * (vae + others)
        case "ensemble":
            return 2 * FINETUNE_PASSES * _weights(task, settings)
    raise NotImplementedError(f"what a gradient step of '{algorithm}' costs is not known to off2on plan")


def _weights(task: str, settings: Settings) -> float:
    """Weights of one network: the mean of a policy's and a critic's, which differ little."""
    return _weights_of(task, settings.network.widths)


def _weights_of(task: str, widths: Sequence[int]) -> float:
    sizes = get_task(task)
    hidden = sum(inner * outer for inner, outer in pairwise(widths))
    inputs = sizes.observation_size + sizes.action_size / 2
    outputs = sizes.action_size + 0.5
    return hidden + inputs * widths[0] + outputs * widths[-1]


def _networks(task: str, settings: Settings, members: int) -> float:
    """Bytes that a job leaves or holds on disk: policy, twin critics and their targets, a few copies."""
    return COPIES_OF_NETWORKS * FLOAT_BYTES * members * 5 * _weights(task, settings)
