"""The VAE likelihood: the estimator against exact values, and the job from dataset to CSV."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from off2on.analysis.aggregate import aggregate, gather_tables
from off2on.analysis.auroc import auroc
from off2on.analysis.tables import LIKELIHOOD_COLUMNS, read_tables
from off2on.data.dataset import Dataset, write_dataset
from off2on.errors import Off2OnError
from off2on.nn.likelihood_vae import elbo, init_vae, log_likelihood
from off2on.nn.state import Nets
from off2on.scale import Likelihood, load_scale
from off2on.scale_jobs import likelihoods
from off2on.training import likelihood as module
from off2on.training.likelihood import LikelihoodJob, estimate, held_out, likelihood, train_vae

SMALL = Likelihood(steps=60, batch=64, widths=(16,), latent=2, samples=50, importance_samples=5)


def linear_gaussian(spread: float = 1.0, shift: float = 0.0) -> tuple[Nets, torch.distributions.Distribution]:
    """x = w z + b + noise with one latent dimension, as a VAE without hidden layers, and the exact p(x).

    The encoder is the exact posterior for `spread` 1 and `shift` 0, else a wider and shifted one.
    """
    w, b, std = torch.tensor([1.5, -0.7, 0.4]), torch.tensor([0.3, 0.0, -1.0]), torch.tensor([0.5, 0.9, 0.7])
    precision = 1 + (w / std).square().sum()
    gain = w / std.square() / precision
    nets = init_vae(3, [], 1, np.random.default_rng(0))
    nets["encoder"]["layer0.weight"] = torch.stack([gain, torch.zeros(3)], 1).unsqueeze(0)
    log_std = math.log(spread) - 0.5 * torch.log(precision)
    nets["encoder"]["layer0.bias"] = torch.tensor([[float(-gain @ b) + shift, float(log_std)]])
    nets["decoder"] = {"layer0.weight": w.view(1, 1, 3), "layer0.bias": b.view(1, 3)}
    nets["noise"] = {"log_std": std.log()}
    exact = torch.distributions.MultivariateNormal(b, torch.outer(w, w) + torch.diag(std.square()))
    return nets, exact


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, np.float32))


def test_with_the_exact_posterior_one_sample_gives_the_exact_likelihood() -> None:
    nets, exact = linear_gaussian()
    x = 2 * normal(200, 3)
    for k in (1, 7):
        torch.testing.assert_close(
            log_likelihood(nets, x, normal(k, 200, 1)), exact.log_prob(x), rtol=0, atol=1e-4
        )


def test_with_another_posterior_the_estimate_converges_to_the_exact_likelihood() -> None:
    nets, exact = linear_gaussian(spread=1.5, shift=0.2)
    x = 2 * normal(100, 3)
    errors = {
        k: (log_likelihood(nets, x, normal(k, 100, 1)) - exact.log_prob(x)).abs().mean() for k in (10, 10_000)
    }
    assert errors[10_000] < 0.01 < 0.05 < errors[10]


def test_the_bound_does_not_decrease_in_k_on_average() -> None:
    nets, exact = linear_gaussian(spread=1.5, shift=0.5)
    x = 1.2 * normal(4000, 3, seed=3)
    bounds = [float(log_likelihood(nets, x, normal(k, 4000, 1, seed=k)).mean()) for k in (1, 2, 5, 20, 100)]
    assert bounds == sorted(bounds)
    assert bounds[0] + 0.1 < bounds[-1] <= float(exact.log_prob(x).mean()) + 1e-3


def test_the_elbo_is_the_bound_with_one_sample() -> None:
    nets, _ = linear_gaussian(spread=1.5, shift=0.5)
    x = normal(20_000, 3)
    one = log_likelihood(nets, x, normal(1, 20_000, 1)).mean()
    assert float(elbo(nets, x, normal(20_000, 1, seed=1)).mean()) == pytest.approx(float(one), abs=0.1)


# ------------------------------------------------------------------------------------------------- the job


def job(seed: int = 0, settings: Likelihood = SMALL) -> LikelihoodJob:
    return LikelihoodJob("quick", "local", "hopper", "random", seed, settings)


def test_training_tells_a_mixture_from_what_lies_outside() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[-1.0, 0.0, 1.0], [1.0, 1.0, -1.0]])
    near = centres[rng.integers(2, size=3000)] + 0.2 * rng.standard_normal((3000, 3))
    x = torch.from_numpy(near.astype(np.float32))
    task = job(settings=SMALL.model_copy(update={"steps": 600, "lr": 3e-3, "samples": 500}))
    nets = train_vae(task, x[:2500])
    inside = estimate(task, nets, x[2500:], "inside")
    between = estimate(task, nets, torch.zeros(500, 3), "between")
    beyond = estimate(task, nets, 2 * x[2500:], "beyond")
    assert auroc(inside, between) > 0.9
    assert auroc(inside, beyond) > 0.95
    # the exact value is -0.1 nats on average, that of one Gaussian with the same moments -1.5
    assert -1.2 < inside.mean() < -0.1


def dataset(shift: float, episodes: int = 10) -> Dataset:
    rng = np.random.default_rng(1)
    size = 40 * episodes
    timeouts = np.zeros(size, np.bool_)
    timeouts[39::40] = True
    return Dataset(
        observations=(rng.standard_normal((size, 11)) + shift).astype(np.float32),
        actions=rng.uniform(-1, 1, (size, 3)).astype(np.float32),
        rewards=np.zeros(size, np.float32),
        terminals=np.zeros(size, np.bool_),
        timeouts=timeouts,
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A dataset and roll-outs far from it."""
    paths = tmp_path / "random.hdf5", tmp_path / "rollouts.hdf5"
    for path, shift in zip(paths, (0.0, 6.0), strict=True):
        write_dataset(path, dataset(shift))
    return paths


