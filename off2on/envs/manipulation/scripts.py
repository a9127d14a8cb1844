"""Scripted policies: state machines over what the simulator knows, which make the demonstrations [S128].

A script yields commands for ever; `noisy` is what is executed and stored. The gripper is commanded in every step,
also where it stays as it is, so that learners see what it should be and not when it changes [S129]. First halves
of tasks have a worse variant, too, as the original's do: it errs by the generator that the script is given.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from off2on.envs.manipulation.env import OPENED, REGION, SHUT, ManipulationEnv
from off2on.envs.manipulation.scene import TRAY

Vector = NDArray[np.float64]
Script = Iterator[Vector]
Rng = np.random.Generator
#: standard deviation of the noise on every command, and the largest command
NOISE, LARGEST = 0.1, 0.9
#: command per metre of distance
GAIN = 7.0
#: commands of the gripper, and of going home
GRIP, HOME = 0.7, 0.7
#: beside the object by at most this the gripper closes, and by that the hand goes down
THERE, ABOVE = 0.02, 0.03
#: at this command: no slower near the object, so that the mean action of a learner goes on until the gripper
#: changes [S129]
DESCENT = 0.5
#: where the object is let go: this near to a place above the tray
OVER, DROP_Z = 0.05, -0.25
#: where the first part of pick-place ends
HIGH = -0.23
#: where the hand hooks the handle, from its middle, and pushes a drawer
HOOK, PUSH = np.array([0.01, 0.0, -0.01]), np.array([0.0, 0.0, 0.02])


class Grip(NamedTuple):
    """How an object is grasped."""

    #: below it the hand closes
    depth: float
    #: command down while it does. On the table a hand that closed where it cannot go lower, and stopped for it,
    #: would teach its mean action to hover there with the gripper open [S129]
    down: float
    #: above it the object is lifted
    lift: float


TABLE, DRAWER = Grip(-0.28, DESCENT, -0.31), Grip(-0.29, 0.0, -0.23)


def command(move: Vector, opened: bool, home: bool = False) -> Vector:
    """`[8]`: a direction of the hand, how the gripper should be, whether to go home."""
    found = np.zeros(8)
    found[:3], found[6], found[7] = move, GRIP if opened else -GRIP, HOME if home else 0.0
    return found


def noisy(wanted: Vector, rng: np.random.Generator, noise: float = NOISE) -> NDArray[np.float32]:
    """The command as it is executed and stored."""
    return np.clip(wanted + rng.normal(0.0, noise, 8), -LARGEST, LARGEST).astype(np.float32)


def close_on_object(env: ManipulationEnv, grip: Grip, instead: Vector | None = None) -> Script:
    """Down to the object, or to the place `instead` of it, close the gripper."""
    while True:
        aim = env.object[:2] if instead is None else instead
        aside, above = aim - env.hand[:2], env.hand[2] - grip.depth
        beside = np.linalg.norm(aside)
        if above < 0 and beside < THERE:
            break
        yield command(np.array([*(GAIN * aside), -DESCENT if beside < ABOVE else 0.0]), opened=True)
    yield command(np.array([0.0, 0.0, -grip.down]), opened=False)


def grasp(env: ManipulationEnv, grip: Grip) -> Script:
    """Down to the object, close the gripper, lift."""
    yield from close_on_object(env, grip)
    while env.object[2] < grip.lift:
        yield command(np.array([0.0, 0.0, 1.0]), opened=False)


def place(env: ManipulationEnv) -> Script:
    """To above the tray, let go on the way: a hand that stopped for it would teach to hover, as in `Grip`."""
    while np.linalg.norm(away := np.array([*TRAY, DROP_Z]) - env.hand) > OVER:
        yield command(GAIN * away, opened=False)
    yield command(GAIN * away, opened=True)


def open_bottom(env: ManipulationEnv, rng: Rng | None = None) -> Script:
    """Hook the handle, pull (with a generator pull or push, by chance in every step), lift, go home."""
    pulling = False
    while env.opened("bottom") <= OPENED:
        away = env.handle + HOOK - env.hand
        if pulling or np.linalg.norm(away) <= 0.06:
            sign = 1.0 if rng is None else rng.choice([-1.0, 1.0])
            pulling, away = True, np.array([sign, 0.0, 0.0]) / GAIN
        elif np.linalg.norm(away[:2]) > 0.04:
            away[2] = 0.0
        yield command(GAIN * away, opened=True)
    while env.hand[2] < -0.25:
        yield command(np.array([0.0, 0.0, 0.5]), opened=True)
    yield command(np.zeros(3), opened=True, home=True)


def close_top(env: ManipulationEnv) -> Script:
    """Round the front of the half-open top drawer, push it shut."""
    pushing = False
    while env.opened("top") > SHUT:
        front = env.drawer("top")
        pushing = pushing or bool(env.hand[0] > front[0] + 0.15 and env.hand[2] < front[2] + 0.05)
        away = front + PUSH - env.hand
        yield command(GAIN * away * [3.0, 0.6, 1.0] if pushing else np.array([0.3, -0.2, -0.15]), opened=True)


def rest(env: ManipulationEnv) -> Script:
    """Stay, for ever."""
    while True:
        yield command(np.zeros(3), env.gripper_open)


def pick(env: ManipulationEnv, rng: Rng | None = None) -> Script:
    """Pick-place's first part; with a generator it closes the gripper somewhere else half of the time.

    It ends where the second part begins, with the object high and the hand near home: learners join the two sooner
    than after picks that rest where the object was lifted (docs/fidelity.md).
    """
    home = env.hand
    astray = rng.uniform(*REGION) if rng is not None and rng.random() < 0.5 else None
    yield from close_on_object(env, TABLE, astray)
    while env.object[2] <= HIGH:
        yield command(GAIN * (home - env.hand), opened=False)
    yield from rest(env)


def put(env: ManipulationEnv) -> Script:
    """Pick-place's second part."""
    yield from place(env)
    yield from rest(env)


def pick_place(env: ManipulationEnv) -> Script:
    """The whole of pick-place."""
    yield from grasp(env, TABLE)
    yield from put(env)


def grasp_in_drawer(env: ManipulationEnv) -> Script:
    """The last part of both drawer tasks."""
    yield from grasp(env, DRAWER)
    yield from rest(env)


def open_drawer(env: ManipulationEnv, rng: Rng | None = None) -> Script:
    """The first part of the closed drawer's task."""
    yield from open_bottom(env, rng)
    yield from rest(env)


def clear_and_open_drawer(env: ManipulationEnv, rng: Rng | None = None) -> Script:
    """The first part of the blocked drawer's task."""
    yield from close_top(env)
    yield from open_drawer(env, rng)


def closed_drawer(env: ManipulationEnv) -> Script:
    """The whole of the closed drawer's task."""
    yield from open_bottom(env)
    yield from grasp_in_drawer(env)


def blocked_drawer(env: ManipulationEnv) -> Script:
    """The whole of the blocked drawer's task."""
    yield from close_top(env)
    yield from closed_drawer(env)
