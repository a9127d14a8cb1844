"""What a step from pixels costs: offline CQL, and fine-tuning of Ours with its density network.

    python benchmarks/pixels.py                                     the paper's network, N = 4, minibatches of 256
    python benchmarks/pixels.py --encoder small --members 2 --batch 64 --repeats 20

Images are noise. Printed: processor seconds of a step (the least of the repeats, one thread), the largest memory
of the process so far, and the operators that take most of the time.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from off2on.agents import cql, sac
from off2on.convolutions import KINDS
from off2on.envs.tasks import get_task
from off2on.nn.memory import keep_freed_memory
from off2on.provenance import peak_memory_mb
from off2on.replay.balanced import balanced
from off2on.replay.inputs import SamplerInputs
from off2on.replay.origins import Origins
from off2on.replay.store import TransitionStore
from off2on.settings import Settings
from off2on.training.evaluate import Averages
from off2on.training.steps import OfflineStep, OnlineStep

#: hidden layers of the heads; the density network has the paper's
HEADS = {"cog": (1024, 512, 256), "small": (256, 256)}
TASK = get_task("pick-place")
ROWS, ONLINE = 2_000, 400


def filled_store() -> TransitionStore:
    """One long episode of noise."""
    rng = np.random.default_rng(0)
    store = TransitionStore(TASK.observation, TASK.action_size, ROWS)
    images = rng.integers(0, 256, (ROWS + 1, *TASK.observation.shape), np.uint8)
    actions = rng.uniform(-1, 1, (ROWS, TASK.action_size)).astype(np.float32)
    store.append(images, actions, *(np.zeros(ROWS, np.float32) for _ in range(2)))
    return store


def steps(settings: Settings) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    store, crop = filled_store(), settings.images.crop
    rngs = [np.random.default_rng(i) for i in range(settings.members)]
    offline = cql.offline_agent(cql.init_nets(TASK.sizes, settings, rngs), settings)
    online = sac.online_agent({name: offline.nets[name] for name in sac.KEPT}, settings)
    rng = rngs[0]
    inputs = SamplerInputs(
        store, ROWS - ONLINE, TASK.observation, settings, settings.sac.batch, init_rng=rng, rng=rng
    )
    sampler = balanced(inputs)
    sampler.append(np.arange(ROWS - ONLINE, ROWS))

    averages = Averages(["q_mean"])
    pretraining = OfflineStep(offline, store, averages, settings.cql.batch, crop, rngs, rngs)
    finetuning = OnlineStep(online, store, sampler, Origins(), averages, settings.sac.batch, crop, rng)
    return {
        "CQL step": lambda: pretraining.learn(pretraining.draw()),
        "fine-tuning step": lambda: finetuning.learn(finetuning.draw()),
    }


def cpu_seconds(step: Callable[[], object], repeats: int) -> float:
    """The least processor time of a step, after one that is not counted."""
    step()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return min(times)


def operators(step: Callable[[], object], most: int = 4) -> str:
    """Those that take most of the time, with their shares."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        step()
    events = sorted(found.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    return ", ".join(f"{e.key.split('::')[-1]} {e.self_cpu_time_total / total:.0%}" for e in events[:most])


def main() -> None:
    """Time the steps that the words ask for."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--encoder", choices=KINDS, default="cog")
    words.add_argument("--members", type=int, default=4)
    words.add_argument("--batch", type=int, default=256)
    words.add_argument("--sampled-actions", type=int, default=1)
    words.add_argument("--repeats", type=int, default=3)
    given = words.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    settings = Settings.model_validate(
        {
            "members": given.members,
            "images": {"encoder": given.encoder, "head": HEADS[given.encoder]},
            "cql": {"batch": given.batch, "sampled_actions": given.sampled_actions, "bc_steps": 0},
            "sac": {"batch": given.batch},
            "balanced": {"density_batch": given.batch},
        }
    )
    for name, step in steps(settings).items():
        seconds = cpu_seconds(step, given.repeats)
        print(f"{name:17} {seconds:7.3f} s  {peak_memory_mb():6.0f} MB  {operators(step)}", flush=True)


if __name__ == "__main__":
    main()