def test_the_job_writes_samples_of_both_kinds_and_what_made_them(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "seed0.csv"
    likelihood(job(), *files, out)
    table = pd.read_csv(out)
    # 1 of 10 episodes is held out: 40 pairs; of the 400 online ones 50 are drawn
    assert table["split"].value_counts().to_dict() == {"online": 50, "offline": 40}
    medians = table.groupby("split")["log_likelihood"].median()
    assert medians["offline"] > medians["online"] + 20
    told = json.loads(out.with_suffix(".json").read_text())
    assert told["pairs"] == {"training": 360, "validation": 40, "online": 400}
    assert told["median_log_likelihood"] == pytest.approx(medians.to_dict(), rel=1e-3)
    assert all(-100 < told["elbo"][part] < 0 for part in ("training", "validation"))
    assert set(told["parents"]) == {str(path) for path in files}
    assert "datasets" not in told["settings"]


def test_the_same_job_gives_the_same_bytes(files: tuple[Path, Path], tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for out, seed in zip(outs, (0, 0, 1), strict=True):
        likelihood(job(seed), *files, out)
    first, again, other = (out.read_bytes() for out in outs)
    assert first == again != other


def test_whole_episodes_are_held_out() -> None:
    marks = held_out(dataset(0.0), 0.25, np.random.default_rng(0)).reshape(10, 40)
    assert (marks.all(1) | ~marks.any(1)).all()
    assert marks[:, 0].sum() == 2
    assert held_out(dataset(0.0), 0.01, np.random.default_rng(0)).sum() == 40


def test_a_dimension_that_never_changes_does_no_harm(files: tuple[Path, Path], tmp_path: Path) -> None:
    constant = dataset(0.0)
    constant.observations[:, 0] = 5.0
    write_dataset(files[0], constant)
    likelihood(job(), *files, tmp_path / "seed0.csv")
    assert np.isfinite(pd.read_csv(tmp_path / "seed0.csv")["log_likelihood"]).all()


def test_what_is_missing_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    data, rollouts = files
    out = tmp_path / "out" / "seed0.csv"
    with pytest.raises(Off2OnError, match=r"no\.hdf5 is missing; make them with `off2on rollout` first"):
        likelihood(job(), data, tmp_path / "no.hdf5", out)
    with pytest.raises(Off2OnError, match=r"no\.hdf5: no such dataset; `off2on collect` makes one"):
        likelihood(job(), tmp_path / "no.hdf5", rollouts, out)
    write_dataset(data, dataset(0.0, episodes=1))
    with pytest.raises(Off2OnError, match=r"random\.hdf5: only one episode"):
        likelihood(job(), data, rollouts, out)
    assert not out.parent.exists()


def test_divergence_is_an_error(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(job: LikelihoodJob, x: Tensor) -> Nets:
        nets = init_vae(x.shape[1], job.settings.widths, job.settings.latent, job.stream("init"))
        return {name: {k: v * math.nan for k, v in params.items()} for name, params in nets.items()}

    monkeypatch.setattr(module, "train_vae", lost)
    with pytest.raises(Off2OnError, match=r"the VAE has diverged: .*lower `likelihood\.lr`"):
        likelihood(job(), *files, tmp_path / "seed0.csv")
    assert not (tmp_path / "seed0.csv").exists()


# ------------------------------------------------------------------------------------------ tables, selection


def test_aggregate_merges_the_jobs(files: tuple[Path, Path], tmp_path: Path) -> None:
    paths = [tmp_path / f"seed{seed}.csv" for seed in (1, 0)]
    for path, seed in zip(paths, (1, 0), strict=True):
        likelihood(job(seed), *files, path)
    aggregate(paths, tmp_path / "analysis")
    table = read_tables(tmp_path / "analysis").likelihood
    assert tuple(table.columns) == LIKELIHOOD_COLUMNS
    assert table.groupby("seed", sort=False).size().to_dict() == {0: 90, 1: 90}
    assert set(table["importance_samples"]) == {5}
    assert set(table["task"] + "/" + table["dataset"]) == {"hopper/random"}
    for place in (("small", "elsewhere"), ("other", "local")):
        with pytest.raises(Off2OnError, match="is of scale and source"):
            gather_tables(paths, place=place)
    copied = tmp_path / "copy.csv"
    for ending in (".csv", ".json"):
        copied.with_suffix(ending).write_bytes(paths[0].with_suffix(ending).read_bytes())
    with pytest.raises(Off2OnError, match="the same likelihood twice"):
        aggregate([*paths, copied], tmp_path / "analysis")
    for text, told in (
        ("split,log_likelihood\noffline,nan\nonline,1\n", "no number"),
        ("split,log_likelihood\noffline,2\n", "expected offline and online"),
        ("split,log_likelihood\noffline,inf\nonline,1\n", "no finite number"),
    ):
        copied.write_text(text)
        with pytest.raises(Off2OnError, match=told):
            aggregate([copied], tmp_path / "analysis")
    paths[0].with_suffix(".json").unlink()
    with pytest.raises(Off2OnError, match=r"seed1\.json is missing; run `off2on likelihood` again"):
        aggregate(paths, tmp_path / "analysis")


def test_no_jobs_give_an_empty_table(tmp_path: Path) -> None:
    aggregate([], tmp_path)
    table = read_tables(tmp_path).likelihood
    assert table.empty
    assert tuple(table.columns) == LIKELIHOOD_COLUMNS


def test_only_cql_agents_of_the_chosen_datasets_have_it() -> None:
    assert [tuple(found) for found in likelihoods(load_scale("quick"))] == [
        ("halfcheetah", "random", "cql", seed) for seed in range(2)
    ]
    assert likelihoods(load_scale("quick", datasets=["medium"])) == []
