"""Training jobs: names and lengths, and a hash that covers exactly the settings that a job reads."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from off2on.agents.interface import agent_module
from off2on.algorithms import OFFLINE
from off2on.config import Network, Section, values
from off2on.envs.tasks import get_task
from off2on.jobs import FinetuneJob, Job, identity, parameters, settings_read, title
from off2on.methods import METHODS
from off2on.provenance import config_hash
from off2on.scale import load_scale
from off2on.scale_jobs import Pretraining, Run, finetune_job, pretrain_job
from off2on.seeding import job_key, stream
from off2on.settings import Settings
from off2on.training import pretrain as pretraining
from off2on.training import schedule
from off2on.training.finetune import finetune
from off2on.training.pretrain import pretrain
from tests.unit.small import SETTINGS, inputs_of, training, tuning, with_settings, write_agents, write_data

TRAINING = [training(algorithm) for algorithm in OFFLINE]
TUNING = [tuning(method) for method in METHODS]
#: a method of each online algorithm, of each sampler, and from scratch
KINDS = [tuning(method) for method in ("ours", "ours-ratio-mixture", "cql-reg", "sac-ft", "awac", "bcq-ft", "sac")]


def named(job: Job) -> str:
    return f"{job.kind} {job.name}"


# ------------------------------------------------------------------------------------------ names and lengths


def test_names_of_a_job() -> None:
    scale = load_scale("smoke")
    first = pretrain_job(scale, Pretraining("halfcheetah", "medium", "cql", 0))
    assert job_key(first) == ("pretrain", "local", "halfcheetah", "medium", "cql", 0)
    assert title(first) == "cql halfcheetah/medium seed 0"
    then = finetune_job(scale, Run("halfcheetah", "medium", "cql-reg", 3))
    assert job_key(then) == ("finetune", "local", "halfcheetah", "medium", "cql-reg", 3)
    assert title(then) == "cql-reg halfcheetah/medium seed 3"


def test_the_minibatches_of_a_pretraining_come_from_the_stream_of_job_member_and_role(tmp_path: Path) -> None:
    job = with_settings(training("cql"), cql={"steps": 2})
    drawn: list[np.ndarray] = []
    with pytest.MonkeyPatch.context() as patch:
        batch = pretraining.TransitionStore.batch
        patch.setattr(
            pretraining.TransitionStore, "batch", lambda own, rows: (drawn.append(rows), batch(own, rows))[1]
        )
        pretrain(job, write_data(tmp_path / "data.hdf5"), None, tmp_path / "out")
    for member in range(2):
        rng = stream("pretrain", "local", "hopper", "random", "cql", 0, member, "batch")
        for rows in drawn:
            assert rows[member].tolist() == rng.integers(39, size=job.batch).tolist()


def test_the_record_of_a_job_begins_with_its_identity() -> None:
    job = tuning("ours")
    assert identity(job) == {
        "kind": "finetune",
        "scale": "small",
        "source": "local",
        "task": "hopper",
        "dataset": "random",
        "method": "ours",
        "method_settings": {
            "sampler": "balanced",
            "objective": "sac",
            "offline": "cql",
            "data": True,
            "members": 2,
            "batch": job.batch,
            "longer_first_epoch": True,
            "balanced": True,
        },
        "seed": 0,
        "members": 2,
        "settings": settings_read(job),
    }
    first = identity(training("fqe"))
    assert (first["kind"], first["algorithm"], first["members"]) == ("pretrain", "fqe", 2)
    assert {"method", "method_settings"}.isdisjoint(first)


def test_settings_of_the_record_are_nested_as_in_a_scale_and_can_be_read_back() -> None:
    job = tuning("awac")
    read = settings_read(job)
    assert read["awac"]["policy"] == job.settings.awac.policy.model_dump()
    assert read["finetuning"]["env_steps"] == 30
    # the loop's other settings, which it does not read, would not fit so short a run
    again = Settings.model_validate({key: value for key, value in read.items() if key != "finetuning"})
    # but for what AWAC's pre-training alone reads
    offline = {"steps": job.settings.awac.steps, "batch": job.settings.awac.batch}
    assert again.awac.model_copy(update=offline) == job.settings.awac


@pytest.mark.parametrize(
    ("method", "members", "epochs", "updates", "section"),
    [
        ("ours", 2, 3, [50, 10, 10], "sac"),
        ("sac-ft", 1, 3, [50, 10, 10], "sac"),
        ("cql-reg", 2, 3, [50, 10, 10], "sac"),
        ("fqe-init", 2, 3, [50, 10, 10], "sac"),
        ("awac", 2, 3, [10, 10, 10], "awac"),
        ("bcq-ft", 2, 3, [10, 10, 10], "bcq"),
        # the warm-up is one epoch of environment steps
        ("sac", 1, 2, [10, 10], "sac"),
    ],
)
def test_members_and_lengths_of_a_run(
    method: str, members: int, epochs: int, updates: list[int], section: str
) -> None:
    job = tuning(method)
    assert (job.members, schedule.epochs(job), job.section) == (members, epochs, section)
    assert [schedule.updates(job, epoch) for epoch in range(epochs)] == updates


@pytest.mark.parametrize("job", [*TRAINING, *TUNING], ids=named)
def test_the_code_of_a_job_is_reached_from_modules_that_make_its_agents(job: Job) -> None:
    module = agent_module(job.algorithm.name)
    assert module.__name__ in job.modules
    assert hasattr(module, "online_agent" if isinstance(job, FinetuneJob) else "offline_agent")
    assert f"off2on.training.{job.kind}" in job.modules
    if isinstance(job, FinetuneJob):
        assert f"off2on.replay.{job.sampler.module}" in job.modules
        assert job.method.start is None or f"off2on.agents.{job.method.start}" in job.modules
    else:
        assert job.algorithm.start is None or f"off2on.agents.{job.algorithm.start}" in job.modules


# ------------------------------------------------------------------------------------- the settings that it reads

#: sections by their type, with the prefix of their keys
SECTIONS = {
    type(section): f"{name}."
    for name in Settings.model_fields
    if isinstance(section := getattr(SETTINGS, name), Section)
} | {Settings: ""}
#: what decides the number of members, which the hash has instead
MEMBERS = {"members", "finetuning.scratch_members"}


def covered(job: Job) -> set[str]:
    """The keys of the settings that the hash of a job covers."""
    read = settings_read(job)
    return {key for key in values(SETTINGS) if _has(read, key.split("."))}


def _has(nested: dict[str, Any], path: list[str]) -> bool:
    return path[0] in nested and (len(path) == 1 or _has(nested[path[0]], path[1:]))


def record_reads(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The keys that are read from now on, but for listing all of them, as `values` does."""
    found: set[str] = set()
    plain: Callable[[Any, str], Any] = Section.__getattribute__

    def spy(section: Any, name: str) -> Any:
        value = plain(section, name)
        kind = type(section)
        listed = sys._getframe(1).f_code is values.__code__
        if kind in SECTIONS and name in kind.model_fields and not (isinstance(value, Section) or listed):
            found.add(SECTIONS[kind] + name)
        return value

    monkeypatch.setattr(Section, "__getattribute__", spy)
    return found


