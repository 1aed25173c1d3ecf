import numpy as np
import pytest

from fsa_data import simdrive
from fsa_data.faces import load_landmarker
from fsa_data.sources import find_faces, load_source
from fsa_data.types import Face, Image, SourceFace


@pytest.fixture(scope="session")
def portraits() -> list[SourceFace]:
    return find_faces(load_source("portraits").photos, load_landmarker())


@pytest.fixture(scope="session")
def driver() -> tuple[Image, Face]:
    """A procedural face of about 90 px that looks a little to the side, and where it is."""
    image = simdrive.identity_photo(0, 3, -12, 4, 200)
    frame = np.full((288, 384, 3), 70, np.uint8)
    frame[60:260, 90:290] = image
    (face,) = load_landmarker()(frame)
    return frame, face
