"""Roll-outs of a pre-trained agent: whose policy, how many steps, which attributes."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from off2on.config import Network
from off2on.data.dataset import Dataset, read_dataset
from off2on.errors import Off2OnError
from off2on.files import sha256
from off2on.training.rollouts import RolloutJob, roll_out
from tests.unit.small import HOPPER, SETTINGS, fresh_nets, training, write_directory


def job(algorithm: str = "cql", seed: int = 0, steps: int = 120) -> RolloutJob:
    return RolloutJob("local", "hopper", "random", algorithm, seed, SETTINGS, steps)


def agents(directory: Path, algorithm: str = "cql") -> Path:
    """Two fresh members; those of CQL have policies that differ."""
    nets = fresh_nets(algorithm)
    if algorithm == "cql":
        nets["policy"]["mean.bias"] = torch.tensor([[1.0, 0.0, -1.0], [-3.0, -3.0, -3.0]])
        nets["policy"]["log_std.bias"] = torch.full((2, 3), -2.0)
    return write_directory(directory, training(algorithm), nets)


def rolled(directory: Path, found: RolloutJob) -> Dataset:
    out = directory / "out.hdf5"
    roll_out(found, directory, out)
    return read_dataset(out, HOPPER)


def test_the_first_member_acts_stochastically_for_exactly_the_steps(tmp_path: Path) -> None:
    dataset = rolled(agents(tmp_path), job())
    assert len(dataset) == 120
    before_tanh = np.arctanh(dataset.actions)
    assert before_tanh.mean(0) == pytest.approx([1, 0, -1], abs=0.1)
    assert before_tanh.std(0) == pytest.approx([np.exp(-2)] * 3, rel=0.3)
    assert dataset.terminals.sum() >= 2  # a hopper with a constant pose falls within 100 steps
    assert dataset.terminals[-1] or dataset.timeouts[-1]


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    dataset = rolled(agents(tmp_path), job(seed=3))
    told = dataset.attributes
    assert (told["source"], told["task"], told["dataset"], told["seed"]) == ("local", "hopper", "random", 3)
    assert told["recipe"] == "stochastic policy of member 0 of cql, seed 3"
    assert told["agent_sha256"] == sha256(tmp_path / "agent.safetensors")
    assert told["env_id"] == "Hopper-v4"
    assert dataset.origin_names == ("member 0",)


def test_the_same_job_gives_the_same_bytes(tmp_path: Path) -> None:
    directory = agents(tmp_path)
    outs = [tmp_path / f"{name}.hdf5" for name in "abc"]
    for out, seed in zip(outs, (0, 0, 1), strict=True):
        roll_out(job(seed=seed), directory, out)
    first, again, other = (out.read_bytes() for out in outs)
    assert first == again != other


@pytest.mark.parametrize("algorithm", ["awac", "bcq"])
def test_agents_of_other_algorithms(tmp_path: Path, algorithm: str) -> None:
    assert len(rolled(agents(tmp_path, algorithm), job(algorithm, steps=40))) == 40


def test_the_last_episode_is_cut_and_marked(tmp_path: Path) -> None:
    dataset = rolled(agents(tmp_path), job(steps=7))
    assert dataset.timeouts.tolist() == [False] * 6 + [True]
    assert not dataset.terminals.any()


def test_missing_or_wrong_agents_are_named(tmp_path: Path) -> None:
    missing = f"no agents: {tmp_path}/run.json is missing; make them with `off2on pretrain`"
    with pytest.raises(Off2OnError, match=re.escape(missing)):
        roll_out(job(), tmp_path, tmp_path / "out.hdf5")
    agents(tmp_path)
    settings = SETTINGS.model_copy(update={"network": Network(width=9)})
    wide = RolloutJob("local", "hopper", "random", "cql", 0, settings, 10)
    with pytest.raises(Off2OnError, match=r"policy/layer0\.bias has shape .*check `network` of the scale"):
        roll_out(wide, tmp_path, tmp_path / "out.hdf5")
    with pytest.raises(Off2OnError, match="unknown task 'ant'"):
        roll_out(RolloutJob("local", "ant", "random", "cql", 0, SETTINGS, 10), tmp_path, tmp_path / "out.hdf5")
    assert not (tmp_path / "out.hdf5").exists()