@pytest.mark.parametrize("job", [*TRAINING, *KINDS], ids=named)
def test_a_job_reads_the_settings_that_its_hash_covers_and_no_others(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(job, FinetuneJob):
        inputs = inputs_of(job, tmp_path)
        with monkeypatch.context() as patch:
            read = record_reads(patch)
            finetune(job, inputs, tmp_path / "out")
    else:
        data, start = write_data(tmp_path / "data.hdf5"), job.algorithm.start
        agents = write_agents(tmp_path / "agents", start) if start else None
        with monkeypatch.context() as patch:
            read = record_reads(patch)
            pretrain(job, data, agents, tmp_path / "out")
    assert read - MEMBERS == covered(job)


def hashed(job: Job) -> str:
    return config_hash(parameters(job))


def other(value: Any) -> Any:
    """Another value of a setting."""
    if isinstance(value, Network):
        return value.model_copy(update={"width": value.width + 1})
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, 3)
    if isinstance(value, str):
        return {"small": "cog", "float32": "tf32"}[value]
    return value + 1


#: other values of settings that are null
_GIVEN = {"epoch_updates": 7, "select_every": 7_000_000}


def changed(job: Any, key: str) -> Any:
    """The job with another value of one setting."""
    *section, name = key.split(".")
    before = values(job.settings)[key]
    value = _GIVEN.get(name, 0.5) if before is None else other(before)
    if section:
        return with_settings(job, **{section[0]: {name: value}})
    return replace(job, settings=job.settings.model_copy(update={name: value}))


