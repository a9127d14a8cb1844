"""A robot arm at a table, seen by a camera of 48x48 pixels, as a Gymnasium environment [S126].

An action moves the hand, turns it, opens or closes the gripper, or sends the arm home. The reward is 1 in every
step in which the condition of the task holds. An episode never terminates; whoever runs it cuts it at the horizon.
"""

from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from off2on.envs.manipulation import scene
from off2on.envs.manipulation.kinematics import Kinematics, Vector, rotation_matrix, rotation_vector
from off2on.envs.opengl import advice
from off2on.errors import Off2OnError

Observation = dict[str, NDArray[Any]]
Info = dict[str, Any]

PIXELS = 48
#: physics steps of an action, and of one that toggles the gripper or goes home
SUBSTEPS, LONG_SUBSTEPS = 20, 150
#: physics steps after a reset, until everything rests
SETTLING = 100
#: metres and radians of a full command
REACH, TURN = 0.2, np.deg2rad(20.0)
#: share of a commanded turn that the original's motors realise in one action
TURN_SHARE = 0.26
LARGEST_TILT = np.deg2rad(30.0)
#: where the hand may be sent
LOW, HIGH = np.array([0.4, -0.2, -0.34]), np.array([0.8, 0.4, -0.1])
#: commands beyond it open (above) or close (below) the gripper. The original has 0.5, where the mean action of a
#: policy that learned from noisy demonstrations hovers above the object and never closes [S129]
GRIPPER_THRESHOLD = 0.2
HOME_THRESHOLD = 0.5
#: where on the table the object may start: lower and upper corner
REGION = np.array([[0.49, 0.18], [0.75, 0.27]])
#: placed: lower than this, nearer to the tray's centre than that
PLACED_Z, PLACED_XY = -0.32, 0.04
#: grasped: higher than this, nearer to the hand than that
LIFTED_Z, HELD = -0.25, 0.1
#: how far a drawer is open
OPENED, SHUT = 0.95, 0.05


@dataclass(frozen=True)
class Setup:
    """What differs between tasks, and between their parts from which data are collected."""

    kind: scene.Kind
    #: the condition of the reward
    goal: Literal["placed", "grasped", "opened"]
    #: the bottom drawer is open at the start
    start_opened: bool = False
    #: the top drawer is half open and covers the handle
    blocked: bool = False
    #: the object is in the closed gripper at the start
    start_in_gripper: bool = False

    def __post_init__(self) -> None:
        """Refuse what the other kind of task has."""
        of_tray = self.start_in_gripper, self.goal == "placed"
        of_drawers = self.start_opened, self.blocked, self.goal == "opened"
        if any(of_tray if self.kind == "drawers" else of_drawers):
            raise Off2OnError(f"{self}: not all of it is of kind '{self.kind}'")


