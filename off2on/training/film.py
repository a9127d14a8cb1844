"""Episodes as moving pictures: of a dataset of images, or of agents that act."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from off2on.data.hdf5 import opened, read_array
from off2on.envs.make import make_env
from off2on.envs.rollout import seen
from off2on.envs.task import Task
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.files import atomic
from off2on.results.run_json import read_info
from off2on.seeding import stream
from off2on.training.agents import stored_agents
from off2on.training.evaluate import acting

#: frames `[T, H, W, 3]`
Frames = NDArray[np.uint8]
#: what Pillow writes moving pictures as
ENDINGS = (".gif", ".webp")
#: pixels of a side: of an agent's episode, and at least of a dataset's enlarged pictures
SIDE = 240
FRAMES_PER_SECOND = 5


def film(path: Path, episode: int, out: Path) -> int:
    """Write an episode of a dataset, or of the agents of a directory.

    Args:
        path: an HDF5 file of images, or a pre-training or run directory of a manipulation task.
        episode: its number in the file; of agents, the seed of the reset. They act deterministically.
        out: the film, one of `ENDINGS`.

    Returns:
        the number of frames. How an agent's episode ended is the comment of a GIF.

    Raises:
        Off2OnError: no images there, no such episode, no OpenGL, or a file that is damaged or cannot be written.
    """
    if out.suffix not in ENDINGS:
        raise Off2OnError(
            f"--out {out}: the file must be called {' or '.join(f'*{ending}' for ending in ENDINGS)}"
        )
    frames, outcome = _of_agents(path, episode) if path.is_dir() else (_of_dataset(path, episode), "")
    images = [Image.fromarray(frame) for frame in frames]
    with atomic(out) as temporary, temporary.open("wb") as stream_:
        images[0].save(
            stream_,
            out.suffix[1:],
            save_all=True,
            append_images=images[1:],
            duration=1000 // FRAMES_PER_SECOND,
            loop=0,
            comment=outcome.encode(),
        )
    return len(frames)


def _of_dataset(path: Path, episode: int) -> Frames:
    """The pictures of an episode, enlarged; nothing else of the file is read but the ends of episodes."""
    with opened(path) as file:
        images = file.get("observations/image")
        if not isinstance(images, h5py.Dataset) or images.dtype != np.uint8 or images.shape[3:] != (3,):
            raise Off2OnError(
                f"{path}: no images at key 'observations/image'; only data of pictures can be viewed, uint8 "
                "[N, H, W, 3]"
            )
        marks = [read_array(path, file, name).astype(bool) for name in ("terminals", "timeouts")]
        ends = np.flatnonzero(marks[0] | marks[1]) + 1
        if not 0 <= episode < len(ends):
            raise Off2OnError(f"{path}: no episode {episode}; it has episodes 0 to {len(ends) - 1}")
        found: Frames = images[ends[episode - 1] if episode else 0 : ends[episode]]
    times = -(-SIDE // found.shape[1])
    return found.repeat(times, axis=1).repeat(times, axis=2)


def _of_agents(directory: Path, seed: int) -> tuple[Frames, str]:
    """Pictures for people of a deterministic episode of the ensemble, and how it ended."""
    task = get_task(str(read_info(directory)["task"]))
    if task.family != "manipulation":
        raise Off2OnError(f"{directory}: agents of {task.name}; films are of manipulation tasks")
    frames, rewards = zip(*_acted(task, directory, seed), strict=True)
    ending = "success" if rewards[-1] else "success on the way, not at the end" if any(rewards) else "no success"
    return np.stack(frames), ending


def _acted(task: Task, directory: Path, seed: int) -> Iterator[tuple[Frames, float]]:
    """The first state and all that follow it until the task's horizon, with the reward of getting there."""
    policy = acting(stored_agents(directory, task).ensemble, stream("film", task.name, seed), explore=False)
    env: Any = make_env(task)
    observation, _ = env.reset(seed=seed)
    yield env.picture(SIDE, SIDE), 0.0
    for _ in range(task.horizon):
        action = policy(seen(task.observation, observation)[None])[0]
        observation, reward, *_ = env.step(action)
        yield env.picture(SIDE, SIDE), float(reward)
    env.close()
