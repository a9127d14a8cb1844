# What all rules need: the selected scale, paths, code and settings hashes. Imports no torch.
import json
import sys
from functools import cache
from pathlib import Path

from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.logging import logger

from off2on import plan
from off2on.benches import read_benches
from off2on.analysis.tables import FILES as TABLES
from off2on import jobs
from off2on.data.inventory import take_inventory
from off2on.data.sources import get_source
from off2on.codehash import PACKAGE, PLUMBING, code_hash
from off2on.envs.opengl import no_pictures
from off2on.envs.tasks import get_task, pairs
from off2on.errors import Off2OnError, hint
from off2on.figures.registry import FIGURES
from off2on.gpus import SLOTS, visible_gpus
from off2on.algorithms import OFFLINE, get_offline
from off2on.methods import METHODS, get_method
from off2on.paths import OUTPUTS
from off2on.reproduce import explain_lock, hold_unless_held
from off2on.scale import load_scale, scale_path
from off2on.patterns import check_baseline, check_patterns
from off2on.scale_jobs import (
    Pretraining,
    Run,
    agents_of,
    datasets,
    finetune_job,
    matching,
    pretrain_job,
    pretrainings,
    runs,
)
from off2on.selection import select


def say(text):
    print(f"off2on: {text}", file=sys.stderr)


def stop(error):
    """End Snakemake with one message instead of a traceback."""
    say(f"error: {error}")
    sys.exit(2)


def refuse_other_software():
    """A job runs the interpreter of the Snakemake that starts it (docs/decisions/0011-what-a-job-runs.md)."""
    for method in workflow.deployment_settings and workflow.deployment_settings.deployment_method or ():
        stop(
            f"--software-deployment-method {method}: jobs run {sys.executable}, wherever they are. Leave the option out, "
            "and start Snakemake inside the environment or container that jobs shall run in (docs/clusters.md)"
        )


def refuse_auto_elsewhere():
    """Every node would decide anew: one with a GPU would take it, though none was asked for."""
    if workflow.remote_exec and config.get("device") == "auto":
        stop("--config device=auto: on a cluster name the device, cpu or cuda (docs/clusters.md)")


def without_pixels_if_blind(selection):
    """The selection without the tasks that need pictures, on a machine that can draw none."""
    blind = [task for task in selection.scale.tasks if get_task(task).observation.is_image]
    if not blind or (reason := no_pictures()) is None:
        return selection
    say(f"left out: {', '.join(blind)}, which need pictures, and this machine draws none: {reason}")
    return selection.without(blind)


refuse_other_software()
refuse_auto_elsewhere()
try:
    SELECTION = without_pixels_if_blind(select(config, FIGURES))
    SCALE, LAYOUT = SELECTION.scale, SELECTION.layout
    OWN_RUNS = runs(SCALE)
    PRETRAININGS = pretrainings(OWN_RUNS)
    FOREIGN = [pair for pair in pairs() if pair[0] in SCALE.tasks and not SCALE.makes(pair[0])]
    BENCHES = read_benches(LAYOUT)
    INVENTORY = take_inventory(
        get_source(SCALE.source),
        LAYOUT,
        [pair for pair in FOREIGN if pair[1] in SCALE.datasets],
        set(FOREIGN) & set(datasets(SCALE)),
        SELECTION.argument,
    )
except Off2OnError as error:
    stop(error)
if SCALE.pretrained and SELECTION.agents is None:
    stop(
        f"scale {SCALE.name} starts from given agents: --config agents=DIR, which holds *_seed<k>/ (docs/fidelity.md)"
    )

# `off2on COMMAND ...` in a job: the package of this interpreter, at the selected scale, on one thread (two spinning
# OpenMP teams on two cores are fifty times slower). A batch system sends SIGTERM to the shell too, which must not end
# before the command has saved its state: what is left in a job then is killed. Training is on the selected device,
# which is no parameter of a rule, as another one re-trains nothing.
shell.prefix(
    "set -euo pipefail; trap : TERM; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1; "
    "export OFF2ON_DEVICE={SELECTION.device}; "
    'off2on() {{ {sys.executable:q} -m off2on "$1" --scale {SELECTION.argument:q} --source {SCALE.source} '
    '"${{@:2}}"; }}; '
)

#: task -> its dataset, where there is a run of Ours from pixels to film
FILMED = {
    run.task: run.dataset
    for run in OWN_RUNS
    if run.method == "ours" and get_task(run.task).family == "manipulation"
}

ENVIRONMENT = str(Path(workflow.basedir) / "environment.yml")
LOGS = LAYOUT.logs
REPORT = LAYOUT.figures / "report.html"


wildcard_constraints:
    task="|".join(SCALE.tasks),
    dataset="none|" + "|".join(SCALE.datasets),
    method="|".join(METHODS),
    algorithm="|".join(OFFLINE),
    seed="[0-9]+",


# ------------------------------------------------------------------------------------------ paths of inputs


def dataset_file(wildcards):
    return LAYOUT.dataset(wildcards.task, wildcards.dataset)


def collect_inputs(wildcards):
    """The agents that are rolled out, where they are given."""
    if not SCALE.pretrained:
        return []
    return [LAYOUT.pretrain(wildcards.task, wildcards.dataset, "cql", 0) / "agent.safetensors"]


def pretrain_inputs(wildcards):
    """The dataset and, for an algorithm that evaluates another's policy, that one's agents."""
    start = get_offline(wildcards.algorithm).start
    if start is None:
        return [dataset_file(wildcards)]
    agents = LAYOUT.pretrain(wildcards.task, wildcards.dataset, start, wildcards.seed)
    return [dataset_file(wildcards), agents / "agent.safetensors"]


