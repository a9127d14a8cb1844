"""Which edits re-train what: harmless ones move no training hash, harmful ones those of the jobs they concern."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from off2on.codehash import PACKAGE, PLUMBING, reachable
from off2on.config import REPOSITORY
from off2on.jobs import Job
from off2on.scale import Scale, load_scale
from off2on.scale_jobs import finetune_job, pretrain_job, pretrainings, runs

#: prints the fingerprint of every training job of a scale: code, and what else its numbers depend on
SCRIPT = """
import json
from off2on.codehash import PLUMBING, code_hash
from off2on.jobs import parameters
from off2on.scale import load_scale
from off2on.scale_jobs import finetune_job, pretrain_job, pretrainings, runs
scale = load_scale("smoke")
wanted = runs(scale)
jobs = [*(pretrain_job(scale, j) for j in pretrainings(wanted)), *(finetune_job(scale, r) for r in wanted)]
found = {
    f"{j.kind} {j.name} {j.dataset}": [code_hash(*j.modules, without=PLUMBING), json.dumps(parameters(j))]
    for j in jobs
}
for module in ("collect", "likelihood", "rollouts"):
    found[module] = code_hash(f"off2on.training.{module}", without=PLUMBING)
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Edit:
    """What is replaced in files of the checkout, and files that are new."""

    replaced: dict[str, tuple[str, str]] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)

    def apply(self, root: Path) -> None:
        for name, (old, new) in self.replaced.items():
            text = (root / name).read_text()
            assert old in text, f"{name}: {old}"
            (root / name).write_text(text.replace(old, new, 1))
        for name, text in self.new.items():
            (root / name).write_text(text)


def replace(name: str, old: str, new: str) -> Edit:
    return Edit({name: (old, new)})


ENTRY = """
from off2on.algorithms.algorithm import Algorithm, Phase
from off2on.config import Section
class Clone(Section):
    steps: int = 3
    batch: int = 4
phase = Phase("clone.batch", lambda settings, sizes: 1.0, ("clone.*",), "clone.steps")
SPEC = Algorithm("clone", "Clone", "behaviour cloning", "ours", Clone, Clone(), phase)
"""
UNIFORM = 'ensemble, SAC losses, uniform buffer",\n            "sac",\n            "uniform"'
#: jobs that train nothing
OTHERS = ("collect", "likelihood", "rollouts")
METHOD = '        Method(\n            "awac",\n'

