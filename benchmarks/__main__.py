"""Print a table of what matters for the speed of a run; one torch thread, sizes of scale `paper` on halfcheetah.

    python -m benchmarks

Steps are timed against the machine: each measurement alternates with a 1024-square float32 product, and `ratio`
is the step's time over the time its unavoidable floating-point operations take at that product's rate.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from off2on.agents.cql import CqlAgent
from off2on.agents.sac import EnsembleAgent, init_agent
from off2on.algorithms.cql import Cql
from off2on.algorithms.sac import Sac
from off2on.nn.memory import keep_freed_memory
from off2on.observations import ObservationSpec
from off2on.replay.balanced import BalancedSampler, balanced
from off2on.replay.inputs import SamplerInputs
from off2on.replay.origins import Origins
from off2on.replay.store import Floats, TransitionStore
from off2on.replay.sumtree import SumTree
from off2on.settings import Settings
from off2on.training.evaluate import Averages
from off2on.training.steps import OfflineStep, OnlineStep

OBSERVATION, ACTION, WIDTHS, BATCH = 17, 6, [256, 256], 256
SPEC = ObservationSpec((OBSERVATION,))
SQUARE = 1024
#: what no implementation of a step can do without, GFLOP
FINETUNE_GFLOP, CQL_GFLOP = 3.1, 7.0
REPEATS = 50

FIRST_STEP = """
import numpy as np, torch
import off2on.training.finetune
from off2on.agents.sac import EnsembleAgent, SacNoise, init_agent
from off2on.algorithms.sac import Sac
from off2on.data.batch import Batch
torch.set_num_threads(1)
agent = EnsembleAgent(init_agent(17, 6, [256, 256], [np.random.default_rng(0)] * 5), Sac())
batch = Batch(torch.ones(256, 17), torch.zeros(256, 6), torch.ones(256), torch.ones(256, 17), torch.zeros(256))
agent.update(batch, SacNoise(torch.zeros(256, 6), torch.zeros(256, 6)))
"""


class Result(NamedTuple):
    """A row of the table."""

    name: str
    seconds: float
    limit: str
    gflop: float | None = None
    ratio: float | None = None


def timed(function: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def repeated(function: Callable[[], object], repeats: int) -> float:
    """Median of that many calls, after a few that do not count."""
    for _ in range(3):
        function()
    return median(timed(function) for _ in range(repeats))


def product() -> Callable[[], Tensor]:
    """A 1024-square float32 product."""
    left, right, out = (torch.randn(SQUARE, SQUARE) for _ in range(3))
    return lambda: torch.mm(left, right, out=out)


def against_product(name: str, step: Callable[[], object], gflop: float, limit: float) -> Result:
    """Time a step and the product alternately."""
    reference = product()
    for _ in range(5):
        reference()
        step()
    pairs = [(timed(reference), timed(step)) for _ in range(REPEATS)]
    seconds = median(own for _, own in pairs)
    rate = 2e-9 * SQUARE**3 / median(square for square, _ in pairs)
    return Result(name, seconds, f"ratio <= {limit}", gflop, seconds * rate / gflop)


def transitions(count: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Random observations `[count + 1, O]`, actions, rewards and terminals."""
    rng = np.random.default_rng(0)
    observations = rng.standard_normal((count + 1, OBSERVATION), np.float32)
    actions = np.tanh(rng.standard_normal((count, ACTION), np.float32))
    return observations, actions, actions[:, 0].copy(), np.zeros(count, np.float32)


def filled_store(arrays: tuple[Floats, Floats, Floats, Floats]) -> TransitionStore:
    """A store with those transitions."""
    store = TransitionStore(SPEC, ACTION, len(arrays[1]))
    store.append(*arrays)
    return store


def filled_sampler(store: TransitionStore, offline: int, rng: np.random.Generator) -> BalancedSampler:
    """Balanced replay of a store whose first rows are offline."""
    return balanced(SamplerInputs(store, offline, SPEC, Settings(), BATCH, init_rng=rng, rng=rng))


def finetuning_step() -> Callable[[], object]:
    """Draw, update of five members, density step and new priorities, as the loop does them."""
    rng = np.random.default_rng(0)
    store = filled_store(transitions(20_000))
    sampler = filled_sampler(store, 10_000, rng)
    sampler.append(np.arange(10_000, 20_000))
    agent = EnsembleAgent(init_agent(OBSERVATION, ACTION, WIDTHS, [rng] * 5), Sac())
    step = OnlineStep(agent, store, sampler, Origins(), Averages(["q_mean"]), BATCH, 0, rng)
    return lambda: step.learn(step.draw())


def cql_step(cloning: bool = False) -> Callable[[], object]:
    """The update of one agent, ten actions of each kind, with fresh noise and minibatch."""
    rng = np.random.default_rng(0)
    store = filled_store(transitions(20_000))
    settings = Cql(bc_steps=10**9 if cloning else 0)
    agent = CqlAgent(init_agent(OBSERVATION, ACTION, WIDTHS, [rng]), settings)
    step = OfflineStep(agent, store, Averages(["q_mean"]), BATCH, 0, [rng], [rng])
    return lambda: step.learn(step.draw())


def fill() -> Callable[[], object]:
    """One million transitions enter a store and its prioritised buffer."""
    rng = np.random.default_rng(0)
    arrays = transitions(1_000_000)
    return lambda: filled_sampler(filled_store(arrays), len(arrays[1]), rng)


def draw_and_update() -> Callable[[], object]:
    """A draw of 256 from 1.25 million priorities, and new priorities of the drawn rows."""
    rng = np.random.default_rng(0)
    tree = SumTree(1_250_000)
    tree.fill(0, torch.from_numpy(rng.random(1_250_000)))

    def step() -> None:
        uniforms, priorities = (torch.from_numpy(rng.random(BATCH)) for _ in range(2))
        tree.update(tree.draw(uniforms), priorities)

    return step


def first_step() -> None:
    """A fresh interpreter imports the fine-tuning stack and does one update."""
    subprocess.run([sys.executable, "-c", FIRST_STEP], check=True)


def table(rate: float, results: list[Result]) -> str:
    """The results as a Markdown table."""
    lines = [
        f"1024-square float32 product: {rate:.1f} GFLOP/s, one thread, torch {torch.__version__}, "
        f"load average {os.getloadavg()[0]:.1f}",
        "",
        "| what | median | GFLOP | ratio | limit |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for result in results:
        gflop = "" if result.gflop is None else f"{result.gflop:.1f}"
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        lines.append(f"| {result.name} | {1e3 * result.seconds:.2f} ms | {gflop} | {ratio} | {result.limit} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    keep_freed_memory()
    rate = 2e-9 * SQUARE**3 / repeated(product(), REPEATS)
    results = [
        against_product("fine-tuning step, N = 5, balanced", finetuning_step(), FINETUNE_GFLOP, 1.8),
        against_product("CQL step of one agent, R = 10", cql_step(), CQL_GFLOP, 1.7),
        Result("the same during behaviour cloning", repeated(cql_step(cloning=True), 10), ""),
        Result("1M transitions into the prioritised buffer", repeated(fill(), 5), "< 500 ms"),
        Result("draw of 256 and update at 1.25M leaves", repeated(draw_and_update(), 2000), "< 0.5 ms"),
        Result("import to first step of a job", repeated(first_step, 3), ""),
    ]
    print(table(rate, results))


if __name__ == "__main__":
    main()
