"""Faces found once, for every test of this room."""

import pytest

from fsa_data import simdrive
from fsa_data.faces import load_landmarker
from fsa_data.sources import load_source


@pytest.fixture(scope="session")
def find():
    """``find(image)``: the face in a picture that shows one."""
    landmarker = load_landmarker()
    return lambda image: landmarker(image)[0]


@pytest.fixture(scope="session")
def portrait(find):
    """A portrait, ``(H, W, 3)``, and its face."""
    image = load_source("portraits").photos[0].load()
    return image, find(image)


@pytest.fixture(scope="session")
def turned(find):
    """Picture and face of one procedural person by yaw."""
    images = {yaw: simdrive.identity_photo(0, 51, float(yaw), 0.0, 256) for yaw in (-20, 0, 20)}
    return {yaw: (image, find(image)) for yaw, image in images.items()}
