"""What the online loop writes: the steps that its rows count, and the share of offline samples."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file

from off2on.agents.interface import offline_module
from off2on.config import Settings
from off2on.data.dataset import Dataset, write_dataset
from off2on.envs.tasks import get_task
from off2on.methods import get_method
from off2on.nn.state import flatten
from off2on.replay.samplers import UniformSampler
from off2on.training import finetune as module
from off2on.training.finetune import FinetuneJob, Start, finetune

EPOCH, BATCH = 10, 8
#: rows of the dataset; the last one has no next observation, so the store has one fewer
ROWS = 40
OFFLINE = ROWS - 1
NETWORK = {"width": 8, "depth": 2}
#: three epochs; how much longer the first one is stays at the paper's value
SETTINGS = Settings.model_validate(
    {
        "members": 2,
        "network": NETWORK,
        "online": {
            "env_steps": 3 * EPOCH,
            "epoch_steps": EPOCH,
            "warmup_steps": EPOCH,
            "batch": BATCH,
            "density_batch": BATCH,
            "eval_episodes": 1,
        },
        "awac": {"policy": NETWORK, "critic": NETWORK, "online_batch": BATCH},
        "bcq": {"batch": BATCH, "widths": [8], "vae_widths": [8], "acting_candidates": 2},
    }
)


def finished(name: str, directory: Path) -> pd.DataFrame:
    """The rows of a whole run on hopper, from a random dataset and untrained agents."""
    method = get_method(name)
    dataset = "random" if method.offline else "none"
    job = FinetuneJob("micro", "local", "hopper", dataset, method, 0, SETTINGS)
    start = offline_start(method.offline, directory) if method.offline else None
    finetune(job, start, directory / "run")
    return pd.read_csv(directory / "run" / "progress.csv")


def offline_start(algorithm: str, directory: Path) -> Start:
    task, rng = get_task("hopper"), np.random.default_rng(0)
    dataset = Dataset(
        observations=rng.standard_normal((ROWS, task.observation_size), np.float32),
        actions=rng.uniform(-1, 1, (ROWS, task.action_size)).astype(np.float32),
        rewards=np.ones(ROWS, np.float32),
        terminals=np.zeros(ROWS, np.bool_),
        timeouts=np.arange(ROWS) == ROWS - 1,
    )
    write_dataset(directory / "data.hdf5", dataset)
    rngs = [np.random.default_rng(i) for i in range(SETTINGS.members)]
    nets = offline_module(algorithm).init_nets(task.observation_size, task.action_size, SETTINGS, rngs)
    save_file(flatten(nets), directory / "agent.safetensors")
    return Start(directory / "data.hdf5", directory)


@pytest.mark.parametrize(
    ("method", "env_steps", "gradient_steps"),
    [
        # five times the gradient steps in the first epoch: CQL agents alone (facts 1.8, 10.2)
        ("ours", [0, 10, 20, 30], [0, 50, 60, 70]),
        ("sac-ft", [0, 10, 20, 30], [0, 50, 60, 70]),
        ("cql-reg", [0, 10, 20, 30], [0, 50, 60, 70]),
        ("awac", [0, 10, 20, 30], [0, 10, 20, 30]),
        ("bcq-ft", [0, 10, 20, 30], [0, 10, 20, 30]),
        # the warm-up of a run from scratch counts, and nothing is learned during it (facts 3.1)
        ("sac", [0, 20, 30], [0, 10, 20]),
    ],
)
def test_rows_count_environment_and_gradient_steps(
    method: str, env_steps: list[int], gradient_steps: list[int], tmp_path: Path
) -> None:
    rows = finished(method, tmp_path)
    assert rows["env_steps"].tolist() == env_steps
    assert rows["gradient_steps"].tolist() == gradient_steps
    # nothing is averaged before the first minibatch; without offline data there is no share of it
    assert rows["offline_fraction"].notna().tolist() == [k > 0 and method != "sac" for k in gradient_steps]


def test_offline_fraction_is_the_mean_over_all_minibatches_of_an_epoch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # offline samples of each minibatch, few of them: from the last offline row, next to the first online one
    counts = np.random.default_rng(1).integers(0, 4, 70)
    left = iter(counts)

    class KnownRows(UniformSampler):
        def draw(self) -> Any:
            return np.where(np.arange(BATCH) < next(left), OFFLINE - 1, OFFLINE)

    def make(_kind: str, store: Any, _offline_size: int, _settings: Settings, batch: int, **rngs: Any) -> Any:
        return KnownRows(store, 0, batch, rngs["rng"])

    monkeypatch.setattr(module, "make_sampler", make)
    fractions = finished("sac-ft", tmp_path)["offline_fraction"]
    assert np.isnan(fractions[0])
    epochs = np.split(counts, [50, 60])
    assert fractions[1:].tolist() == pytest.approx([epoch.mean() / BATCH for epoch in epochs], abs=1e-12)
    assert next(left, None) is None
