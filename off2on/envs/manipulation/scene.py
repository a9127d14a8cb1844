"""The scene of a manipulation task as MJCF: arm, table, trays, cabinet, one object [S126, S127].

Everything is made of primitive shapes. Lengths are metres in the world frame of the original tasks: the arm stands
at (0.6, 0), reaches along y, and z points up.
"""

from collections.abc import Sequence
from math import atan, hypot
from typing import Literal

Kind = Literal["pick-place", "drawers"]

#: centre of the tray that the object goes into, and of the cabinet
TRAY = (0.5, 0.25)
CABINET = (0.47, 0.2)
TABLE_Z = -0.375
#: centres of bottom and top drawer
DRAWER_Z = {"bottom": -0.35, "top": -0.28}
#: how far a drawer slides, along x
TRAVEL = 0.125
#: joint angles of the neutral pose: the gripper points down at (0.6, 0.15, -0.17)
NEUTRAL = (1.57, -0.6, 0.6, 0.0, 1.57, 0.0)
ARM_JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
FINGERS = ("left_finger", "right_finger")
#: distance of a finger's middle from the gripper's axis, open and closed
OPEN, CLOSED = 0.036, 0.015
#: half of a finger's thickness
FINGER_HALF = 0.0055
BALL_RADIUS = 0.0163
BLOCK_HALF = (0.0117, 0.024, 0.021)

#: who collides with whom: bits of contype and conaffinity. A drawer does not touch its own frame
_STATIC, _DRAWER, _OBJECT, _GRIPPER = 1, 2, 4, 8
_STATIC_BITS = f'contype="{_STATIC}" conaffinity="0"'
_DRAWER_BITS = f'contype="{_DRAWER}" conaffinity="0"'
_OBJECT_BITS = f'contype="{_OBJECT}" conaffinity="{_STATIC | _DRAWER}"'
_GRIPPER_BITS = f'contype="{_GRIPPER}" conaffinity="{_STATIC | _DRAWER | _OBJECT}"'
#: a motor like the original's position control: a joint goes 26 % of its way in one action
_RATE, _DAMPING, _TORQUE = 7.2, 20.0, 12.0


def scene(kind: Kind) -> str:
    """The MJCF of a task."""
    if kind == "pick-place":
        furniture = [_tray("tray", TRAY, 1.0), _object_block()]
    else:
        furniture = [_cabinet(), _object_ball(), _tray("side_tray", (0.8, 0.0), 1.6), _distractor()]
    return f"""<mujoco model="off2on {kind}">
{_OPTIONS}
<worldbody>
<light pos="1 1 2" dir="-.5 -.5 -1" directional="true" castshadow="false" diffuse=".6 .6 .6"/>
<camera name="agent" fovy="60" pos=".6 .4222 -.0936" xyaxes="-1 0 0 0 -.643 .766"/>
<geom name="table" type="plane" pos="0 0 {TABLE_Z}" size="2 2 .1" material="wood" {_STATIC_BITS}/>
{arm()}
{"".join(furniture)}
</worldbody>
{_MOTORS}
</mujoco>
"""


def arm_only() -> str:
    """The arm alone, for inverse kinematics."""
    return f"""<mujoco model="arm">
{_OPTIONS}
<worldbody>
{arm()}
</worldbody></mujoco>"""


_OPTIONS = """<compiler angle="radian" autolimits="true"/>
<option timestep="0.00208333333333" integrator="implicitfast" solver="Newton" cone="elliptic" impratio="3"
 iterations="20" gravity="0 0 -10"/>
<visual><quality shadowsize="0" offsamples="0" numslices="12" numstacks="8" numquads="1"/>
<headlight ambient=".45 .45 .45" diffuse=".45 .45 .45" specular="0 0 0"/>
<map znear=".01" zfar="4"/><global offwidth="1280" offheight="960"/></visual>
<default>
<geom solref=".005 1" solimp=".9 .95 .001" condim="4"/>
<site group="3"/>
<default class="looks"><geom contype="0" conaffinity="0" group="1"/></default>
</default>
<asset>
<material name="wood" rgba=".72 .58 .44 1" specular="0"/>
<material name="metal" rgba=".16 .17 .2 1" specular=".2"/>
<material name="joint" rgba=".3 .31 .36 1" specular=".2"/>
<material name="finger" rgba=".05 .05 .06 1" specular="0"/>
<material name="tray" rgba=".25 .45 .75 1" specular="0"/>
<material name="frame" rgba=".9 .88 .82 1" specular="0"/>
<material name="drawer" rgba=".45 .68 .42 1" specular="0"/>
<material name="handle" rgba=".93 .78 .2 1" specular=".2"/>
<material name="object" rgba=".86 .2 .16 1" specular="0"/>
<material name="other" rgba=".55 .3 .65 1" specular="0"/>
</asset>"""


