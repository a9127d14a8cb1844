"""What an entry says is what its code does: the settings that are read, and that each is read by something."""

import subprocess
import sys
from typing import Any

import pytest

from off2on import jobs
from off2on.algorithms import ALGORITHMS, OFFLINE
from off2on.algorithms.algorithm import matches
from off2on.config import REPOSITORY, value_of, values
from off2on.envs.tasks import get_task
from off2on.jobs import FinetuneJob, PretrainJob
from off2on.methods import METHODS
from off2on.samplers import SAMPLERS
from tests.conformance.agents import CASES, EXAMPLE, settings, train
from tests.conformance.recorder import Recorder
from tests.conformance.test_agents import MEMBERS, queries
from tests.conformance.test_samplers import OFFLINE_ROWS, Run

KEYS = list(values(settings()))
#: the settings of each pre-training and method, on hopper
JOBS = [
    *(PretrainJob("s", "local", get_task("hopper"), "random", 0, settings(), spec) for spec in OFFLINE.values()),
    *(FinetuneJob("s", "local", get_task("hopper"), "random", 0, settings(), m) for m in METHODS.values()),
    PretrainJob("s", "local", get_task("pick-place"), "mixed", 0, settings(), OFFLINE["cql"]),
    FinetuneJob("s", "local", get_task("pick-place"), "mixed", 0, settings(), METHODS["ours"]),
]


@pytest.mark.parametrize("name", CASES)
def test_an_agent_reads_the_settings_that_its_entry_names(name: str) -> None:
    case, read = CASES[name], set[str]()
    agent = case.make(MEMBERS, Recorder(case.settings, read))
    train(case, agent, MEMBERS, 0, 1)
    for explore in (True, False):
        case.act(agent, queries(case)[0], explore=explore)
    spec = ALGORITHMS[case.algorithm]
    phase = spec.phase(case.phase)
    # minibatch and steps are read by the loop
    other = {"network"} if case.observation.is_image else {"images.encoder", "images.head"}
    assert read == spec.reads(case.phase, KEYS) - {phase.batch, phase.steps} - other


@pytest.mark.parametrize("kind", SAMPLERS)
def test_a_sampler_reads_the_settings_that_its_entry_names(kind: str) -> None:
    read = set[str]()
    Run(kind, OFFLINE_ROWS, settings=lambda given: Recorder(given, read)).steps(2)
    # how long run and epoch are, every run knows
    of_loop = {"finetuning.env_steps", "finetuning.epoch_steps"}
    named = {key for key in KEYS if matches(key, SAMPLERS[kind].reads) and not key.startswith("images.")}
    assert read - of_loop == named


@pytest.mark.parametrize("job", JOBS, ids=lambda job: f"{job.kind}-{job.name}")
def test_the_code_of_a_job_names_every_setting_that_the_job_reads(job: Any) -> None:
    recorded = flat(jobs.settings_read(job))
    assert recorded.keys() == job.reads


def test_every_setting_is_read_by_some_job() -> None:
    assert set().union(*(job.reads for job in JOBS)) | {"members", "finetuning.scratch_members"} == set(KEYS)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_entry_fits_together(name: str) -> None:
    spec = ALGORITHMS[name]
    assert spec.name == name
    assert (REPOSITORY / "off2on" / "agents" / f"{name}.py").is_file()
    assert (spec.settings is None) == (spec.example is None)
    assert spec.offline is None or spec.offline.steps is not None
    assert spec.offline or spec.online
    for phase in filter(None, (spec.offline, spec.online)):
        assert value_of(settings(), phase.batch) > 0
        assert phase.flop(settings(), get_task("hopper").sizes) > 0
        for pattern in phase.reads:
            assert any(matches(key, (pattern,)) for key in KEYS), pattern
    for other in filter(None, (spec.start, spec.ensemble)):
        assert other in ALGORITHMS
    assert set(EXAMPLE) == {name for name, spec in ALGORITHMS.items() if spec.settings}


def test_the_registry_loads_no_torch() -> None:
    code = "import sys, off2on.methods, off2on.jobs; assert not {'torch', 'numpy.random'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in nested.items():
        inner = isinstance(value, dict) and f"{prefix}{key}" not in KEYS
        found |= flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return found