def finetune_inputs(wildcards):
    """The dataset and the offline agents, as the method needs them."""
    method, found = get_method(wildcards.method), []
    if method.data:
        found.append(dataset_file(wildcards))
    if method.start:
        start = Pretraining(wildcards.task, wildcards.dataset, method.start, wildcards.seed)
        found.append(agents_of(SCALE, LAYOUT, start) / "agent.safetensors")
    return found


def filmed_agents(wildcards):
    """Of seed 0: what fine-tuning starts from, or what it ends with."""
    start = Pretraining(wildcards.task, FILMED[wildcards.task], get_method("ours").start, 0)
    if wildcards.when == "before":
        return agents_of(SCALE, LAYOUT, start) / "agent.safetensors"
    return LAYOUT.run(wildcards.task, FILMED[wildcards.task], "ours", 0) / "agent.safetensors"


def pretrained_seeds(*place):
    """The finished pre-trainings of all seeds on one dataset, of which the best step is chosen."""
    directories = [LAYOUT.pretrain(*job) for job in PRETRAININGS if job[:3] == place]
    return [directory / name for directory in directories for name in OUTPUTS]


def files_of(path):
    """What analyses read of a job's directory; a file is itself."""
    return [path] if path.suffix else [path / name for name in ("progress.csv", "run.json")]


def results():
    """The directories of all pre-trainings and runs, those of baselines too."""
    return [LAYOUT.pretrain(*job) for job in PRETRAININGS] + [LAYOUT.run(*run) for run in OWN_RUNS + BASELINE_RUNS]


def drawn(name):
    """The directories of the runs that a figure draws, and the likelihoods: all that it reads of results."""
    spec, found = FIGURES[name], []
    if "runs" in spec.needs:
        found += [
            LAYOUT.run(*run)
            for run in OWN_RUNS + BASELINE_RUNS
            if spec.draws(run.task, run.dataset, run.method, REGISTERED.get(run.method, ()))
        ]
    return found + (LIKELIHOODS if "likelihoods" in spec.needs else [])


# -------------------------------------------------------------------------- what a job's result depends on


@cache
def code_of(*modules):
    """The hash of what these modules compute, taken once: hundreds of jobs share it."""
    return code_hash(*modules, without=PLUMBING)


@cache
def pretraining(task, dataset, algorithm, seed):
    return pretrain_job(SCALE, Pretraining(task, dataset, algorithm, int(seed)))


@cache
def finetuning(task, dataset, method, seed):
    return finetune_job(SCALE, Run(task, dataset, method, int(seed)))


def code(job):
    return lambda wildcards: code_of(*job(*wildcards).modules)


def parameters(job):
    return lambda wildcards: json.dumps(jobs.parameters(job(*wildcards)) | checksum(wildcards), sort_keys=True)


def checksum(wildcards):
    """What tells one file of somebody else from another, whatever their times of change."""
    sha256 = INVENTORY.checksums.get((wildcards.task, wildcards.dataset))
    return {"dataset_sha256": sha256} if sha256 else {}


def collect_code(wildcards):
    return code_of(SCALE.recipe(wildcards.task)[0])


def collect_settings(wildcards):
    directory = PACKAGE / "actors" / wildcards.task
    actors = [*directory.glob("*.safetensors"), *directory.glob("settings.json")]
    return [SCALE.recipe(wildcards.task)[1].model_dump_json(), code_hash(files=actors), task_facts(wildcards)]


def collect_threads(wildcards):
    """Manipulation data are collected by several processes."""
    return 4 if get_task(wildcards.task).family == "manipulation" else 1


def task_facts(wildcards):
    """What a task is, which is no part of any code hash."""
    return json.dumps(get_task(wildcards.task).facts, sort_keys=True)


# --------------------------------------------------------------------------------------------- what a job needs


def collect_cost(wildcards):
    return plan.collect_cost(SCALE, wildcards.task, wildcards.dataset)


def pretrain_cost(wildcards):
    return plan.pretrain_cost(pretraining(*wildcards), BENCHES)


def finetune_cost(wildcards):
    return plan.finetune_cost(finetuning(*wildcards), BENCHES)


def runtime(cost):
    """Minutes that a batch system should allow: four times the estimate, at least a quarter of an hour."""
    return lambda wildcards: max(15, round(4 * duration(cost(wildcards)) / 60))


def duration(row):
    """Seconds of a job on a core, or on a GPU that all of its slots use."""
    return SLOTS * row.gpu_seconds if GPU and row.gpu_seconds else row.core_seconds


def disk_mb(cost):
    return lambda wildcards: 10 + round((cost(wildcards).disk_bytes + cost(wildcards).running_bytes) / 1e6)


#: what a job that trains on a GPU asks for: a slot of this machine's, or of a cluster one of its own
GPU = {"gpu_slots": 1, "gpu": 1, "gpu_manufacturer": "nvidia"} if SELECTION.device == "cuda" else {}
if GPU and (found := visible_gpus()):
    # --resources gpu_slots=N goes before it
    workflow.global_resources.setdefault("gpu_slots", SLOTS * len(found))


def mem_mb(wildcards):
    """What the scale lets expect, and three times a file that is not made here and may have any size."""
    expected = plan.memory_mb(SCALE, wildcards.task, wildcards.dataset)
    if SCALE.makes(wildcards.task) or wildcards.dataset == "none" or not dataset_file(wildcards).is_file():
        return expected
    return max(expected, 1000 + round(3 * dataset_file(wildcards).stat().st_size / 1e6))


def training_mb(wildcards):
    """The same, and what CUDA takes of the host."""
    return mem_mb(wildcards) + 3000 * bool(GPU)
