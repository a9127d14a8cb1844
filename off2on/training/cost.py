"""What an ensemble of N members costs: a gradient step, an action, memory; batched and as a naive loop.

Appendix B. One thread. Sampling, noise and the density network cost the same for every N and are left out.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from off2on.agents.sac import EnsembleAgent, SacNoise, init_agent
from off2on.agents.twins import soft_update
from off2on.algorithms.sac import Sac
from off2on.data.batch import Batch
from off2on.envs.tasks import get_task
from off2on.files import write_text
from off2on.nn.adam import Adam, Gradients
from off2on.nn.gaussian import SAC_LOG_STD, Gaussian, mixture, sample
from off2on.nn.memory import keep_freed_memory
from off2on.nn.mlp import Params, layer_names
from off2on.nn.state import Nets, flatten
from off2on.provenance import now, peak_memory_mb, provenance
from off2on.scale import Scale
from off2on.seeding import stream
from off2on.training.progress import progress_bar

#: calls before the timed ones
WARM_UP = 5


class LoopAgent:
    """The naive ensemble: single networks one after the other, with the same losses as `EnsembleAgent`.

    Args:
        nets: `policy [N]` and `critic [2N]`, as the batched agent takes them.
        settings: of the losses and optimisers.
    """

    def __init__(self, nets: Nets, settings: Sac) -> None:
        self.settings = settings
        self.policies = _separate(nets["policy"])
        #: first critics of the members, then second ones
        self.critics = _separate(nets["critic"])
        self.targets = _separate(nets["critic"])
        self.log_alpha = torch.zeros(())
        lists = {"policy": self.policies, "critic": self.critics, "temperature": [{"log_alpha": self.log_alpha}]}
        trained = {name: _named(networks) for name, networks in lists.items()}
        rates = {"policy": settings.policy_lr, "temperature": settings.policy_lr, "critic": settings.q_lr}
        self.adam = Adam(trained, rates)
        self.nets: Nets = {**trained, "target": _named(self.targets)}

    def gradients(self, batch: Batch, noise: SacNoise) -> Gradients:
        """What `sac_gradients` computes [S26-S29], one network after the other."""
        alpha = self.log_alpha.detach().exp()
        frozen = [{name: value.detach() for name, value in critic.items()} for critic in self.critics]

        actions, log_pi = sample(self._policy(batch.observations), noise.policy)
        q_policy = torch.stack(_minima(frozen, batch.observations, actions)).mean(0)
        policy_loss = (alpha * log_pi - q_policy).mean()
        alpha_loss = -(self.log_alpha * (log_pi.detach() - batch.actions.shape[-1])).mean()

        with torch.no_grad():
            next_actions, next_log_pi = sample(self._policy(batch.next_observations), noise.target)
            minima = _minima(self.targets, batch.next_observations, next_actions)
            discounts = (1 - batch.terminals) * self.settings.discount
            ys = [batch.rewards + discounts * (q_next - alpha * next_log_pi) for q_next in minima]
        pairs = torch.cat([batch.observations, batch.actions], -1)
        losses = [
            (_forward(critic, pairs) - y).square().mean() for critic, y in zip(self.critics, ys + ys, strict=True)
        ]
        return {
            "policy": torch.autograd.grad(policy_loss, list(self.nets["policy"].values())),
            "critic": torch.autograd.grad(torch.stack(losses).sum(), list(self.nets["critic"].values())),
            "temperature": torch.autograd.grad(alpha_loss, [self.log_alpha]),
        }

    def update(self, batch: Batch, noise: SacNoise) -> None:
        """One gradient step on `[B, .]` transitions, then the soft target update."""
        self.adam.step(self.gradients(batch, noise))
        for target, critic in zip(self.targets, self.critics, strict=True):
            soft_update(target, critic, self.settings.tau)

    @torch.no_grad()
    def act(self, observations: Tensor, noise: Tensor) -> Tensor:
        """A sample of the ensemble policy: `[B, O]` -> `[B, A]`."""
        gaussian = self._policy(observations)
        return torch.tanh(gaussian.mean + gaussian.std * noise)

    def state(self) -> dict[str, Tensor]:
        """Everything that further updates depend on."""
        return flatten(self.nets, "nets/") | self.adam.state("adam/")

    def _policy(self, observations: Tensor) -> Gaussian:
        members = [_policy(params, observations) for params in self.policies]
        return mixture(Gaussian(torch.stack([m.mean for m in members]), torch.stack([m.std for m in members])))


def _separate(params: Mapping[str, Tensor]) -> list[Params]:
    """`[E, ...]` parameters -> E networks of their own."""
    count = next(iter(params.values())).shape[0]
    return [{name: value[i].detach().clone() for name, value in params.items()} for i in range(count)]


def _named(networks: Sequence[Params]) -> Params:
    return {f"{i}/{name}": value for i, params in enumerate(networks) for name, value in params.items()}


def _dense(params: Params, name: str, x: Tensor) -> Tensor:
    return torch.addmm(params[f"{name}.bias"], x, params[f"{name}.weight"])


def _forward(critic: Params, pairs: Tensor) -> Tensor:
    """Values `[B]` of concatenated pairs `[B, O + A]`."""
    *trunk, last = layer_names(critic)
    for name in trunk:
        pairs = torch.relu_(_dense(critic, name, pairs))
    return _dense(critic, last, pairs).squeeze(-1)


def _minima(critics: Sequence[Params], observations: Tensor, actions: Tensor) -> list[Tensor]:
    """Each member's value `[B]`, the smaller of its two critics."""
    pairs = torch.cat([observations, actions], -1)
    half = len(critics) // 2
    twins = zip(critics[:half], critics[half:], strict=True)
    return [torch.minimum(_forward(first, pairs), _forward(second, pairs)) for first, second in twins]