@pytest.mark.parametrize("job", [*TRAINING, *TUNING], ids=named)
def test_the_hash_changes_with_each_setting_that_the_job_reads_and_with_no_other(job: Job) -> None:
    differs = {key for key in values(job.settings) if hashed(changed(job, key)) != hashed(job)}
    members = {key for key in MEMBERS if changed(job, key).members != job.members}
    assert differs == covered(job) | members


@pytest.mark.parametrize(
    ("job", "reads", "leaves"),
    [
        (training("cql"), {"cql.bc_steps", "network", "pretraining.evaluate_every", "members"}, {"sac.batch"}),
        (
            training("awac"),
            {"awac.steps", "awac.batch", "awac.beta"},
            {"awac.online_batch", "network", "cql.steps"},
        ),
        (training("fqe"), {"fqe.discount"}, {"cql.discount", "cql.batch", "finetuning.env_steps"}),
        (
            tuning("ours"),
            {"sac.batch", "balanced.rho", "finetuning.first_epoch_multiplier", "members"},
            {
                "cql.batch",
                "cql.min_q_weight",
                "pretraining.evaluate_every",
                "finetuning.warmup_steps",
                "awac.beta",
            },
        ),
        (tuning("cql-reg"), {"cql.min_q_weight", "cql.sampled_actions"}, {"cql.q_lr", "cql.discount"}),
        (tuning("sac-ft"), {"sac.q_lr"}, {"balanced.rho", "members"}),
        (tuning("sac"), {"finetuning.warmup_steps", "finetuning.scratch_members"}, {"members", "balanced.rho"}),
        (
            tuning("awac"),
            {"awac.online_batch", "awac.tau"},
            {"awac.steps", "awac.batch", "sac.tau", "network", "finetuning.first_epoch_multiplier"},
        ),
        (tuning("bcq-ft"), {"bcq.batch", "bcq.phi"}, {"bcq.steps", "sac.batch"}),
    ],
    ids=lambda value: named(value) if hasattr(value, "kind") else "",
)
def test_some_settings_by_hand(job: Job, reads: set[str], leaves: set[str]) -> None:
    for key in reads:
        assert hashed(changed(job, key)) != hashed(job), key
    for key in leaves:
        assert hashed(changed(job, key)) == hashed(job), key


@pytest.mark.parametrize("job", [training("cql"), tuning("ours")], ids=named)
def test_names_of_a_job_are_not_in_its_hash_but_the_task_s_numbers_are(job: Job) -> None:
    for names in ({"seed": 1}, {"dataset": "medium"}, {"scale": "paper"}, {"source": "d4rl-v2"}):
        assert hashed(replace(job, **names)) == hashed(job)
    assert hashed(replace(job, task=get_task("walker2d"))) != hashed(job)
    assert hashed(replace(job, task=replace(job.task, horizon=500))) != hashed(job)


def test_all_of_an_entry_but_its_words_is_in_the_hash() -> None:
    first = training("fqe")
    assert hashed(replace(first, algorithm=replace(first.algorithm, start=None))) != hashed(first)
    assert hashed(replace(first, algorithm=replace(first.algorithm, label="x", description="x"))) == hashed(first)
    job = tuning("ours")
    for change in (
        {"sampler": "uniform"},
        {"online": "cql_reg"},
        {"start": "fqe"},
        {"data": False},
        {"members": 1},
    ):
        assert hashed(replace(job, method=replace(job.method, **change))) != hashed(job), change
    for words in ({"label": "x"}, {"description": "x"}, {"name": "x"}, {"figures": {}}):
        assert hashed(replace(job, method=replace(job.method, **words))) == hashed(job), words
