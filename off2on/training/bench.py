"""What the gradient steps of a scale take on a device, as its jobs take them; `off2on plan` reads it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from off2on.agents.interface import agent_module, derived_columns
from off2on.benches import step_name
from off2on.files import write_text
from off2on.jobs import FinetuneJob, Job, PretrainJob
from off2on.nn.device import placed, set_precision
from off2on.paths import Layout
from off2on.provenance import now, provenance
from off2on.replay.inputs import SamplerInputs
from off2on.replay.origins import Origins
from off2on.replay.samplers import make_sampler
from off2on.replay.store import TransitionStore
from off2on.scale import Scale
from off2on.scale_jobs import finetune_job, pretrain_job, pretrainings, runs
from off2on.seeding import stream
from off2on.training.evaluate import Averages
from off2on.training.progress import progress_bar
from off2on.training.replayed import PLAIN_STEPS, Replayed
from off2on.training.steps import OfflineStep, OnlineStep

#: transitions of noise in the store, and how many of them are online
ROWS, ONLINE = 2_000, 500
#: steps that are timed on a kind of device
REPEATS = {"cpu": 5, "cuda": 500}


def measure(scale: Scale, layout: Layout, device: torch.device) -> dict[str, float]:
    """Time the steps of a scale's training jobs, one of each kind, and write them where `off2on plan` looks.

    Returns:
        seconds by `step_name`.

    Raises:
        Off2OnError: the file cannot be written.
    """
    jobs = {step_name(job): job for job in _jobs(scale)}
    record: dict[str, Any] = provenance()
    steps: dict[str, float] = {}
    with progress_bar(f"steps on {device.type}", len(jobs), "kind") as bar:
        for name, job in jobs.items():
            steps[name] = step_seconds(job, device)
            bar.update()
    where = record["gpu" if device.type == "cuda" else "cpu"]
    record |= {"kind": "bench", "device": device.type, "where": where, "ended": now(), "steps": steps}
    write_text(layout.bench(device.type), json.dumps(record, indent=1) + "\n")
    return steps


def _jobs(scale: Scale) -> Iterator[Job]:
    wanted = runs(scale)
    yield from (pretrain_job(scale, one) for one in pretrainings(wanted))
    yield from (finetune_job(scale, run) for run in wanted)


def step_seconds(job: Job, device: torch.device) -> float:
    """Mean seconds of a step late in the job, on data of noise; drawing its numbers included.

    Raises:
        Off2OnError: training on noise has diverged.
    """
    set_precision(job.settings.precision)
    averages = Averages(["q_mean"], device)
    step = _offline(job, averages, device) if isinstance(job, PretrainJob) else _online(job, averages, device)
    # past all phases
    step.agent.steps = 10**9
    replayed = Replayed(step.draw, step.learn, step.agent, device)

    def run(count: int) -> None:
        while count:
            count -= replayed.run(count)
        # waits for the device
        averages.take(step_name(job), job.section)

    run(PLAIN_STEPS + 1)
    start, repeats = time.perf_counter(), REPEATS[device.type]
    run(repeats)
    return (time.perf_counter() - start) / repeats


def _offline(job: PretrainJob, averages: Averages, device: torch.device) -> OfflineStep:
    module, rngs = agent_module(job.algorithm.name), _rngs(job)
    agent = module.offline_agent(
        placed(module.init_nets(job.task.sizes, job.settings, rngs), device), job.settings
    )
    store = _store(job, job.algorithm.name, device)
    return OfflineStep(agent, store, averages, job.batch, _crop(job), rngs, rngs)


def _online(job: FinetuneJob, averages: Averages, device: torch.device) -> OnlineStep:
    module, rngs = agent_module(job.method.online), _rngs(job)
    agent = module.online_agent(placed(module.init_nets(job.task.sizes, job.settings, rngs), device), job.settings)
    store, offline = _store(job, job.method.online, device), ROWS - ONLINE
    inputs = SamplerInputs(store, offline, job.task.observation, job.settings, job.batch, rngs[0], rngs[0])
    sampler = make_sampler(job.method.sampler, inputs)
    sampler.append(np.arange(offline, ROWS))
    return OnlineStep(agent, store, sampler, Origins(offline), averages, job.batch, _crop(job), rngs[0])


def _rngs(job: Job) -> list[np.random.Generator]:
    return [stream("bench", member) for member in range(job.members)]


def _crop(job: Job) -> int:
    return job.settings.images.crop if job.task.observation.is_image else 0


def _store(job: Job, algorithm: str, device: torch.device) -> TransitionStore:
    rng, seen = stream("bench"), job.task.observation
    store = TransitionStore(seen, job.task.action_size, ROWS + 1, derived_columns(algorithm), device)
    shape = (ROWS + 1, *seen.shape)
    frames = rng.integers(0, 256, shape, np.uint8) if seen.is_image else rng.standard_normal(shape, np.float32)
    actions = np.tanh(rng.standard_normal((ROWS, job.task.action_size), np.float32))
    store.append(frames, actions, actions[:, 0].copy(), np.zeros(ROWS, np.float32))
    return store