def _policy(params: Params, x: Tensor) -> Gaussian:
    for name in layer_names(params):
        x = torch.relu_(_dense(params, name, x))
    std = _dense(params, "log_std", x).clamp(*SAC_LOG_STD).exp()
    return Gaussian(_dense(params, "mean", x), std)


# ------------------------------------------------------------------------------------------- measuring

IMPLEMENTATIONS: Mapping[str, type[EnsembleAgent] | type[LoopAgent]] = {
    "batched": EnsembleAgent,
    "loop": LoopAgent,
}


@dataclass(frozen=True)
class Sizes:
    """Sizes of what is measured."""

    observation: int
    action: int
    widths: tuple[int, ...]
    batch: int


class Bench:
    """An ensemble with made-up weights and a minibatch: what is timed."""

    def __init__(self, implementation: str, members: int, sizes: Sizes) -> None:
        rngs = [stream("cost", member) for member in range(members)]
        nets = init_agent(sizes.observation, sizes.action, sizes.widths, rngs)
        self.agent = IMPLEMENTATIONS[implementation](nets, Sac())
        rng = stream("cost", "batch")

        def normals(*shape: int) -> Tensor:
            return torch.from_numpy(rng.standard_normal(shape, np.float32))

        self.batch = Batch(
            normals(sizes.batch, sizes.observation),
            normals(sizes.batch, sizes.action).tanh(),
            normals(sizes.batch),
            normals(sizes.batch, sizes.observation),
            torch.zeros(sizes.batch),
        )
        self.noise = SacNoise(*normals(2, sizes.batch, sizes.action))

    def step(self) -> None:
        """One gradient step."""
        self.agent.update(self.batch, self.noise)

    def action(self) -> None:
        """One exploration action at one observation."""
        self.agent.act(self.batch.observations[:1], self.noise.policy[:1])

    @property
    def state_mb(self) -> float:
        """Parameters, targets and optimiser, in MB."""
        tensors = self.agent.state().values()
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6


