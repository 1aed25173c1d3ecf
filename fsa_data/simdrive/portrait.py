"""Head-and-shoulders portraits of procedural people, for use as source faces."""

from __future__ import annotations

import numpy as np

from fsa_data.errors import ConfigError
from fsa_data.mesh.expression import Expression
from fsa_data.simdrive import body
from fsa_data.simdrive.actions import Pose
from fsa_data.simdrive.cabin import SUPERSAMPLE, Light, cabin, paint_tiles
from fsa_data.simdrive.identity import identity
from fsa_data.simdrive.randomness import Stream, generator
from fsa_data.simdrive.render import Camera, develop, draw
from fsa_data.simdrive.scene import head_pieces, place_head
from fsa_data.simdrive.shapes import Vectors, normalised
from fsa_data.simdrive.texture import paint_eyes, person_atlas
from fsa_data.types import Floats, Image

_STUDIO = Light(
    key=normalised([-0.35, 0.6, 1.0]),
    key_colour=np.full(3, 0.48),
    fill=normalised([0.8, 0.1, 0.7]),
    fill_colour=np.full(3, 0.2),
    sky=np.full(3, 0.52),
    ground=np.full(3, 0.40),
)


def _portrait(
    seed: int, index: int, yaw_deg: float, pitch_deg: float, size_px: int, look: Expression | None = None
) -> tuple[Image, Floats]:
    """The portrait, and where the 468 vertices of its face lie, ``(468, 3)`` float32 pixels."""
    if size_px < 32:
        raise ConfigError(f"A portrait needs at least 32 pixels, got size_px={size_px}.")
    person, car = identity(seed, index), cabin(seed, index)
    rng = generator(Stream.WEAR, seed, index)
    smile = float(rng.uniform(0.1, 0.35))
    look = look or Expression(jaw=0.0, smile=smile, gaze_x=-yaw_deg / 90, gaze_y=-pitch_deg / 90)
    pose = Pose(yaw_deg, pitch_deg, 0.0, look, np.zeros(3), 0.3 * yaw_deg)
    stance = body.Stance(pose.lean, pose.trunk_yaw_deg)
    where = place_head(pose, stance)
    pieces = [piece.moved(where.turn, where.offset) for piece in head_pieces(person, pose)]
    landmarks = pieces[0].points
    pieces.append(body.neck(person, stance, where.turn @ np.array([0.0, -3.0, -5.0]) + where.offset))
    pieces += body.torso(person, stance, car.collar_cm)
    pieces += body.shoulders(person, stance)
    atlas = person_atlas(seed, index).copy()
    paint_tiles(atlas, car)
    paint_eyes(atlas, person, look.gaze_x, look.gaze_y, look.blink)
    camera = _camera(size_px, SUPERSAMPLE)
    ground = np.broadcast_to(np.array([150, 152, 155], np.float32), (camera.height, camera.width, 3))
    picture, parts = draw(pieces, camera, _STUDIO, atlas, ground)
    image, _ = develop(picture, parts, (size_px, size_px), 1.0, rng, noise_sd=1.0)
    return image, _camera(size_px, 1.0).project(landmarks)


def _camera(size_px: int, scale: float) -> Camera:
    size = round(size_px * scale)
    place: Vectors = np.array([0.0, -1.0, 110.0])
    return Camera(place, 0.0, size * 110.0 / 31.0, np.array([0.5, 0.5]) * size, size, size)


def identity_photo(
    seed: int, index: int, yaw_deg: float, pitch_deg: float, size_px: int = 256, look: Expression | None = None
) -> Image:
    """A portrait of one procedural person before a plain ground, in even light, without hands or glasses.

    Args:
        seed: of the set the person belongs to, 0 or more.
        index: number of the person, 0 or more (data sets count from 0; source faces use 50 and up).
        yaw_deg: turn of the head, positive to the right of the image.
        pitch_deg: nod of the head, positive down.
        size_px: side of the picture, at least 32.
        look: what the face does (default: a slight smile, eyes on the camera).

    Returns:
        ``(size_px, size_px, 3)`` uint8 RGB; equal arguments give equal bytes.

    Raises:
        ConfigError: a number is out of range.
    """
    return _portrait(seed, index, yaw_deg, pitch_deg, size_px, look)[0]


def identity_photo_landmarks(seed: int, index: int, yaw_deg: float, pitch_deg: float, size_px: int = 256) -> Floats:
    """Where the face mesh lies in :func:`identity_photo` with the same arguments: truth for judging.

    Returns:
        ``(468, 3)`` float32; x and y in pixels, depth in cm.

    Raises:
        ConfigError: a number is out of range.
    """
    return _portrait(seed, index, yaw_deg, pitch_deg, size_px)[1]