class ManipulationEnv(gymnasium.Env[Observation, NDArray[np.float32]]):
    """One task.

    Observations: `image`, uint8 `[48, 48, 3]`, all that agents see; `state`, float32 `[10]`: position of the hand,
    its quaternion, positions of the fingers, and whether the gripper was last told to open. `info` has the flags
    `grasped`, `placed`, `opened` and `top_closed`.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012 - Gymnasium's type

    def __init__(
        self,
        setup: Setup,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
        images: bool = True,
    ) -> None:
        """Build the scene.

        Args:
            setup: the task.
            render_mode: "rgb_array": `render` gives a picture for people; None: it gives nothing.
            width: of that picture.
            height: of that picture.
            images: False: observations have a black image, and no OpenGL is needed.
        """
        self.setup, self.render_mode, self._images, self._size = setup, render_mode, images, (height, width)
        self.model: Any = mujoco.MjModel.from_xml_string(scene.scene(setup.kind))
        self.data: Any = mujoco.MjData(self.model)
        self._kinematics = Kinematics()
        self._arm = [int(self.model.joint(name).qposadr[0]) for name in scene.ARM_JOINTS]
        self._fingers = [int(self.model.joint(name).qposadr[0]) for name in scene.FINGERS]
        self._neutral = np.array(scene.NEUTRAL)
        self._home = self._kinematics.forward(self._neutral)[1]
        self._renderers: dict[tuple[int, int], Any] = {}
        self._open, self._rotation = True, self._home
        self.action_space = spaces.Box(-1.0, 1.0, (8,), np.float32)
        self.observation_space: Any = spaces.Dict(
            {
                "image": spaces.Box(0, 255, (PIXELS, PIXELS, 3), np.uint8),
                "state": spaces.Box(-np.inf, np.inf, (10,), np.float32),
            }
        )

    # ------------------------------------------------------------------------------------------------ episodes

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Observation, Info]:
        """Place everything by the seed, and let it come to rest; there are no options."""
        super().reset(seed=seed, options=options)
        mujoco.mj_resetData(self.model, self.data)
        self._open, self._rotation = not self.setup.start_in_gripper, self._home
        self.data.qpos[self._arm] = self.data.ctrl[:6] = self._neutral
        self._place()
        self._move_fingers(self._open)
        # the filters of the fingers' motors start at what they are told
        self.data.act[:] = self.data.ctrl[6:]
        mujoco.mj_step(self.model, self.data, SETTLING)
        return self._observation(), self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, float, bool, bool, Info]:
        """One action `[8]` in [-1, 1]: displacement 3, rotation 3, gripper, home."""
        command = np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        if command.shape != (8,) or not np.isfinite(command).all():
            raise Off2OnError(f"action {action}: it must be 8 finite numbers")
        joints = self.data.qpos[self._arm]
        # from where the hand is, not from where it was sent: as in the original
        position, _ = self._kinematics.forward(joints)
        target = np.clip(position + REACH * command[:3], LOW, HIGH)
        self._turn(TURN_SHARE * TURN * command[3:6])
        toggled = self._toggle(float(command[6]))
        self.data.ctrl[:6] = self._kinematics.inverse(target, self._rotation, joints)
        mujoco.mj_step(self.model, self.data, LONG_SUBSTEPS if toggled else SUBSTEPS)
        if command[7] > HOME_THRESHOLD:
            self._go_home()
        info = self._info()
        return self._observation(), float(info[self.setup.goal]), False, False, info

    def _turn(self, turn: Vector) -> None:
        """Turn the commanded rotation of the hand, at most `LARGEST_TILT` away from pointing down.

        Based on what was commanded: from the measured rotation, contacts would ratchet the tilt past 90 degrees.
        """
        away = rotation_vector(rotation_matrix(turn) @ self._rotation @ self._home.T)
        angle = float(np.linalg.norm(away))
        self._rotation = rotation_matrix(away * min(1.0, LARGEST_TILT / max(angle, 1e-9))) @ self._home

    def _toggle(self, command: float) -> bool:
        """Open or close the gripper, or leave it; whether it changed."""
        wanted = command > 0 if abs(command) > GRIPPER_THRESHOLD else self._open
        toggled, self._open = wanted != self._open, wanted
        self._move_fingers(wanted)
        return toggled

    def _move_fingers(self, opened: bool) -> None:
        self.data.ctrl[6:] = scene.OPEN if opened else scene.CLOSED

    def _go_home(self) -> None:
        """Back to the neutral pose; with drawers the gripper opens on the way, whatever it was last told."""
        self.data.ctrl[:6] = self._neutral
        if self.setup.kind == "drawers":
            self._move_fingers(True)
        mujoco.mj_step(self.model, self.data, LONG_SUBSTEPS)
        self._rotation = self._home

    # --------------------------------------------------------------------------------------------- first state

    def _place(self) -> None:
        self.data.qpos[self._fingers] = scene.OPEN
        if self.setup.kind == "drawers":
            self._place_in_drawer()
        elif self.setup.start_in_gripper:
            mujoco.mj_kinematics(self.model, self.data)
            self.data.qpos[self._fingers] = scene.BLOCK_HALF[0] + scene.FINGER_HALF
            self._put_object(self.hand - [0.0, 0.0, 0.035])
        else:
            self._put_object(self._free_place())

    def _place_in_drawer(self) -> None:
        opened, rng = self.setup.start_opened, self.np_random
        self.data.joint("bottom_drawer").qpos[0] = travel = scene.TRAVEL * opened
        self.data.joint("top_drawer").qpos[0] = rng.uniform(0.055, 0.0625) * self.setup.blocked
        x, y = scene.CABINET
        self._put_object(np.array([x + travel + rng.uniform(0.005, 0.03) - 0.012 * opened, y, -0.347]))

    def _free_place(self) -> Vector:
        """On the table, away from the tray."""
        while True:
            place = np.array([*self.np_random.uniform(*REGION), -0.345])
            if np.linalg.norm(place[:2] - scene.TRAY) >= 0.11:
                return place

    def _put_object(self, place: Vector) -> None:
        self.data.joint("object").qpos[:] = [*place, 1.0, 0.0, 0.0, 0.0]

    # ------------------------------------------------------------------------------------------ what is known

    @property
    def hand(self) -> Vector:
        """Position of the hand."""
        return np.array(self.data.site("ee").xpos)

    @property
    def object(self) -> Vector:
        """Position of the object."""
        return np.array(self.data.body("object").xpos)

    @property
    def gripper_open(self) -> bool:
        """What the gripper was last told."""
        return self._open

    @property
    def handle(self) -> Vector:
        """Position of the bottom drawer's handle."""
        return np.array(self.data.site("handle").xpos)

    def drawer(self, name: str) -> Vector:
        """Position of a drawer, "top" or "bottom"."""
        return np.array(self.data.body(f"{name}_drawer").xpos)

    def opened(self, name: str) -> float:
        """How far a drawer is open, 0 to 1."""
        return float(self.data.joint(f"{name}_drawer").qpos[0] / scene.TRAVEL)

    def _info(self) -> Info:
        place, drawers = self.object, self.setup.kind == "drawers"
        in_tray = place[2] < PLACED_Z and np.linalg.norm(place[:2] - scene.TRAY) < PLACED_XY
        return {
            "grasped": bool(place[2] > LIFTED_Z and np.linalg.norm(place - self.hand) < HELD),
            "placed": not drawers and bool(in_tray),
            "opened": drawers and self.opened("bottom") > OPENED,
            "top_closed": drawers and self.opened("top") < SHUT,
        }

    def _observation(self) -> Observation:
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, self.data.site("ee").xmat)
        state = [*self.hand, *quaternion, *self.data.qpos[self._fingers], float(self._open)]
        black = np.zeros((PIXELS, PIXELS, 3), np.uint8)
        image = self.picture(PIXELS, PIXELS) if self._images else black
        return {"image": image, "state": np.array(state, np.float32)}

    def picture(self, height: int, width: int) -> NDArray[np.uint8]:
        """What the agent's camera sees, uint8 `[height, width, 3]`.

        Raises:
            Off2OnError: this machine has no OpenGL.
        """
        if (height, width) not in self._renderers:
            self._renderers[height, width] = self._renderer(height, width)
        renderer = self._renderers[height, width]
        renderer.update_scene(self.data, camera="agent")
        return np.array(renderer.render(), np.uint8)

    def _renderer(self, height: int, width: int) -> Any:
        buffer = self.model.vis.global_
        buffer.offheight, buffer.offwidth = max(buffer.offheight, height), max(buffer.offwidth, width)
        try:
            return mujoco.Renderer(self.model, height, width)
        except Exception as error:
            # whatever a driver raises: there is no common class
            raise Off2OnError(f"no picture without OpenGL ({error}): {advice()}") from error

    def render(self) -> Any:
        """A picture for people; None without a render mode."""
        return self.picture(*self._size) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Free the renderers: one that is collected later can spoil the pictures of another."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()


def make(
    kind: scene.Kind,
    goal: Literal["placed", "grasped", "opened"],
    blocked: bool = False,
    start_opened: bool = False,
    start_in_gripper: bool = False,
    **options: Any,
) -> ManipulationEnv:
    """What `gymnasium.make` calls: a setup by its parts, and the environment's own options."""
    return ManipulationEnv(Setup(kind, goal, start_opened, blocked, start_in_gripper), **options)
