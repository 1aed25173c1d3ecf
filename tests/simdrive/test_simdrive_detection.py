"""A real landmarker finds the drawn faces, where they are and turned as they are."""

import numpy as np
import pytest

from fsa_data import weights
from fsa_data.simdrive import CLASSES, identity_photo, identity_photo_landmarks, render_frame

HARD = ("C07", "C12", "C13")  # profiles


@pytest.fixture(scope="module")
def find():
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(weights.resolve("face_landmarker"))),
        num_faces=1,
        min_face_detection_confidence=0.4,
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:

        def points_px(image):
            """(468, 2) pixels, or None."""
            found = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image))
            if not found.face_landmarks:
                return None
            height, width = image.shape[:2]
            return np.array([(p.x * width, p.y * height) for p in found.face_landmarks[0]])[:468]

        yield points_px


def test_faces_are_found_where_they_are(find):
    found, error = {}, []
    for code, label in enumerate(CLASSES):
        for number in (0, 3):
            frame = render_frame(0, (code + number) % 6, label, number)
            points = find(frame.image)
            found.setdefault(label, []).append(points is not None)
            if points is not None and label not in HARD:
                error.append(np.linalg.norm(points - frame.landmarks_px[:, :2], axis=1).mean())
    assert all(all(hits) for label, hits in found.items() if label not in HARD), found
    assert np.mean([hit for hits in found.values() for hit in hits]) >= 0.9
    assert np.median(error) < 3.5  # of a face 80 pixels wide


def test_every_portrait_is_found(find):
    for index in (50, 51, 52):
        for yaw_deg, pitch_deg in ((-40, 0), (0, 0), (40, 0), (20, 15), (0, -15)):
            points = find(identity_photo(0, index, yaw_deg, pitch_deg))
            assert points is not None, (index, yaw_deg, pitch_deg)
            truth = identity_photo_landmarks(0, index, yaw_deg, pitch_deg)[:, :2]
            assert np.linalg.norm(points - truth, axis=1).mean() < 12
