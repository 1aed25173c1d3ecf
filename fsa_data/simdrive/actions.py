"""What drivers do: one row of numbers per class, and how a clip and its frames are drawn from it.

Classes are MaskDAR's fifteen, C00..C14, in its order. Angles are about the head: yaw positive to the right of the
image (the driver's left), pitch positive down, roll positive clockwise as seen. The camera looks at the driver, so the
right hand works on the left of the image.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from fsa_data.mesh.expression import Expression
from fsa_data.simdrive.shapes import Vectors

CLASSES = tuple(f"C{number:02d}" for number in range(15))
"""Safe, texting right, call right, texting left, call left, radio, drink, look behind, hair and make-up, talk right,
talk left, look below, look right, look left, yawn."""


class Normal(NamedTuple):
    """A normal draw, clipped at two standard deviations."""

    mean: float
    sd: float = 0.0

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        return float(self.mean + self.sd * np.clip(rng.normal(), -2, 2))


class Uniform(NamedTuple):
    """An even draw between two limits."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        return float(rng.uniform(self.low, self.high))


Draw = Normal | Uniform
# what a driver does who does nothing else
_UPRIGHT = Normal(0, 2)
_SHUT, _AWAKE = Uniform(0.0, 0.05), Uniform(0.0, 0.12)
_FAINT, _SLIGHT, _CALM = Uniform(0.0, 0.25), Uniform(0.0, 0.15), Normal(0, 0.2)
_AHEAD, _ROAD = Normal(0, 0.18), Normal(0.08, 0.12)
_SEATED = (Normal(0, 0.8), Normal(0, 0.3), Normal(0, 0.6))


@dataclass(frozen=True, slots=True)
class Action:
    """How one class looks; hands are named after what they do, see ``scene``."""

    yaw: Draw
    pitch: Draw
    roll: Draw = _UPRIGHT
    jaw: Draw = _SHUT
    blink: Draw = _AWAKE
    smile: Draw = _FAINT
    pucker: Draw = _SLIGHT
    brow: Draw = _CALM
    gaze_x: Draw = _AHEAD
    gaze_y: Draw = _ROAD
    lean: tuple[Draw, Draw, Draw] = _SEATED
    trunk_yaw: Draw = _UPRIGHT
    right: tuple[tuple[str, float], ...] = (("wheel", 0.8), ("rest", 0.2))
    left: tuple[tuple[str, float], ...] = (("wheel", 0.85), ("rest", 0.15))


_TALK = {
    "pitch": Normal(1, 3),
    "jaw": Uniform(0.12, 0.6),
    "smile": Uniform(0.0, 0.8),
    "pucker": Uniform(0.0, 0.5),
    "brow": Normal(0.3, 0.3),
}
_CALL = {"yaw": Normal(0, 5), "pitch": Normal(2, 3), "jaw": Uniform(0.02, 0.35), "brow": Normal(0.1, 0.25)}
_TEXT = {"pitch": Normal(20, 4), "gaze_y": Normal(0.75, 0.15), "blink": Uniform(0.1, 0.3), "brow": Normal(-0.1, 0.2)}
_BUSY = (("wheel", 0.85), ("rest", 0.15))

ACTIONS = {
    "C00": Action(Normal(0, 4), Normal(2, 2.5), jaw=Uniform(0.0, 0.04)),
    "C01": Action(Normal(-13, 5), gaze_x=Normal(-0.3, 0.15), right=(("text", 1.0),), left=_BUSY, **_TEXT),  # type: ignore[arg-type]
    "C02": Action(roll=Normal(-5, 2), right=(("phone", 1.0),), left=_BUSY, **_CALL),  # type: ignore[arg-type]
    "C03": Action(Normal(13, 5), gaze_x=Normal(0.3, 0.15), left=(("text", 1.0),), right=_BUSY, **_TEXT),  # type: ignore[arg-type]
    "C04": Action(roll=Normal(5, 2), left=(("phone", 1.0),), right=_BUSY, **_CALL),  # type: ignore[arg-type]
    "C05": Action(
        Normal(-20, 6),
        Normal(10, 4),
        gaze_x=Normal(-0.5, 0.2),
        gaze_y=Normal(0.5, 0.2),
        lean=(Normal(-2.2, 0.6), Normal(-0.6, 0.3), Normal(1.5, 0.6)),
        trunk_yaw=Normal(-6, 2),
        right=(("radio", 1.0),),
        left=(("wheel", 1.0),),
    ),
    "C06": Action(
        Normal(0, 5),
        Normal(-8, 3),
        jaw=Uniform(0.05, 0.25),
        pucker=Uniform(0.3, 0.7),
        smile=Uniform(0.0, 0.05),
        gaze_y=Normal(0.2, 0.2),
        right=(("drink", 1.0),),
        left=_BUSY,
    ),
    "C07": Action(
        Uniform(-88, -50),
        Normal(6, 3),
        roll=Normal(0, 3),
        gaze_x=Normal(-0.7, 0.15),
        lean=(Normal(-5, 1), Normal(-0.5, 0.5), Normal(0, 1)),
        trunk_yaw=Normal(-30, 5),
        right=(("behind", 1.0),),
        left=(("wheel", 1.0),),
    ),
    "C08": Action(
        Normal(6, 6),
        Normal(-4, 3),
        jaw=Uniform(0.05, 0.25),
        gaze_y=Normal(-0.25, 0.2),
        right=(("hair", 0.5), ("lipstick", 0.5)),
        left=_BUSY,
    ),
    "C09": Action(Uniform(-42, -22), gaze_x=Normal(-0.4, 0.2), **_TALK),  # type: ignore[arg-type]
    "C10": Action(Uniform(22, 42), gaze_x=Normal(0.4, 0.2), **_TALK),  # type: ignore[arg-type]
    "C11": Action(Normal(0, 6), Normal(28, 4), blink=Uniform(0.2, 0.5), gaze_y=Normal(0.8, 0.12)),
    "C12": Action(Uniform(-60, -30), Normal(1, 3), jaw=Uniform(0, 0.04), gaze_x=Normal(-0.6, 0.2)),
    "C13": Action(Uniform(30, 60), Normal(1, 3), jaw=Uniform(0, 0.04), gaze_x=Normal(0.6, 0.2)),
    "C14": Action(
        Normal(0, 5),
        Normal(-6, 3),
        jaw=Uniform(0.75, 1.0),
        blink=Uniform(0.35, 0.9),
        smile=Uniform(0, 0.05),
        pucker=Uniform(0.1, 0.4),
        brow=Normal(0.35, 0.3),
        right=(("cover", 0.25), ("wheel", 0.75)),
    ),
}