HARMLESS = {
    "a description of a setting": replace(
        "off2on/algorithms/cql.py", '"gradient steps"', '"steps of the optimiser"'
    ),
    "a description of a scale": replace("off2on/scale.py", '"how long it should take, and where"', '"time"'),
    "a scale's wall time": replace("config/smoke.yaml", "wall_time: ", "wall_time: nearly "),
    "an error of a dataset": replace("off2on/data/hdf5.py", "truncated or not an HDF5 file", "is broken"),
    "an error of agents": replace("off2on/training/agents.py", "members, the run needs", "members, but it needs"),
    "an error of training": replace("off2on/training/evaluate.py", "training has diverged", "it has diverged"),
    "a warning": replace("off2on/data/dataset.py", "time limits are not marked", "no time limit is marked"),
    "the unit of a progress bar": replace("off2on/training/finetune.py", '"step", initial', '"update", initial'),
    "a progress interval": replace("off2on/training/progress.py", "else 10", "else 30"),
    "a docstring": replace("off2on/agents/sac.py", "One member is plain SAC.", "With one member it is SAC."),
    "a comment": replace("off2on/agents/sac.py", "import torch\n", "import torch  # tensors\n"),
    "a method of Layout": replace(
        "off2on/paths.py",
        "    def dataset(self",
        '    def videos(self) -> Path:\n        return self.results / "videos"\n\n    def dataset(self',
    ),
    "a package in provenance": replace("off2on/provenance.py", '"off2on", "torch"', '"off2on", "scipy", "torch"'),
    "a column of the results": replace(
        "off2on/results/schema.py", '    "alpha",\n', '    "alpha",\n    "entropy",\n'
    ),
    "how a checkpoint is written": replace("off2on/training/checkpoint.py", "value.contiguous()", "value.clone()"),
    "the version": replace("off2on/__init__.py", "0.1.0", "0.2.0"),
    "a help text": replace("off2on/cli/options.py", "seed of every random number", "seed of all numbers"),
    "a sampler": Edit(
        {"off2on/samplers.py": ("SAMPLERS = {", 'RECENT = SamplerSpec("recent", "recent", "new")\nSAMPLERS = {')},
        {"off2on/replay/recent.py": "def recent(inputs):\n    return None\n"},
    ),
    "a task": replace(
        "off2on/envs/tasks.py",
        '        Task("hopper"',
        '        Task("ant", "Ant-v4", ObservationSpec((27,)), 8, -325.6, 3879.7),\n        Task("hopper"',
    ),
    "a method": replace(
        "off2on/methods.py",
        METHOD,
        '        Method("symmetric", "S", "s", "sac", "symmetric", "cql"),\n' + METHOD,
    ),
    "label, description, colour": Edit(
        {
            "off2on/methods.py": (
                '"AWAC",\n            "AWAC ensemble, uniform buffer"',
                '"Awac",\n            "AWAC"',
            )
        }
    ),
    "an algorithm": Edit(
        new={"off2on/algorithms/clone.py": ENTRY, "off2on/agents/clone.py": "def init_nets():\n    return {}\n"}
    ),
    "a setting of a loop with a default": replace(
        "off2on/settings.py",
        "    env_steps: Count = 250_000\n",
        "    env_steps: Count = 250_000\n    horizons: Count = 3\n",
    ),
    "a setting of an algorithm with a default": replace(
        "off2on/algorithms/awac.py",
        "    online_batch: Count = 1024\n",
        "    online_batch: Count = 1024\n    score_clip: float | None = None\n",
    ),
    "a figure": replace("off2on/figures/panels.py", "DENSE = 60", "DENSE = 61"),
}


def of(*parts: str) -> Callable[[str], bool]:
    return lambda job: any(part in job for part in parts)


def balanced(job: str) -> bool:
    return job.startswith("finetune ") and job.split()[1] in {
        *("ours", "ours-n1", "cql-reg", "cql-reg-n1", "fqe-init", "fqe-init-n1", "ours-ratio-mixture"),
    }