def measure_cost(scale: Scale, path: Path) -> None:
    """Measure every N of the scale: the CSV `path`, and a JSON file beside it that says on what.

    Times are medians with quartiles, in ms; batched and loop are interleaved, so background load affects both.

    Raises:
        Off2OnError: unknown task, or a file cannot be written.
    """
    task = get_task(scale.tasks[0])
    widths = (scale.network.width,) * scale.network.depth
    sizes = Sizes(task.observation.size, task.action_size, widths, scale.of(Sac).batch)
    started, load = now(), os.getloadavg()[0]
    pairs = [(name, members) for members in scale.cost.members for name in IMPLEMENTATIONS]
    growths = _peak_growths(pairs, sizes)
    rows = [row for members in scale.cost.members for row in _timed(members, sizes, scale.cost.repeats)]
    rows = [row | {"peak_growth_mb": growth} for row, growth in zip(rows, growths, strict=True)]
    info: dict[str, Any] = {"kind": "cost", "scale": scale.name, "source": scale.source, "task": task.name}
    info |= {"sizes": asdict(sizes), "repeats": scale.cost.repeats, "threads": torch.get_num_threads()}
    info |= {"started": started, "ended": now(), "load_average_at_start": round(load, 2), **provenance()}
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    # the CSV last: where it is, a reader finds the JSON too
    write_text(path.with_suffix(".json"), json.dumps(info, indent=1) + "\n")
    write_text(path, "".join(",".join(map(str, line)) + "\n" for line in lines))


def _timed(members: int, sizes: Sizes, repeats: int) -> list[dict[str, Any]]:
    benches = {name: Bench(name, members, sizes) for name in IMPLEMENTATIONS}
    steps = _in_turns(f"steps, N = {members}", {name: bench.step for name, bench in benches.items()}, repeats)
    actions = _in_turns(
        f"actions, N = {members}", {name: bench.action for name, bench in benches.items()}, repeats
    )
    return [
        {"members": members, "implementation": name}
        | _quartiles("step", steps[name])
        | _quartiles("action", actions[name])
        | {"state_mb": round(bench.state_mb, 3)}
        for name, bench in benches.items()
    ]


def _in_turns(title: str, calls: Mapping[str, Callable[[], None]], repeats: int) -> dict[str, NDArray[np.float64]]:
    """Milliseconds of each call, `[repeats]`."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    with progress_bar(title, WARM_UP + repeats, "repeat") as bar:
        for _ in range(WARM_UP + repeats):
            for name, call in calls.items():
                start = time.perf_counter()
                call()
                times[name].append(1e3 * (time.perf_counter() - start))
            bar.update()
    return {name: np.array(found[WARM_UP:]) for name, found in times.items()}


def _quartiles(what: str, times: NDArray[np.float64]) -> dict[str, float]:
    low, middle, high = (round(float(value), 4) for value in np.quantile(times, (0.25, 0.5, 0.75)))
    return {f"{what}_ms": middle, f"{what}_ms_q25": low, f"{what}_ms_q75": high}


def _peak_growths(pairs: Sequence[tuple[str, int]], sizes: Sizes) -> list[float]:
    """Peak memory of steps of each, in MB, each in a fresh process: a peak never goes down again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    growths = []
    with context.Pool(1, maxtasksperchild=1) as pool, progress_bar("memory", len(pairs), "process") as bar:
        for pair in pairs:
            growths.append(pool.apply(_peak_growth, (*pair, sizes)))
            bar.update()
    return growths


def _peak_growth(implementation: str, members: int, sizes: Sizes) -> float:
    torch.set_num_threads(1)
    keep_freed_memory()
    # what the first step of any process loads is not a cost of the ensemble
    Bench(implementation, 1, Sizes(1, 1, (1,), 1)).step()
    before = peak_memory_mb()
    bench = Bench(implementation, members, sizes)
    for _ in range(WARM_UP):
        bench.step()
    return round(peak_memory_mb() - before, 1)
