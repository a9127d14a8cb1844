"""How likely offline and online state-action pairs are under a VAE of the offline data (Fig. 1a) [S87]."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from off2on.data.checks import Floats
from off2on.data.dataset import Dataset, read_dataset
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.files import sha256, write_text
from off2on.nn.adam import Adam
from off2on.nn.gaussian import LOG_2PI
from off2on.nn.likelihood_vae import elbo, init_vae, log_likelihood
from off2on.nn.state import Nets
from off2on.provenance import config_hash, now, peak_memory_mb, provenance
from off2on.sections import Likelihood
from off2on.seeding import Rng, stream
from off2on.training.progress import progress_bar

#: pairs times importance samples that are decoded at a time: the largest temporary is this times the width
CHUNK = 16_384
#: the smallest standard deviation a dimension is divided by
SMALLEST_STD = 1e-6


@dataclass(frozen=True)
class LikelihoodJob:
    """What an analysis is: its name in results/ and its settings."""

    scale: str
    source: str
    task: str
    dataset: str
    seed: int
    settings: Likelihood

    def stream(self, role: str) -> Rng:
        """The generator of a role in the job."""
        return stream("likelihood", self.source, self.task, self.dataset, self.seed, role)

    def identity(self) -> dict[str, Any]:
        """The first part of the JSON."""
        names = ("scale", "source", "task", "dataset", "seed")
        settings = self.settings.model_dump(mode="json", exclude={"datasets"})
        return {"kind": "likelihood", **{name: getattr(self, name) for name in names}, "settings": settings}


def likelihood(job: LikelihoodJob, data: Path, rollouts: Path, out: Path) -> None:
    """Train the VAE on most episodes of the dataset, estimate log-likelihoods of the others and of the roll-outs.

    Args:
        job: which dataset, seed and settings.
        data: the offline dataset.
        rollouts: online pairs, as `off2on rollout` writes them.
        out: a CSV to write, columns split (offline, online) and log_likelihood (nats; density of the pairs
            standardised by the training pairs' moments); what made it goes into a JSON beside it.

    Raises:
        Off2OnError: a file is missing or wrong, the dataset has one episode only, training has diverged, or an
            output cannot be written.
    """
    started, clock = now(), time.monotonic()
    if not rollouts.is_file():
        raise Off2OnError(f"no roll-outs: {rollouts} is missing; make them with `off2on rollout` first")
    task = get_task(job.task)
    named = {"source": job.source, "task": job.task, "dataset": job.dataset}
    offline, online = read_dataset(data, task, named), read_dataset(rollouts, task, named)
    held = held_out(offline, job.settings.validation, job.stream("split"))
    if held.all():
        raise Off2OnError(f"{data}: only one episode; a VAE needs some to train on and some to hold out")
    found, told = _compare(job, _pairs(offline)[~held], _pairs(offline)[held], _pairs(online))
    record = {
        **job.identity(),
        "config_hash": config_hash(job.identity()["settings"]),
        **provenance(),
        "dataset_sha256": sha256(data),
        "parents": {str(path): sha256(path) for path in (data, rollouts)},
        "pairs": {"training": int((~held).sum()), "validation": int(held.sum()), "online": len(online)},
        **told,
        "started": started,
        "ended": now(),
        "wall_seconds": round(time.monotonic() - clock, 1),
        "peak_memory_mb": peak_memory_mb(),
    }
    rows = [f"{split},{value:.6g}\n" for split, values in found.items() for value in values]
    write_text(out.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    write_text(out, "split,log_likelihood\n" + "".join(rows))


def _compare(
    job: LikelihoodJob, training: Floats, validation: Floats, online: Floats
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Log-likelihoods by split, and what the JSON says of them, from `[., O + A]` pairs as they are."""
    standardise = _standardiser(training)
    x, held = standardise(training), standardise(validation)
    nets = train_vae(job, x)
    means = {
        "training": mean_elbo(job, nets, x, "elbo-training"),
        "validation": mean_elbo(job, nets, held, "elbo-validation"),
        # independent normal dimensions: what networks that ignore their latent variable reach
        "without_latent": -0.5 * x.shape[1] * (LOG_2PI + 1.0),
    }
    if not np.isfinite(list(means.values())).all():
        raise Off2OnError(f"the VAE has diverged: mean ELBO {means}; lower `likelihood.lr` of the scale")
    found = {
        "offline": estimate(job, nets, held, "offline"),
        "online": estimate(job, nets, standardise(online), "online"),
    }
    medians = {split: float(np.median(values)) for split, values in found.items()}
    return found, {"elbo": means, "median_log_likelihood": medians}


def held_out(dataset: Dataset, share: float, rng: Rng) -> NDArray[np.bool_]:
    """`[N]`: rows of the validation part, about `share` of the episodes and at least one.

    Whole episodes: neighbours in time are too similar to be held out from each other.
    """
    ends = dataset.terminals | dataset.timeouts
    episode: NDArray[np.int64] = np.cumsum(ends) - ends
    count = int(episode[-1]) + 1
    chosen = rng.permutation(count)[: max(1, round(share * count))]
    return np.isin(episode, chosen)


def _pairs(dataset: Dataset) -> Floats:
    return np.concatenate([dataset.observations, dataset.actions], 1)


def _standardiser(training: Floats) -> Callable[[Floats], Tensor]:
    """Pairs `[B, O + A]` -> the same by the mean and standard deviation of the training pairs."""
    mean = training.mean(0, dtype=np.float64)
    std = np.maximum(training.std(0, dtype=np.float64), SMALLEST_STD)
    return lambda pairs: torch.from_numpy(((pairs - mean) / std).astype(np.float32))


def train_vae(job: LikelihoodJob, x: Tensor) -> Nets:
    """The networks after `steps` steps of Adam on the mean ELBO of uniform minibatches of `x [N, D]`."""
    settings = job.settings
    nets = init_vae(x.shape[1], settings.widths, settings.latent, job.stream("init"))
    parameters = [tensor for params in nets.values() for tensor in params.values()]
    adam = Adam(nets, dict.fromkeys(nets, settings.lr))
    rows_rng, noise_rng = job.stream("batch"), job.stream("noise")
    with progress_bar(f"VAE {job.task}/{job.dataset} seed {job.seed}", settings.steps, "step") as bar:
        for _ in range(settings.steps):
            batch = x[torch.from_numpy(rows_rng.integers(len(x), size=settings.batch))]
            loss = -elbo(nets, batch, _normal(noise_rng, settings.batch, settings.latent)).mean()
            gradients = iter(torch.autograd.grad(loss, parameters))
            adam.step({name: [next(gradients) for _ in params] for name, params in nets.items()})
            bar.update()
    return nets


@torch.no_grad()
def mean_elbo(job: LikelihoodJob, nets: Nets, x: Tensor, role: str) -> float:
    """Mean ELBO of at most `samples` rows, in nats; the role names the random numbers."""
    rng = job.stream(role)
    x = _some(x, job.settings.samples, rng)
    return float(elbo(nets, x, _normal(rng, len(x), job.settings.latent)).mean())


def estimate(job: LikelihoodJob, nets: Nets, x: Tensor, role: str) -> Floats:
    """Importance-weighted log-likelihood of at most `samples` rows, in nats; the role names the random numbers."""
    rng, k = job.stream(role), job.settings.importance_samples
    x = _some(x, job.settings.samples, rng)
    size, found = max(1, CHUNK // k), []
    with progress_bar(f"likelihood of {role} pairs, {job.task}/{job.dataset}", len(x), "pair") as bar:
        for first in range(0, len(x), size):
            part = x[first : first + size]
            found.append(log_likelihood(nets, part, _normal(rng, k, len(part), job.settings.latent)))
            bar.update(len(part))
    values: Floats = torch.cat(found).numpy()
    return values


def _some(x: Tensor, most: int, rng: Rng) -> Tensor:
    """At most `most` rows, without replacement."""
    return x[torch.from_numpy(rng.permutation(len(x))[:most])]


def _normal(rng: Rng, *shape: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, np.float32))
