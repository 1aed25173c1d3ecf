"""The morphable face model of Deep3DFaceRecon: coefficients to shape, albedo, lit colour and image points.

Shape and albedo are a mean plus linear bases (Blanz and Vetter, 1999; Basel Face Model 2009 for identity and albedo,
FaceWarehouse for expression). Deng et al. (CVPRW 2019) put it before a pinhole camera and light it with nine bands of
spherical harmonics per colour. Everything here is batched and differentiable.

Axes and units: decimetres, x to the right as seen, y up, z towards the viewer. Image points are those of the
original: pixels of its 224 x 224 crop, the first pixel's centre at 0, y *up* from the lowest row; the image row is
``223 - y``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.functional import normalize

CROP_PX = 224
"""Side of the image that the camera sees."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera on the z axis that looks down it; what the published network was trained with."""

    focal_px: float = 1015.0
    centre_px: float = 112.0
    distance: float = 10.0
    """From the origin, decimetres."""


@dataclass(frozen=True, slots=True, eq=False)
class MorphableModel:
    """The arrays of a model with N vertices and F triangles; float32 and int64, all on one device.

    Attributes:
        mean_shape: ``(N, 3)``, its mean vertex at the origin.
        identity_base: ``(3N, I)``, scaled by the standard deviations, like the other bases.
        expression_base: ``(3N, E)``.
        mean_albedo: ``(N, 3)`` RGB 0..255.
        albedo_base: ``(3N, A)``.
        triangles: ``(F, 3)``, 0-based.
        vertex_faces: ``(N, 8)``, triangles around each vertex; F where there are fewer.
        keypoints: ``(68,)`` vertices of the iBUG scheme.
        front_vertices: ``(M,)`` vertices of the face without ears and neck.
        front_triangles: ``(G, 3)``, 0-based, the triangles that the photometric loss looks at.
        skin_mask: ``(N,)``, 1 on skin whose albedo should be even.
    """

    mean_shape: Tensor
    identity_base: Tensor
    expression_base: Tensor
    mean_albedo: Tensor
    albedo_base: Tensor
    triangles: Tensor
    vertex_faces: Tensor
    keypoints: Tensor
    front_vertices: Tensor
    front_triangles: Tensor
    skin_mask: Tensor

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers of identity, expression and albedo coefficients."""
        return self.identity_base.shape[1], self.expression_base.shape[1], self.albedo_base.shape[1]

    def to(self, device: str | torch.device) -> MorphableModel:
        """The same model on another device."""
        return MorphableModel(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Coefficients:
    """What makes one face of the model, for a batch of B.

    Attributes:
        identity: ``(B, I)``.
        expression: ``(B, E)``.
        albedo: ``(B, A)``.
        angles: ``(B, 3)`` radians about x, y and z.
        lighting: ``(B, 27)``, nine bands for red, then green, then blue, added to :data:`AMBIENT`.
        translation: ``(B, 3)`` decimetres.
    """

    identity: Tensor
    expression: Tensor
    albedo: Tensor
    angles: Tensor
    lighting: Tensor
    translation: Tensor

    @classmethod
    def split(cls, vector: Tensor, sizes: tuple[int, int, int] = (80, 64, 80)) -> Coefficients:
        """Cut a ``(B, I + E + A + 33)`` vector in the order of the fields, which is the network's.

        Raises:
            ValueError: the vector has another length.
        """
        lengths = [*sizes, 3, 27, 3]
        if vector.ndim != 2 or vector.shape[1] != sum(lengths):
            raise ValueError(f"Coefficients must be (B, {sum(lengths)}), got {tuple(vector.shape)}.")
        return cls(*torch.split(vector, lengths, dim=1))

    @classmethod
    def zeros(cls, model: MorphableModel, batch: int = 1) -> Coefficients:
        """The mean face, facing the camera from the origin."""
        return cls(*(model.mean_shape.new_zeros(batch, length) for length in (*model.sizes, 3, 27, 3)))

    @property
    def vector(self) -> Tensor:
        """``(B, I + E + A + 33)``, the inverse of :meth:`split`."""
        return torch.cat([getattr(self, field.name) for field in fields(self)], dim=1)


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A batch of faces as the camera sees them.

    Attributes:
        shape: ``(B, N, 3)`` before rotation and translation.
        normals: ``(B, N, 3)`` of ``shape``, unit length.
        rotation: ``(B, 3, 3)`` for row vectors.
        world: ``(B, N, 3)`` after rotation and translation, z towards the viewer.
        albedo: ``(B, N, 3)`` RGB about 0..1.
        colour: ``(B, N, 3)`` RGB about 0..1, lit.
        landmarks_px: ``(B, 68, 2)``, y up.
    """

    shape: Tensor
    normals: Tensor
    rotation: Tensor
    world: Tensor
    albedo: Tensor
    colour: Tensor
    landmarks_px: Tensor


