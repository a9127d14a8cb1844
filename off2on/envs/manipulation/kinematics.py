"""Where the joints of the arm must go for its hand to be somewhere: damped least squares."""

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from off2on.envs.manipulation.scene import ARM_JOINTS, arm_only

Vector = NDArray[np.float64]
#: as few iterations as reach a tenth of a millimetre; one alone does not move the arm at all well
ITERATIONS = 8
_DAMPING, _ROTATION_WEIGHT, _LARGEST_STEP = 0.02, 0.3, 0.4


class Kinematics:
    """The arm alone, without physics."""

    def __init__(self) -> None:
        self.model: Any = mujoco.MjModel.from_xml_string(arm_only())
        self.data: Any = mujoco.MjData(self.model)
        self.site = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_SITE, "ee")
        joints = [self.model.joint(name) for name in ARM_JOINTS]
        self.low, self.high = np.array([joint.range for joint in joints]).T
        self._jacobian = np.zeros((6, self.model.nv))

    def forward(self, joints: Vector) -> tuple[Vector, Vector]:
        """Position `[3]` and rotation matrix `[3, 3]` of the hand."""
        self.data.qpos[:6] = joints
        mujoco.mj_kinematics(self.model, self.data)
        return self.data.site_xpos[self.site].copy(), self.data.site_xmat[self.site].reshape(3, 3).copy()

    def inverse(self, position: Vector, rotation: Vector, start: Vector) -> Vector:
        """Joint angles that bring the hand to a position and rotation, searched from `start`."""
        joints = start.copy()
        error = np.empty(6)
        for _ in range(ITERATIONS):
            self.data.qpos[:6] = joints
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_comPos(self.model, self.data)
            mujoco.mj_jacSite(self.model, self.data, self._jacobian[:3], self._jacobian[3:], self.site)
            error[:3] = position - self.data.site_xpos[self.site]
            error[3:] = _ROTATION_WEIGHT * rotation_vector(
                rotation @ self.data.site_xmat[self.site].reshape(3, 3).T
            )
            jacobian = self._jacobian[:, :6].copy()
            jacobian[3:] *= _ROTATION_WEIGHT
            step = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + _DAMPING**2 * np.eye(6), error)
            largest = np.abs(step).max()
            if largest > _LARGEST_STEP:
                step *= _LARGEST_STEP / largest
            joints = np.clip(joints + step, self.low, self.high)
        return joints


def rotation_vector(matrix: Vector) -> Vector:
    """A rotation matrix as axis times angle."""
    quaternion, vector = np.empty(4), np.empty(3)
    mujoco.mju_mat2Quat(quaternion, matrix.ravel())
    mujoco.mju_quat2Vel(vector, quaternion, 1.0)
    return vector


def rotation_matrix(vector: Vector) -> Vector:
    """Axis times angle as a rotation matrix."""
    angle = float(np.linalg.norm(vector))
    quaternion, matrix = np.empty(4), np.empty(9)
    axis = vector / angle if angle > 0 else np.array([1.0, 0.0, 0.0])
    mujoco.mju_axisAngle2Quat(quaternion, axis, angle)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)
