"""One frame: a person in a pose in a cabin, put together and drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsa_data.mesh.expression import JAW_LIMIT_DEG, express
from fsa_data.simdrive import body, head, props
from fsa_data.simdrive.actions import CLASSES, Pose, pose_of
from fsa_data.simdrive.cabin import FRAME_HEIGHT, FRAME_WIDTH, SUPERSAMPLE, backdrop, cabin, paint_tiles
from fsa_data.simdrive.face_shape import neutral_face
from fsa_data.simdrive.grips import GRIPS, Hand, HeadPlace
from fsa_data.simdrive.hair import hair_pieces
from fsa_data.simdrive.identity import Identity, identity
from fsa_data.simdrive.randomness import Stream, generator
from fsa_data.simdrive.render import Camera, develop, draw
from fsa_data.simdrive.shapes import Piece, Vectors, rotation
from fsa_data.simdrive.texture import paint_eyes, person_atlas
from fsa_data.types import Floats, Image, Mask

CLIP_FRAMES = 3
"""Frames that share one clip: one pose, jittered."""

NECK_PIVOT = np.array([0.0, -4.5, -6.0])
"""What the head turns about, in its own frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A generated frame and what is true about it.

    Attributes:
        image: ``(288, 384, 3)`` uint8 RGB.
        parts: ``(288, 384)`` uint8, values of :class:`~fsa_data.simdrive.parts.Part`.
        yaw_deg: of the head as the camera sees it, positive to the right of the image.
        pitch_deg: of the head as the camera sees it, positive down.
        landmarks_px: ``(468, 3)`` float32, where the face's vertices lie in the image (depth in cm).
    """

    image: Image
    parts: Mask
    yaw_deg: float
    pitch_deg: float
    landmarks_px: Floats


def frame_camera(scale: float = 1.0) -> Camera:
    """The camera on the dashboard, at ``scale`` times the size of a frame."""
    centre = np.array([0.53 * FRAME_WIDTH, 0.5 * FRAME_HEIGHT]) * scale
    place = np.array([0.0, 6.0, 72.0])
    return Camera(place, 9.5, 400.0 * scale, centre, int(FRAME_WIDTH * scale), int(FRAME_HEIGHT * scale))


def place_head(pose: Pose, stance: body.Stance) -> HeadPlace:
    """Where the head is in a pose."""
    turn = rotation(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    low = np.array([0.0, -12.0, 0.0])
    base = stance.place(NECK_PIVOT[None] + low)[0] - low
    return HeadPlace(turn, base - turn @ NECK_PIVOT)


def head_pieces(person: Identity, pose: Pose, mask_tint: Vectors | None = None) -> list[Piece]:
    """The head in its own frame: skin, hair, ears, mouth and, with a tint, a surgical mask; no glasses."""
    rest = neutral_face(person)
    face = express(rest, pose.expression)
    jaw_turn = rotation(0, JAW_LIMIT_DEG * pose.expression.jaw, 0)
    pieces = head.skin_pieces(person, face) + head.ears(person) + hair_pieces(person)
    if mask_tint is not None:
        return pieces + head.surgical_mask(person, face, mask_tint)
    return pieces + head.mouth(face, rest, jaw_turn)


def facing(camera: Camera, turn: Vectors) -> tuple[float, float]:
    """Yaw and pitch in degrees of a head with rotation ``turn``, in the camera's axes."""
    x, y, z = camera.turn @ turn @ np.array([0.0, 0.0, 1.0])
    return float(np.degrees(np.arctan2(x, z))), float(np.degrees(np.arctan2(-y, np.hypot(x, z))))


def render_pose(seed: int, index: int, pose: Pose, masked: bool, rng: np.random.Generator, shift_px: int = 0) -> Frame:
    """Draw one person in one pose.

    Args:
        seed: of the set.
        index: of the subject.
        pose: what the person does.
        masked: whether the person wears a surgical mask.
        rng: for exposure and noise.
        shift_px: how far the scenery has moved, 0 or more.
    """
    person, car = identity(seed, index), cabin(seed, index)
    stance = body.Stance(pose.lean, pose.trunk_yaw_deg)
    where = place_head(pose, stance)
    own = head_pieces(person, pose, car.mask_tint if masked else None) + head.glasses(person)
    pieces = [piece.moved(where.turn, where.offset) for piece in own]
    landmarks = pieces[0].points
    pieces.append(body.neck(person, stance, where.turn @ np.array([0.0, -3.0, -5.0]) + where.offset))
    pieces += [*body.torso(person, stance, car.collar_cm), body.belt(person, stance)]
    reach = head.half_width(neutral_face(person))
    for side, kind, shift in zip((-1.0, 1.0), pose.hands, pose.shift, strict=True):
        grip, held = GRIPS[kind](Hand(side, where, reach, shift, pose.choice, car.prop_tints))
        pieces += held + body.arm(person, stance, side, grip, car.short_sleeves)
    pieces += props.wheel() + props.seat(car.seat_tint)
    atlas = person_atlas(seed, index).copy()
    paint_tiles(atlas, car)
    look = pose.expression
    paint_eyes(atlas, person, look.gaze_x, look.gaze_y, look.blink)
    camera = frame_camera(SUPERSAMPLE)
    picture, parts = draw(pieces, camera, car.light, atlas, backdrop(car, shift_px))
    exposure = car.exposure * float(rng.uniform(0.95, 1.05))
    image, part_map = develop(picture, parts, (FRAME_WIDTH, FRAME_HEIGHT), exposure, rng)
    yaw_deg, pitch_deg = facing(camera, where.turn)
    return Frame(image, part_map, yaw_deg, pitch_deg, frame_camera().project(landmarks))


def render_frame(seed: int, index: int, label: str, number: int, masked: bool = False) -> Frame:
    """Frame ``number`` of a subject doing a class of action; depends on nothing but the arguments.

    Args:
        seed: of the set, 0 or more.
        index: of the subject, 0 or more.
        label: class code, ``C00`` .. ``C14``.
        number: of the frame, 0 or more; three in a row share a clip.
        masked: whether the subject wears a surgical mask.
    """
    code, clip = CLASSES.index(label), number // CLIP_FRAMES
    pose = pose_of(
        label, generator(Stream.CLIP, seed, index, code, clip), generator(Stream.FRAME, seed, index, code, clip, number)
    )
    shift = int(generator(Stream.CABIN, seed, index, code, clip).integers(0, 900)) + 9 * (number % CLIP_FRAMES)
    return render_pose(seed, index, pose, masked, generator(Stream.NOISE, seed, index, code, clip, number), shift)
