"""Images of a dictionary observation stay uint8, and under their key, from the environment to the minibatch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from off2on.data.dataset import Dataset, read_dataset, write_dataset
from off2on.envs.rollout import Rollout, seen
from off2on.envs.task import Task
from off2on.errors import Off2OnError
from off2on.nn.encoder import encode, feature_size
from off2on.observations import ObservationSpec
from off2on.paths import OUTPUTS
from off2on.replay.store import TransitionStore
from off2on.training.collect import Part, gathered
from off2on.training.finetune import Inputs, finetune
from off2on.training.pretrain import pretrain
from tests.unit.small import HOPPER, training, tuning

IMAGE = ObservationSpec((3, 4, 4), "uint8", key="image")
TASK = Task("pixels", "Pixels-v0", IMAGE, 2, 0.0, 1.0, horizon=10)


def images(count: int, first: int = 0) -> np.ndarray:
    """Every one different; pixels over the whole range of uint8."""
    grey = (first + np.arange(count))[:, None, None, None] + 37 * np.arange(48).reshape(IMAGE.shape)
    return (grey % 256).astype(np.uint8)


def image_dataset(size: int = 12) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(
        observations=images(size),
        actions=rng.uniform(-1, 1, (size, 2)).astype(np.float32),
        rewards=np.ones(size, np.float32),
        terminals=np.arange(size) == 3,
        timeouts=np.arange(size) == 8,
        horizon=TASK.horizon,
        observation_key="image",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "data.hdf5", image_dataset())
    return tmp_path / "data.hdf5"


# ---------------------------------------------------------------------------------------------- one observation


def test_the_key_picks_a_part_of_a_dictionary_and_the_type_is_kept() -> None:
    observation = {"image": images(1)[0], "state": np.zeros(5)}
    assert IMAGE.size == 48
    found = seen(IMAGE, observation)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, observation["image"])
    state = seen(ObservationSpec((5,), key="state"), observation)
    assert (state.dtype, state.shape) == (np.float32, (5,))
    assert seen(ObservationSpec((2,)), [1.0, 2.0]).tolist() == [1.0, 2.0]


class PixelEnv:
    """Its observation is a dictionary; the image counts steps."""

    def reset(self, seed: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        self.steps = 0
        return {"image": images(1)[0], "state": np.zeros(5)}, {}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return {"image": images(1, self.steps)[0], "state": np.zeros(5)}, 1.0, False, False, {}


def test_episodes_of_images_become_a_dataset_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("off2on.envs.rollout.make_env", lambda task: PixelEnv())
    shown: list[Any] = []

    def policy(observations: np.ndarray) -> np.ndarray:
        shown.append((observations.dtype, observations.shape))
        return np.zeros((len(observations), 2), np.float32)

    (episode,) = Rollout(TASK, 1).episodes(policy, [0])
    assert set(shown) == {(np.dtype(np.uint8), (1, *IMAGE.shape))}
    np.testing.assert_array_equal(episode.observations, images(11))
    out = tmp_path / "collected.hdf5"
    write_dataset(out, gathered([Part("zero", [episode])], {}, TASK))
    np.testing.assert_array_equal(read_dataset(out, TASK).observations, images(10))


# --------------------------------------------------------------------------------------------------- the file


def test_a_file_has_them_as_uint8_under_their_key(path: Path) -> None:
    with h5py.File(path) as file:
        assert file["observations/image"].dtype == np.uint8
        assert file["observations/image"].shape == (12, *IMAGE.shape)
    dataset = read_dataset(path, TASK)
    assert dataset.observations.dtype == np.uint8
    np.testing.assert_array_equal(dataset.observations, images(12))
    assert dataset.observation_key == "image"
    assert dataset.sha256() == image_dataset().sha256() == dataset.attributes["sha256"]
    np.testing.assert_array_equal(dataset.starts(), image_dataset().starts())


@pytest.mark.parametrize(
    ("observation", "told"),
    [
        (ObservationSpec((3, 4, 4), "uint8", "front"), "key 'observations/front' is missing"),
        (ObservationSpec((3, 4, 4), "uint8"), "key 'observations' is a group, expected an array"),
        (
            ObservationSpec((3, 8, 8), "uint8", "image"),
            r"has shape \(12, 3, 4, 4\), expected \(12, 3, 8, 8\) for 12",
        ),
        (ObservationSpec((3, 4, 4), "float32", "image"), "has type uint8, expected float32"),
    ],
)
def test_a_file_of_other_observations_is_named(path: Path, observation: ObservationSpec, told: str) -> None:
    with pytest.raises(Off2OnError, match=rf"data\.hdf5: .*{told}"):
        read_dataset(path, replace(TASK, observation=observation))


def test_a_file_of_floats_is_not_read_as_images(tmp_path: Path) -> None:
    floats = replace(image_dataset(), observations=image_dataset().observations.astype(np.float32))
    write_dataset(tmp_path / "floats.hdf5", floats)
    with pytest.raises(Off2OnError, match=r"'observations/image' has type float32, expected uint8"):
        read_dataset(tmp_path / "floats.hdf5", TASK)


# -------------------------------------------------------------------------------------------------- the store


def test_a_store_keeps_images_as_uint8_and_so_do_its_minibatches(path: Path) -> None:
    store = TransitionStore.from_dataset(read_dataset(path, TASK))
    assert store.observations.dtype == torch.uint8
    rows = store.append(images(4, 100), *(np.zeros(s, np.float32) for s in ((3, 2), (3,), (3,))))
    # it has grown, and is still a byte a pixel
    assert store.observations.dtype == torch.uint8
    batch = store.batch(rows[None])
    assert (batch.observations.dtype, batch.next_observations.dtype) == (torch.uint8, torch.uint8)
    assert batch.observations.shape == (1, 3, *IMAGE.shape)
    np.testing.assert_array_equal(batch.observations[0], images(3, 100))
    np.testing.assert_array_equal(batch.next_observations[0], images(3, 101))
    assert batch.rewards.dtype == torch.float32
    assert store.pairs(rows)[0].dtype == torch.uint8
    assert TransitionStore(IMAGE, 2, 5).observations.dtype == torch.uint8


def test_a_resumed_store_has_the_same_images(path: Path) -> None:
    store, resumed = (TransitionStore.from_dataset(read_dataset(path, TASK)) for _ in range(2))
    size, frames = store.size, store.frames
    store.append(images(4, 100), *(np.zeros(s, np.float32) for s in ((3, 2), (3,), (3,))))
    saved = store.tail_state(size, frames)
    assert saved["store/observations"].dtype == torch.uint8
    assert len(saved["store/observations"]) == 4
    resumed.load_tail(saved)
    assert resumed.observations.dtype == torch.uint8
    rows = np.arange(store.size)
    assert torch.equal(resumed.batch(rows).observations, store.batch(rows).observations)
    assert torch.equal(resumed.batch(rows).next_observations, store.batch(rows).next_observations)


# ------------------------------------------------------------------------------------------------ the networks


@pytest.mark.parametrize("observation", [IMAGE, ObservationSpec((4, 4)), ObservationSpec((48,), "uint8")])
def test_observations_without_an_encoder_are_named(observation: ObservationSpec) -> None:
    with pytest.raises(Off2OnError) as caught:
        feature_size(observation)
    told = f"no encoder for observations of shape {observation.shape} and type {observation.dtype}; tasks with a"
    assert str(caught.value).startswith(told)


def test_a_vector_of_floats_is_its_own_feature() -> None:
    assert feature_size(HOPPER.observation) == 11
    assert feature_size(ObservationSpec((5,), key="state")) == 5
    observations = torch.ones(3, 11)
    assert encode({}, observations) is observations


@pytest.mark.parametrize("algorithm", ["cql", "awac", "bcq"])
def test_no_agent_is_pretrained_on_images_yet(path: Path, tmp_path: Path, algorithm: str) -> None:
    with pytest.raises(Off2OnError, match=r"no encoder for observations of shape \(3, 4, 4\) and type uint8"):
        pretrain(training(algorithm, TASK), path, None, tmp_path / "out")
    assert not any((tmp_path / "out" / name).exists() for name in OUTPUTS)


def test_no_agent_is_trained_from_scratch_on_images_yet(tmp_path: Path) -> None:
    with pytest.raises(Off2OnError, match="no encoder for observations"):
        finetune(tuning("sac", TASK), Inputs(), tmp_path / "out")
    assert not any((tmp_path / "out" / name).exists() for name in OUTPUTS)
