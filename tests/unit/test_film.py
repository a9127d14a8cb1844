"""Films of episodes: which frames they have, and what cannot be filmed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from off2on.data.dataset import write_dataset
from off2on.errors import Off2OnError
from off2on.figures.pictures import outcome_of
from off2on.training.film import SIDE, film
from off2on.training.pretrain import pretrain
from tests.unit.small import with_settings, write_data
from tests.unit.test_pixels import TASK, mixed, pixel_jobs


def frames(path: Path) -> np.ndarray:
    with Image.open(path) as found:
        return np.stack([_frame(found, number) for number in range(found.n_frames)])  # type: ignore[attr-defined]


def _frame(found: Image.Image, number: int) -> np.ndarray:
    found.seek(number)
    return np.asarray(found.convert("RGB"))


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_a_film_of_a_dataset_has_the_frames_of_the_episode(tmp_path: Path, ending: str) -> None:
    data = mixed()
    # a colour a row: no palette and no compression loses it
    data.observations[:] = 6 * np.arange(len(data), dtype=np.uint8)[:, None, None, None]
    write_dataset(tmp_path / "mixed.hdf5", data)
    out = tmp_path / f"film.{ending}"
    # episodes have ten rows
    assert film(tmp_path / "mixed.hdf5", 1, out) == 10
    found = frames(out)
    assert found.shape == (10, SIDE, SIDE, 3)
    assert np.abs(found.mean((1, 2, 3)) - 6 * np.arange(10, 20)).max() < 3


def test_what_cannot_be_filmed_is_one_message(tmp_path: Path) -> None:
    write_dataset(tmp_path / "mixed.hdf5", mixed())
    out = tmp_path / "film.gif"
    with pytest.raises(Off2OnError, match="no episode 4; it has episodes 0 to 3"):
        film(tmp_path / "mixed.hdf5", 4, out)
    with pytest.raises(Off2OnError, match=r"must be called \*\.gif or \*\.webp"):
        film(tmp_path / "mixed.hdf5", 0, out.with_suffix(".mp4"))
    gray = tmp_path / "gray.hdf5"
    write_dataset(gray, replace(mixed(), observations=np.zeros((40, 48, 48, 1), np.uint8)))
    for path in (write_data(tmp_path / "hopper.hdf5"), gray):
        with pytest.raises(Off2OnError, match="no images at key 'observations/image'"):
            film(path, 0, out)
    assert not out.exists()


@pytest.mark.usefixtures("opengl")
def test_a_film_of_agents_is_a_whole_episode_and_the_same_every_time(tmp_path: Path) -> None:
    write_dataset(tmp_path / "mixed.hdf5", mixed())
    job = with_settings(pixel_jobs(0)[0], cql={"steps": 2})
    pretrain(job, tmp_path / "mixed.hdf5", None, tmp_path / "agents")
    first, again = tmp_path / "first.gif", tmp_path / "again.gif"
    for out in (first, again):
        assert film(tmp_path / "agents", 3, out) == TASK.horizon + 1
    assert first.read_bytes() == again.read_bytes()
    assert outcome_of(first) == "no success"
