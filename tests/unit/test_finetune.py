"""What the online loop writes: the steps that its rows count, and the share of offline samples."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from off2on.errors import Off2OnError
from off2on.methods import Method
from off2on.replay.inputs import SamplerInputs
from off2on.replay.uniform import UniformSampler
from off2on.training import finetune as module
from off2on.training.finetune import Inputs, finetune
from tests.unit.small import ROWS, inputs_of, tuning, with_settings, write_data

#: the last row of the dataset has no next observation
OFFLINE = ROWS - 1
BATCH = 8


def finished(method: str, directory: Path) -> pd.DataFrame:
    """The rows of a whole run on hopper, from a random dataset and untrained agents."""
    job = with_settings(tuning(method), sac={"batch": BATCH})
    finetune(job, inputs_of(job, directory), directory / "run")
    return pd.read_csv(directory / "run" / "progress.csv")


@pytest.mark.parametrize(
    ("method", "env_steps", "gradient_steps"),
    [
        # five times the gradient steps in the first epoch: CQL agents alone [S41, S42]
        ("ours", [0, 10, 20, 30], [0, 50, 60, 70]),
        ("sac-ft", [0, 10, 20, 30], [0, 50, 60, 70]),
        ("cql-reg", [0, 10, 20, 30], [0, 50, 60, 70]),
        ("awac", [0, 10, 20, 30], [0, 10, 20, 30]),
        ("bcq-ft", [0, 10, 20, 30], [0, 10, 20, 30]),
        # the warm-up of a run from scratch counts, and nothing is learned during it [S66]
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
        def numbers(self) -> Tensor:
            return torch.where(torch.arange(BATCH) < next(left), OFFLINE - 1, OFFLINE)

    def make(_name: str, inputs: SamplerInputs) -> UniformSampler:
        return KnownRows(inputs, 0)

    monkeypatch.setattr(module, "make_sampler", make)
    fractions = finished("sac-ft", tmp_path)["offline_fraction"]
    assert np.isnan(fractions[0])
    epochs = np.split(counts, [50, 60])
    assert fractions[1:].tolist() == pytest.approx([epoch.mean() / BATCH for epoch in epochs], abs=1e-12)
    assert next(left, None) is None


def test_a_method_may_have_offline_data_without_a_pre_training(tmp_path: Path) -> None:
    """As RLPD: fresh networks, warm-up, and minibatches that are half offline."""
    method = Method("rlpd-like", "RLPD-like", "fresh SAC on symmetric minibatches", "sac", "symmetric")
    job = replace(tuning("sac-ft"), method=method)
    assert (job.members, job.longer_first_epoch, method.offline) == (1, False, True)
    finetune(job, Inputs(data=write_data(tmp_path / "data.hdf5")), tmp_path / "run")
    rows = pd.read_csv(tmp_path / "run" / "progress.csv")
    assert rows["env_steps"].tolist() == [0, 20, 30]
    assert rows["gradient_steps"].tolist() == [0, 10, 20]
    assert rows["offline_fraction"].tolist()[1:] == [0.5, 0.5]


@pytest.mark.parametrize("left_out", ["data", "agents"])
def test_an_input_that_the_method_needs_is_never_left_out(left_out: str, tmp_path: Path) -> None:
    inputs = replace(inputs_of(tuning("ours"), tmp_path), **{left_out: None})
    with pytest.raises(Off2OnError, match=f"method 'ours' needs its {left_out}"):
        finetune(tuning("ours"), inputs, tmp_path / "run")
    with pytest.raises(Off2OnError, match="method 'sac' reads no data"):
        finetune(tuning("sac"), Inputs(data=write_data(tmp_path / "data.hdf5")), tmp_path / "run")