HARMFUL: dict[str, tuple[Edit, Callable[[str], bool]]] = {
    "CQL": (
        replace("off2on/agents/cql.py", "MAX_MULTIPLIER = 1e6", "MAX_MULTIPLIER = 1e5"),
        # FQE starts from its agents, and so do all others but the baselines
        lambda job: not of("awac", "bcq", "iql", "fqe-init", "finetune sac none", *OTHERS)(job),
    ),
    "a default that a scale does not set": (
        replace("off2on/algorithms/awac.py", "beta: float = Field(2.0", "beta: float = Field(1.0"),
        of("awac"),
    ),
    "a value of a scale": (
        replace("config/smoke.yaml", "awac:\n  steps: 100", "awac:\n  steps: 101"),
        of("pretrain awac"),
    ),
    "balanced replay": (
        replace("off2on/replay/balanced.py", "(1.0 - balanced.rho", "(1.5 - balanced.rho"),
        balanced,
    ),
    "the density ratio": (replace("off2on/replay/density.py", "HIGHEST = 1e-3", "HIGHEST = 1e-4"), balanced),
    "uniform draws": (
        replace("off2on/replay/uniform.py", "self.first, self.store.size, ", "self.first, self.store.size - 1, "),
        lambda job: job.startswith("finetune ") and not balanced(job),
    ),
    "the schedule of online runs": (
        replace("off2on/training/schedule.py", "epoch == 0", "epoch == 1"),
        lambda job: job.startswith("finetune "),
    ),
    "a longer first epoch": (
        replace("off2on/algorithms/awac.py", '("awac.*",)),\n)', '("awac.*",), longer_first_epoch=True),\n)'),
        of("finetune awac"),
    ),
    "a task's horizon": (
        replace("off2on/envs/tasks.py", "17,)), 6, -280.178953, 12135.0)", "17,)), 6, -280.178953, 12135.0, 900)"),
        lambda job: of("pretrain", "finetune")(job) and "mixed" not in job,
    ),
    "a method's sampler": (
        replace("off2on/methods.py", UNIFORM, UNIFORM.replace('"uniform"', '"symmetric"')),
        of("finetune uniform"),
    ),
    "the names of random streams": (replace("off2on/seeding.py", '"\\0".join', '"/".join'), lambda job: True),
    "the width of networks": (
        replace("off2on/config.py", "* self.depth", "* (self.depth + 1)"),
        of("pretrain", "finetune"),
    ),
    "the minibatch of a job": (
        replace("off2on/jobs.py", "int(value_of(", "2 * int(value_of("),
        of("pretrain", "finetune"),
    ),
    "the normalised score": (
        replace("off2on/envs/task.py", "100.0 *", "1.0 *"),
        lambda job: job != "likelihood",
    ),
    "Adam": (
        replace("off2on/nn/adam.py", "beta2=0.999", "beta2=0.99"),
        lambda job: True,
    ),
    "the environment": (
        replace("off2on/envs/make.py", "space.high == 1", "space.high == 2"),
        lambda job: job != "likelihood",
    ),
}


def fingerprints(root: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, env={"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def before() -> dict[str, object]:
    return fingerprints(REPOSITORY)


def edited(root: Path, *edits: Edit) -> dict[str, object]:
    for name in ("off2on", "config"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "actors"))
    for edit in edits:
        edit.apply(root)
    return fingerprints(root)


def test_no_harmless_edit_moves_a_hash(before: dict[str, object], tmp_path: Path) -> None:
    if edited(tmp_path / "all", *HARMLESS.values()) != before:
        culprits = [what for what, edit in HARMLESS.items() if edited(tmp_path / what, edit) != before]
        raise AssertionError(f"hashes moved by: {', '.join(culprits) or 'several edits together'}")


@pytest.mark.parametrize("what", HARMFUL)
def test_a_harmful_edit_moves_exactly_the_jobs_it_concerns(
    what: str, before: dict[str, object], tmp_path: Path
) -> None:
    edit, concerned = HARMFUL[what]
    after = edited(tmp_path / "edited", edit)
    assert {job for job in after if after[job] != before[job]} == {job for job in before if concerned(job)}


#: plumbing that gives no number to whoever imports a constant of it
NAMES_ALONE = {"data.hdf5", "errors", "files", "paths", "results", "training.rundir", "codehash"}


def test_hashed_code_takes_no_constant_from_plumbing() -> None:
    """Entries and settings are in no hash of code: their values are parameters, but not a constant beside them."""
    jobs = [job for scale in [load_scale("smoke")] for job in _jobs(scale)]
    numbers = tuple(f"off2on.{name}" for name in PLUMBING if name not in NAMES_ALONE)
    hashed = reachable({module for job in jobs for module in job.modules}, PACKAGE, PLUMBING)
    wrong = [
        f"{module} imports {alias.name} of {node.module}"
        for module, path in hashed.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(tuple(f"{name}." for name in numbers))
        for alias in node.names
        # the registry is asked for an entry by name
        if alias.name.isupper() and alias.name != "ALGORITHMS"
    ]
    assert wrong == [], "a constant belongs into the module that computes with it, or into a section of settings"


def _jobs(scale: Scale) -> list[Job]:
    wanted = runs(scale)
    trained = [pretrain_job(scale, job) for job in pretrainings(wanted)]
    return [*trained, *(finetune_job(scale, run) for run in wanted)]
