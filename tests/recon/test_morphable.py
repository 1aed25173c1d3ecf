"""The morphable model against closed forms, and its derivatives."""

import math

import numpy as np
import pytest
import torch

from fsa_data.recon.morphable import (
    AMBIENT,
    Camera,
    Coefficients,
    face_albedo,
    face_shape,
    lit,
    project,
    rotation_matrix,
    surface,
    to_camera,
    vertex_normals,
)
from tests.recon import synthetic


@pytest.fixture(scope="module")
def model():
    return synthetic.model()


def random_coefficients(model, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(batch, sum(model.sizes) + 33, generator=generator)
    return Coefficients.split(vector * 0.3, model.sizes)


def test_the_mean_face_is_the_mean(model):
    nothing = Coefficients.zeros(model, 3)
    shape = face_shape(model, nothing.identity, nothing.expression)
    assert shape.shape == (3, 200, 3)
    torch.testing.assert_close(shape[1], model.mean_shape)
    torch.testing.assert_close(shape.mean(dim=1), torch.zeros(3, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(face_albedo(model, nothing.albedo)[2] * 255, model.mean_albedo)


def test_shape_and_albedo_are_linear(model):
    one, two = random_coefficients(model, seed=1), random_coefficients(model, seed=2)
    middle = face_shape(model, (one.identity + two.identity) / 2, (one.expression + two.expression) / 2)
    ends = face_shape(model, one.identity, one.expression) + face_shape(model, two.identity, two.expression)
    torch.testing.assert_close(middle, ends / 2)
    halfway = face_albedo(model, (one.albedo + two.albedo) / 2)
    torch.testing.assert_close(halfway, (face_albedo(model, one.albedo) + face_albedo(model, two.albedo)) / 2)


def test_the_vector_is_cut_in_the_networks_order(model):
    vector = torch.arange(257.0)[None]
    c = Coefficients.split(vector)
    ends = [c.identity, c.expression, c.albedo, c.angles, c.lighting, c.translation]
    assert [float(part[0, 0]) for part in ends] == [0, 80, 144, 224, 227, 254]
    torch.testing.assert_close(c.vector, vector)
    with pytest.raises(ValueError, match=r"\(B, 257\), got \(1, 256\)"):
        Coefficients.split(vector[:, 1:])


@pytest.mark.parametrize(("axis", "start", "end"), [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_each_angle_turns_by_the_right_hand(axis, start, end):
    angles = torch.zeros(1, 3)
    angles[0, axis] = math.pi / 2
    torch.testing.assert_close(torch.eye(3)[start] @ rotation_matrix(angles)[0], torch.eye(3)[end], atol=1e-6, rtol=0)


def test_rotations_are_rotations():
    matrices = rotation_matrix(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).double())
    torch.testing.assert_close(matrices @ matrices.mT, torch.eye(3).double().expand(50, 3, 3))
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(50).double())


def test_x_turns_first_and_z_last():
    angles = torch.tensor([[0.3, -0.5, 0.9]])
    parts = [rotation_matrix(angles * torch.eye(3)[k]) for k in range(3)]
    torch.testing.assert_close(rotation_matrix(angles), parts[0] @ parts[1] @ parts[2])


def test_normals_of_a_plane_and_their_turning(model):
    flat = model.mean_shape * torch.tensor([1.0, 1.0, 0.0])
    normals = vertex_normals(model, flat[None])[0]
    torch.testing.assert_close(normals.abs(), torch.tensor([0.0, 0.0, 1.0]).expand(200, 3))
    rotation = rotation_matrix(torch.tensor([[0.2, 0.7, -0.4]]))
    shape = random_shape(model)
    torch.testing.assert_close(
        vertex_normals(model, shape @ rotation), vertex_normals(model, shape) @ rotation, atol=1e-5, rtol=0
    )


def random_shape(model):
    c = random_coefficients(model, batch=1)
    return face_shape(model, c.identity, c.expression)


def test_the_camera_is_a_pinhole():
    camera = Camera(focal_px=1000, centre_px=112, distance=10)
    points = torch.tensor([[0.0, 0.0, 5.0], [1.0, 0.0, 0.0], [1.0, -2.0, 5.0]])
    torch.testing.assert_close(
        project(to_camera(points, camera), camera), torch.tensor([[112.0, 112.0], [212.0, 112.0], [312.0, -288.0]])
    )


def test_without_lighting_everything_is_lit_alike(model):
    albedo = torch.rand(1, 200, 3)
    colour = lit(albedo, torch.nn.functional.normalize(torch.randn(1, 200, 3), dim=-1), torch.zeros(1, 27))
    torch.testing.assert_close(colour, albedo * AMBIENT * math.pi / math.sqrt(4 * math.pi))


def test_the_bands_are_orthogonal_and_of_their_strength():
    """Real spherical harmonics times the strength of a diffuse surface: the integral over the sphere tells both."""
    generator = np.random.default_rng(0)
    z = np.linspace(-1, 1, 400, endpoint=False) + 1 / 400
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False) + generator.random()
    zz, tt = np.meshgrid(z, turn)
    flat = np.sqrt(1 - zz**2)
    normals = torch.from_numpy(np.stack([flat * np.cos(tt), flat * np.sin(tt), zz], axis=-1).reshape(1, -1, 3))
    bands = torch.zeros(9, 27).double()
    bands[range(9), range(9)] = 1
    ones = torch.ones(1, normals.shape[1], 3).double()
    dark = lit(ones, normals, torch.zeros(1, 27).double())
    values = torch.stack([(lit(ones, normals, band[None]) - dark)[0, :, 0] for band in bands])
    product = values @ values.T * (4 * math.pi / normals.shape[1])
    first, second = 2 * math.pi / math.sqrt(3), 2 * math.pi / math.sqrt(8)

    strengths = torch.tensor([math.pi**2] + 3 * [first**2] + 5 * [second**2]).double()
    torch.testing.assert_close(product, torch.diag(strengths), atol=2e-3 * float(strengths.max()), rtol=0)


def test_light_belongs_to_its_colour(model):
    lighting = torch.zeros(1, 27)
    lighting[0, 9] = 1  # the constant band of green
    colour = lit(torch.ones(1, 4, 3), torch.eye(3)[[0, 1, 2, 2]][None], lighting)
    assert (colour[..., 1] > colour[..., 0] + 0.1).all()
    torch.testing.assert_close(colour[..., 0], colour[..., 2])


def test_a_surface_holds_together(model):
    c = random_coefficients(model)
    seen = surface(model, c)
    torch.testing.assert_close(seen.world, seen.shape @ seen.rotation + c.translation[:, None])
    torch.testing.assert_close(seen.normals.norm(dim=-1), torch.ones(2, 200))
    alone = surface(model, Coefficients.split(c.vector[1:], model.sizes))
    torch.testing.assert_close(seen.colour[1:], alone.colour)
    torch.testing.assert_close(seen.landmarks_px[1:], alone.landmarks_px)


def test_everything_is_differentiable():
    model = synthetic.model(4, 3)
    double = type(model)(
        *(
            tensor.double() if tensor.is_floating_point() else tensor
            for tensor in (getattr(model, name) for name in model.__dataclass_fields__)
        )
    )
    vector = random_coefficients(model, batch=1).vector.double().requires_grad_()
    weights = torch.randn(3, 12, 3, generator=torch.Generator().manual_seed(3)).double()

    def probe(vector):
        seen = surface(double, Coefficients.split(vector, double.sizes))
        return sum((w * x).sum() for w, x in zip(weights, (seen.colour, seen.world, seen.normals), strict=True)) + (
            seen.landmarks_px.sum() / 1000
        )

    assert torch.autograd.gradcheck(probe, vector, fast_mode=True)
