"""Pictures of the tasks: the same pose every time, and a reason where there is no OpenGL."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from off2on.envs.make import make_env
from off2on.envs.tasks import get_task
from off2on.training import actors, render, shipped

TASK = get_task("halfcheetah")


def told(path: Path) -> dict[str, Any]:
    info: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return info


def test_a_picture_and_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "renders" / "halfcheetah.png"
    info = render.render(TASK, path)
    if info["image"] is None:
        pytest.skip(info["reason"])
    pixels = imread(path)
    assert pixels.shape[:2] == (render.HEIGHT, render.WIDTH)
    assert pixels[..., :3].std() > 0.05
    assert info == told(path)
    assert info["pose"] == f"medium actor after {render.POSE_STEP} steps"
    assert (info["task"], info["env_id"], info["reason"]) == ("halfcheetah", "HalfCheetah-v4", None)


def test_without_opengl_a_reason_and_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "halfcheetah.png"
    path.write_bytes(b"an older picture")
    monkeypatch.setenv("MUJOCO_GL", "none")
    info = render.render(TASK, path)
    assert not path.exists()
    assert info == told(path)
    assert info["image"] is None
    assert "(RuntimeError: invalid value for environment variable MUJOCO_GL: none)" in info["reason"]


def test_the_pose_is_the_same_every_time() -> None:
    envs = [make_env(TASK) for _ in range(2)]
    words = {render.pose(TASK, env) for env in envs}
    assert words == {f"medium actor after {render.POSE_STEP} steps"}
    first, second = (env.data.qpos.copy() for env in envs)
    assert np.array_equal(first, second)
    assert first[0] > 1  # it has run some way


def test_without_an_actor_the_first_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "ACTORS", tmp_path)
    env = make_env(TASK)
    assert render.pose(TASK, env) == "initial pose"
    assert env.data.time == 0


def test_an_actor_that_falls_is_shown_falling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "load_actor", lambda task, name: {})
    monkeypatch.setattr(actors, "actor_policy", lambda params: lambda observations: np.ones((1, 3), np.float32))
    env = make_env(get_task("hopper"))
    words = render.pose(get_task("hopper"), env)
    assert words.startswith("fall of the medium actor after ")
    assert 0 < env.data.time < render.POSE_STEP * env.dt