def arm() -> str:
    """A WidowX-like arm of boxes and capsules; six joints, two fingers. Links do not collide, the gripper does."""
    limits = ("-3.1416 3.1416", "-1.885 1.99", "-2.147 1.606", "-3.1416 3.1416", "-1.745 2.147", "-3.1416 3.1416")
    axes = ("0 0 1", "0 1 0", "0 1 0", "1 0 0", "0 1 0", "1 0 0")
    places = ("0 0 .0716", "0 0 .03865", ".04975 0 .25", ".175 0 0", ".075 0 0", ".065 0 0")
    looks = (
        '<geom class="looks" type="cylinder" size=".045 .035" material="joint" mass=".5"/>',
        '<geom class="looks" type="capsule" fromto="0 0 0 .0497 0 .25" size=".025" material="metal" mass=".6"/>',
        '<geom class="looks" type="capsule" fromto="0 0 0 .175 0 0" size=".022" material="metal" mass=".35"/>',
        '<geom class="looks" type="capsule" fromto="0 0 0 .075 0 0" size=".022" material="joint" mass=".2"/>',
        '<geom class="looks" type="capsule" fromto="0 0 0 .065 0 0" size=".02" material="metal" mass=".15"/>',
        '<geom class="looks" type="box" pos=".03 0 0" size=".02 .02 .02" material="joint" mass=".08"/>',
    )
    text = _hand()
    for name, place, axis, limit, look in reversed(
        list(zip(ARM_JOINTS, places, axes, limits, looks, strict=True))
    ):
        joint = f'<joint name="{name}" axis="{axis}" range="{limit}" armature=".01"/>'
        text = f'<body name="{name}" pos="{place}" gravcomp="1">{joint}{look}\n{text}</body>'
    base = '<geom class="looks" type="box" size=".06 .06 .05" material="joint"/>'
    return f'<body name="base" pos=".6 0 -.4">{base}\n{text}</body>'


def _hand() -> str:
    fingers = "".join(
        f"""<body name="{name}" pos=".0865 0 0" gravcomp="1">
<joint name="{name}" type="slide" axis="0 {side} 0" range="{CLOSED} {OPEN}" armature=".001"/>
<geom name="{name}" type="box" size=".0227 {FINGER_HALF} .0125" material="finger" mass=".02" priority="1"
 condim="6" friction="4 .2 .1"
 {_GRIPPER_BITS}/></body>
"""
        for name, side in zip(FINGERS, (1, -1), strict=True)
    )
    return f"""<site name="ee" pos=".0527 0 0"/>
<geom class="looks" type="box" pos=".05 0 0" size=".0125 .05 .016" material="metal" mass=".05"/>
<geom name="bar" type="box" pos=".05 0 0" size=".0125 .03 .016" group="3" mass=".01" {_GRIPPER_BITS}/>
{fingers}"""


def _tray(name: str, centre: tuple[float, float], scale: float) -> str:
    """A tray with sloping walls; the floor is 7.6 by 8 cm at scale 1."""
    looks = f'material="tray" friction=".5 .005 .0001" {_STATIC_BITS}'
    floor, rim, height = (0.038 * scale, 0.04 * scale), (0.0535 * scale, 0.0555 * scale), 0.024
    parts = [f'<geom type="box" pos="0 0 .002" size="{floor[0]} {floor[1]} .002" {looks}/>']
    for axis in (0, 1):
        run = rim[axis] - floor[axis]
        for side in (1, -1):
            place, turn = [0.0, 0.0, height / 2], [0.0, 0.0, 0.0]
            place[axis] = side * (floor[axis] + run / 2)
            turn[1 - axis] = side * (1 if axis == 0 else -1) * atan(run / height)
            half = [0.0015, 0.0015, hypot(run, height) / 2]
            half[1 - axis] = rim[1 - axis]
            words = f'pos="{_words(place)}" euler="{_words(turn)}" size="{_words(half)}"'
            parts.append(f'<geom type="box" {words} {looks}/>')
    return f'<body name="{name}" pos="{centre[0]} {centre[1]} {TABLE_Z}">{"".join(parts)}</body>'


