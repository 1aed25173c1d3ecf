"""Alignment: similarities are recovered, face types are squares about the same middle, and pixels go there and back."""

import cv2
import numpy as np
import pytest
import torch

from fsa_data import simdrive
from fsa_data.engines.autoencoder import crop
from fsa_data.engines.autoencoder.face_tensors import align_faces
from fsa_data.errors import UnknownNameError
from fsa_data.faces import load_landmarker


def put_back(picture, matrix, width, height):
    """An aligned picture in the place it came from; 0 around it."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, crop._centred(matrix), (width, height), flags=flags)


def _turned(points, degrees, scale, shift):
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ rotation.T * scale + shift


@pytest.mark.parametrize("degrees", [0, 30, 170, -95])
def test_a_similarity_is_recovered(degrees):
    points = np.random.default_rng(0).random((33, 2))
    matrix = crop.similarity(points, _turned(points, degrees, 2.5, (3, -7)))
    np.testing.assert_allclose(crop.moved(points, matrix), _turned(points, degrees, 2.5, (3, -7)), atol=1e-5)
    back = crop.moved(crop.moved(points, matrix), crop.inverted(matrix))
    np.testing.assert_allclose(back, points, atol=1e-5)


def test_a_mirror_is_no_similarity():
    points = np.random.default_rng(0).random((33, 2))
    assert np.linalg.det(crop.similarity(points, points * (-1, 1))[:, :2]) > 0


def test_the_mean_face_is_upright_and_symmetric():
    mean = crop.mean_face()
    assert mean.shape == (33, 2)
    assert (mean[:10, 0].min(), mean[:10, 0].max()) == pytest.approx((0, 1), abs=0.02)
    assert mean[0, 0] + mean[9, 0] == pytest.approx(1, abs=1e-3)
    assert mean[:10, 1].max() < mean[31, 1]  # brows above the mouth


@pytest.mark.parametrize(
    ("face_type", "side", "up"), [("half_face", 1, 0), ("full_face", 1.5966, 0), ("whole_face", 2.1314, 0.07)]
)
def test_the_mean_face_fills_its_share(face_type, side, up):
    points = np.zeros((68, 2), np.float32)
    points[list(crop.INNER_68)] = crop.mean_face() * 100 + 40
    out = crop.moved(points, crop.crop_matrix(points, 128, face_type))[list(crop.INNER_68)] / 128
    np.testing.assert_allclose((out - 0.5) * side, crop.mean_face() - (0.5, 0.5 - up), atol=1e-3)


def test_unknown_face_type():
    with pytest.raises(UnknownNameError, match="Did you mean 'full_face'"):
        crop.crop_matrix(np.ones((68, 2), np.float32), 64, "full")


def test_pixels_go_there_and_back():
    image = simdrive.identity_photo(0, 3, 10, 0, 128)
    matrix = np.array([[0.9, 0.2, 5.0], [-0.2, 0.9, 20.0]])
    picture = crop.cut_out(image, matrix, 128)
    back = put_back(picture.astype(np.float32), matrix, 128, 128)
    inside = put_back(np.ones((128, 128), np.float32), matrix, 128, 128) > 0.999
    assert inside.mean() > 0.5
    assert np.abs(back - image)[inside].mean() < 3


def test_a_point_lands_where_the_matrix_says():
    """Points count from pixel edges: the square from 10 to 14 has its middle at 12 and becomes that from 23 to 31."""
    image = np.zeros((32, 32, 3), np.uint8)
    image[10:14, 10:14] = 240
    matrix = np.array([[2.0, 0, 3], [0, 2, 3]])
    weight = crop.cut_out(image, matrix, 64)[..., 0].astype(float)
    middle = (weight.sum(0) * (np.arange(64) + 0.5)).sum() / weight.sum()
    assert middle == pytest.approx(27, abs=0.02)
    back = put_back(weight.astype(np.float32), matrix, 32, 32)
    assert (back.sum(1) * (np.arange(32) + 0.5)).sum() / back.sum() == pytest.approx(12, abs=0.02)


def test_aligned_faces_lie_where_the_mean_face_does():
    landmarker = load_landmarker()
    pictures = [
        (image, landmarker(image)[0]) for image in (simdrive.identity_photo(0, 3, yaw, 0, 128) for yaw in (-20, 0))
    ]
    faces = align_faces(pictures, 64, "full_face", "three")
    assert faces.images.shape == (2, 3, 64, 64)
    assert faces.identities == {"three"}
    assert faces.yaw_deg[0] < faces.yaw_deg[1]
    middle = faces.masks[:, 0].float()
    rows = (middle.sum(2) * (0.5 + torch.arange(64))).sum(1) / middle.sum((1, 2))
    assert ((rows - 32).abs() < 6).all()
    assert 0.25 < (middle > 127).float().mean() < 0.7
    assert (faces.eyes_mouth > 0).float().mean() < 0.15