@dataclass(frozen=True, slots=True)
class Pose:
    """One frame's numbers.

    Attributes:
        yaw_deg: of the head against the seat, positive to the right of the image.
        pitch_deg: positive down.
        roll_deg: positive clockwise as seen.
        expression: of the face.
        lean: ``(3,)`` cm shift of the shoulders.
        trunk_yaw_deg: turn of the trunk.
        hands: what the right and the left hand do.
        shift: ``(2, 3)`` cm, where each hand is off its usual place.
        choice: ``(4,)`` in 0..1, free draws of the clip (which drink, how it is held, ...).
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    expression: Expression
    lean: Vectors
    trunk_yaw_deg: float
    hands: tuple[str, str] = ("wheel", "wheel")
    shift: Vectors = field(default_factory=lambda: np.zeros((2, 3)))
    choice: Vectors = field(default_factory=lambda: np.full(4, 0.5))


def draw_clip(label: str, rng: np.random.Generator) -> Pose:
    """The pose of a clip.

    Args:
        label: class code, ``C00`` .. ``C14``.
        rng: the clip's generator.
    """
    action = ACTIONS[label]
    look = Expression(
        jaw=action.jaw.draw(rng),
        blink=action.blink.draw(rng),
        smile=action.smile.draw(rng),
        pucker=action.pucker.draw(rng),
        brow=action.brow.draw(rng),
        gaze_x=action.gaze_x.draw(rng),
        gaze_y=action.gaze_y.draw(rng),
    )
    return Pose(
        yaw_deg=action.yaw.draw(rng),
        pitch_deg=action.pitch.draw(rng),
        roll_deg=action.roll.draw(rng),
        expression=look,
        lean=np.array([axis.draw(rng) for axis in action.lean]),
        trunk_yaw_deg=action.trunk_yaw.draw(rng),
        hands=(_pick(action.right, rng), _pick(action.left, rng)),
        shift=rng.normal(0, 0.9, (2, 3)).clip(-1.8, 1.8),
        choice=rng.random(4),
    )


def _pick(options: tuple[tuple[str, float], ...], rng: np.random.Generator) -> str:
    edge = np.cumsum([chance for _, chance in options])
    return options[min(int(np.searchsorted(edge, rng.random(), side="right")), len(options) - 1)][0]


def jitter(pose: Pose, rng: np.random.Generator) -> Pose:
    """A frame of a clip: the same pose, a moment later."""
    move = rng.normal(0, 1, 8).clip(-2, 2)
    look = pose.expression
    blink = 1.0 if look.blink < 0.3 and rng.random() < 0.04 else look.blink + 0.05 * move[3]
    return replace(
        pose,
        yaw_deg=pose.yaw_deg + 2.5 * move[0],
        pitch_deg=pose.pitch_deg + 1.8 * move[1],
        roll_deg=pose.roll_deg + 1.5 * move[2],
        expression=replace(
            look,
            jaw=float(np.clip(look.jaw * rng.uniform(0.7, 1.15), 0, 1)),
            blink=float(np.clip(blink, 0, 1)),
            smile=float(np.clip(look.smile + 0.06 * move[4], 0, 1)),
            gaze_x=look.gaze_x + 0.1 * move[5],
            gaze_y=look.gaze_y + 0.06 * move[6],
        ),
        lean=pose.lean + rng.normal(0, 0.35, 3).clip(-0.7, 0.7),
        trunk_yaw_deg=pose.trunk_yaw_deg + 0.8 * move[7],
        shift=pose.shift + rng.normal(0, 0.5, (2, 3)).clip(-1, 1),
    )


def pose_of(label: str, clip_rng: np.random.Generator, frame_rng: np.random.Generator) -> Pose:
    """The pose of one frame: its clip's pose with the frame's own jitter."""
    return jitter(draw_clip(label, clip_rng), frame_rng)