def surface(model: MorphableModel, coefficients: Coefficients, camera: Camera | None = None) -> Surface:
    """Everything that a batch of coefficients says."""
    camera = camera or Camera()
    shape = face_shape(model, coefficients.identity, coefficients.expression)
    normals = vertex_normals(model, shape)
    rotation = rotation_matrix(coefficients.angles)
    world = shape @ rotation + coefficients.translation[:, None]
    albedo = face_albedo(model, coefficients.albedo)
    colour = lit(albedo, normals @ rotation, coefficients.lighting)
    landmarks_px = project(to_camera(world[:, model.keypoints], camera), camera)
    return Surface(shape, normals, rotation, world, albedo, colour, landmarks_px)


def face_shape(model: MorphableModel, identity: Tensor, expression: Tensor) -> Tensor:
    """Vertices ``(B, N, 3)`` of ``(B, I)`` and ``(B, E)`` coefficients, in decimetres, facing the viewer."""
    offset = identity @ model.identity_base.T + expression @ model.expression_base.T
    return model.mean_shape + offset.reshape(len(offset), -1, 3)


def face_albedo(model: MorphableModel, albedo: Tensor) -> Tensor:
    """Colour without light, ``(B, N, 3)`` RGB about 0..1, of ``(B, A)`` coefficients."""
    return (model.mean_albedo + (albedo @ model.albedo_base.T).reshape(len(albedo), -1, 3)) / 255.0


def vertex_normals(model: MorphableModel, shape: Tensor) -> Tensor:
    """Unit normals ``(B, N, 3)`` of vertices ``(B, N, 3)``: the mean over adjoining triangles, each counted alike."""
    first, second, third = (shape[:, model.triangles[:, corner]] for corner in range(3))
    faces = normalize(torch.linalg.cross(first - second, second - third), dim=-1)
    nothing = torch.zeros_like(faces[:, :1])  # what places without a triangle point at
    return normalize(torch.cat([faces, nothing], dim=1)[:, model.vertex_faces].sum(dim=2), dim=-1)


def rotation_matrix(angles: Tensor) -> Tensor:
    """Rotations ``(B, 3, 3)`` for row vectors: about x, then y, then z, each right-handed.

    Args:
        angles: ``(B, 3)`` radians about x, y, z.

    Returns:
        ``(R_z R_y R_x)^T``.
    """
    sine, cosine = angles.sin(), angles.cos()
    one, nought = torch.ones_like(sine[:, 0]), torch.zeros_like(sine[:, 0])
    (sx, sy, sz), (cx, cy, cz) = sine.T, cosine.T

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, dim=1).reshape(-1, 3, 3)

    about_x = matrix(one, nought, nought, nought, cx, -sx, nought, sx, cx)
    about_y = matrix(cy, nought, sy, nought, one, nought, -sy, nought, cy)
    about_z = matrix(cz, -sz, nought, sz, cz, nought, nought, nought, one)
    return (about_z @ about_y @ about_x).transpose(1, 2)


def to_camera(world: Tensor, camera: Camera) -> Tensor:
    """Points ``(..., 3)`` with z replaced by the distance from the camera's plane."""
    return torch.cat([world[..., :2], camera.distance - world[..., 2:]], dim=-1)


def project(seen: Tensor, camera: Camera) -> Tensor:
    """Image points ``(..., 2)``, y up, of what :func:`to_camera` gave."""
    return camera.focal_px * seen[..., :2] / seen[..., 2:] + camera.centre_px


AMBIENT = 0.8
"""Added to the constant band of every colour, so that no lighting coefficients mean an evenly lit face."""

_BANDS = (math.pi, 2 * math.pi / math.sqrt(3), 2 * math.pi / math.sqrt(8))
_NORM = (
    1 / math.sqrt(4 * math.pi),
    math.sqrt(3) / math.sqrt(4 * math.pi),
    3 * math.sqrt(5) / math.sqrt(12 * math.pi),
)


def lit(albedo: Tensor, normals: Tensor, lighting: Tensor) -> Tensor:
    """Colour of a diffuse surface under light given by spherical harmonics (Ramamoorthi and Hanrahan, 2001).

    Args:
        albedo: ``(B, N, 3)``.
        normals: ``(B, N, 3)``, as the camera sees them (rotated).
        lighting: ``(B, 27)``.

    Returns:
        ``(B, N, 3)``, not clipped.
    """
    gamma = lighting.reshape(-1, 3, 9)
    constant = torch.zeros(9, dtype=gamma.dtype, device=gamma.device)
    constant[0] = AMBIENT
    x, y, z = normals.unbind(dim=-1)
    zeroth, first, second = (band * norm for band, norm in zip(_BANDS, _NORM, strict=True))
    bands = torch.stack(
        [
            zeroth * torch.ones_like(x),
            *(-first * y, first * z, -first * x),
            *(second * x * y, -second * y * z),
            0.5 / math.sqrt(3) * second * (3 * z**2 - 1),
            *(-second * x * z, 0.5 * second * (x**2 - y**2)),
        ],
        dim=-1,
    )
    return albedo * (bands @ (gamma + constant).transpose(1, 2))