def _words(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:.5g}" for number in numbers)


def _object_block() -> str:
    return f"""<body name="object" pos=".65 .22 -.33"><freejoint name="object"/>
<geom name="object" type="box" size="{_words(BLOCK_HALF)}" mass=".05" material="object" friction=".5 .005 .0001"
 {_OBJECT_BITS}/></body>"""


def _object_ball() -> str:
    """Rolls without condim 6 and rolling friction, and then no gripper holds it."""
    return f"""<body name="object" pos=".5 .2 -.33"><freejoint name="object"/>
<geom name="object" type="sphere" size="{BALL_RADIUS}" mass=".05" material="object" condim="6"
 friction=".5 .005 .0005" {_OBJECT_BITS}/></body>"""


def _distractor() -> str:
    return f"""<geom type="capsule" pos=".8 0 {TABLE_Z + 0.02}" euler="1.5708 0 0" size=".0175 .035"
 material="other"
 contype="0" conaffinity="0"/>"""


def _cabinet() -> str:
    """Two drawers above each other that open along x; the lower one has a handle."""
    plates = (
        ((0.0, 0.073, 0.0), ".065 .002 .035"),
        ((0.0, -0.073, 0.0), ".065 .002 .035"),
        ((-0.063, 0.0, 0.0), ".002 .075 .035"),
        ((0.0, 0.0, 0.033), ".065 .075 .002"),
    )
    frame = "".join(
        f'<geom type="box" pos="{_words((CABINET[0] + x, CABINET[1] + y, middle + z))}" size="{size}" '
        f'material="frame" {_STATIC_BITS}/>'
        for middle in DRAWER_Z.values()
        for (x, y, z), size in plates
    )
    return frame + "".join(_drawer(name, z) for name, z in DRAWER_Z.items())


def _drawer(name: str, z: float) -> str:
    looks = f'material="drawer" friction="2 .005 .05" {_DRAWER_BITS}'
    walls = (
        ("0 0 -.017", ".06 .07 .003"),
        (".058 0 0", ".002 .07 .02"),
        ("-.058 0 0", ".002 .07 .02"),
        ("0 .068 0", ".06 .002 .02"),
        ("0 -.068 0", ".06 .002 .02"),
    )
    boxes = "".join(f'<geom type="box" pos="{p}" size="{s}" mass=".05" {looks}/>' for p, s in walls)
    handle = ""
    if name == "bottom":
        looks = f'material="handle" friction="1 .005 .0001" {_DRAWER_BITS}'
        bar = 'fromto=".11 -.07 .01 .11 .07 .01" size=".008" mass=".02"'
        handle = f'<geom name="handle" type="capsule" {bar} {looks}/>'
        handle += "".join(
            f'<geom class="looks" type="box" pos=".085 {side} .01" size=".025 .0025 .009" material="handle" '
            'mass=".005"/>'
            for side in (-0.06, 0.06)
        )
        handle += '<site name="handle" pos=".11 0 .01"/>'
    return f"""<body name="{name}_drawer" pos="{CABINET[0]} {CABINET[1]} {z}">
<joint name="{name}_drawer" type="slide" axis="1 0 0" range="0 {TRAVEL}" damping="4" frictionloss="4"/>
{boxes}{handle}</body>
"""


_MOTORS = (
    "<actuator>"
    + "".join(
        f'<general name="{name}" joint="{name}" gainprm="{_RATE * _DAMPING}" biastype="affine" '
        f'biasprm="0 {-_RATE * _DAMPING} {-_DAMPING}" forcerange="{-_TORQUE} {_TORQUE}"/>'
        for name in ARM_JOINTS
    )
    + "".join(
        f'<general name="{name}" joint="{name}" dyntype="filter" dynprm=".02" gainprm="1000" biastype="affine" '
        f'biasprm="0 -1000 -20" forcerange="-12 12"/>'
        for name in FINGERS
    )
    + '</actuator><equality><joint joint1="left_finger" joint2="right_finger"/></equality>'
)
