import numpy as np
import pytest

from fsa_data.faces import MediapipeLandmarker
from fsa_data.sources import load_source
from fsa_data.types import Image


@pytest.fixture(scope="session")
def landmarker() -> MediapipeLandmarker:
    return MediapipeLandmarker()


@pytest.fixture(scope="session")
def portrait() -> Image:
    image = load_source("portraits").photos[0].load()
    assert image.dtype == np.uint8
    return image
