"""A picture of a task, drawn off screen (Figures 6 and 7).

A bad driver can end the process, so another one draws: `python -m off2on.training.render TASK PNG`.
"""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from off2on.envs.make import make_env
from off2on.envs.opengl import in_another_process
from off2on.envs.task import Task
from off2on.envs.tasks import get_task
from off2on.errors import Off2OnError
from off2on.files import atomic, write_text

WIDTH, HEIGHT = 480, 360
#: of a side of what agents see in manipulation
PIXELS = 48
#: where it is known: the environment step, under the shipped medium actor, that is drawn
POSE_STEP = 60


def render(task: Task, path: Path) -> dict[str, Any]:
    """Write the PNG, and beside it a JSON file that says what it shows, or why this machine has none.

    Args:
        task: what to draw: a moment of the shipped medium actor, or the first state where there is no actor.
        path: the PNG; without OpenGL it is absent afterwards.

    Returns:
        what the JSON file says: task, env_id, pose, image (None: none), backend, reason (why there is none).

    Raises:
        Off2OnError: a file cannot be written.
    """
    info: dict[str, Any] = {"task": task.name, "env_id": task.env_id, "pose": None}
    info |= {"image": None, "backend": None, "reason": None}
    path.unlink(missing_ok=True)
    with TemporaryDirectory() as directory:
        picture = Path(directory) / path.name
        said, failure = in_another_process("-m", "off2on.training.render", task.name, str(picture))
        if failure is None:
            with atomic(path) as temporary:
                temporary.write_bytes(picture.read_bytes())
            info |= {"image": path.name} | json.loads(said.splitlines()[-1])
        else:
            info["reason"] = f"no OpenGL without a display on this machine ({failure})"
    write_text(path.with_suffix(".json"), json.dumps(info, indent=1) + "\n")
    return info


def draw(task: Task, path: Path) -> str:
    """Draw the task in this process.

    Returns:
        which pose it is, in words.
    """
    env = make_env(task)
    if task.family == "manipulation":
        _save(path, seen_and_shown(env))
        return "first state"
    import mujoco

    # made before the pose is known: fails at once where there is no OpenGL
    with mujoco.Renderer(env.unwrapped.model, HEIGHT, WIDTH) as renderer:
        words = pose(task, env)
        renderer.update_scene(env.unwrapped.data, camera="track")
        pixels = renderer.render()
    _save(path, pixels)
    return words


def seen_and_shown(env: Any) -> NDArray[np.uint8]:
    """A picture for people and, right of it, the agent's pixels enlarged: `[480, 960, 3]`."""
    env.reset(seed=0)
    large = 10 * PIXELS
    agents = env.picture(PIXELS, PIXELS).repeat(10, axis=0).repeat(10, axis=1)
    found: NDArray[np.uint8] = np.concatenate([env.picture(large, large), agents], axis=1)
    env.close()
    return found


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    import matplotlib.image

    no_stamp: Any = {"Software": None}
    matplotlib.image.imsave(path, pixels, format="png", metadata=no_stamp)


def pose(task: Task, env: Any) -> str:
    """Bring the environment into the pose that is drawn, and say which: the same one every time."""
    from off2on.training.actors import actor_policy
    from off2on.training.shipped import load_actor

    observation, _ = env.reset(seed=0)
    try:
        act = actor_policy(load_actor(task.name, "medium"))
    except Off2OnError:
        return "initial pose"
    for step in range(1, POSE_STEP + 1):
        observation, _, fallen, _, _ = env.step(act(observation[None].astype("float32"))[0])
        if fallen:
            return f"fall of the medium actor after {step} steps"
    return f"medium actor after {POSE_STEP} steps"


if __name__ == "__main__":
    shown = {"pose": draw(get_task(sys.argv[1]), Path(sys.argv[2]))}
    print(json.dumps(shown | {"backend": os.environ.get("MUJOCO_GL") or "MuJoCo's default"}))  # noqa: T201
