import cv2
import numpy as np

from fsa_data.faces import load_landmarker, mediapipe_result


def test_both_ways_find_the_same(portrait):
    landmarker = load_landmarker()
    landmarker(portrait)
    two = np.zeros((512, 800, 3), np.uint8)
    two[100:356, 0:256] = portrait[0:256, 96:352]
    two[56:456, 400:800] = cv2.resize(portrait[0:256, 96:352], (400, 400))
    for image, count in ((portrait, 1), (two, 2), (np.zeros((90, 120, 3), np.uint8), 0)):
        picture = mediapipe_picture(image)
        fast = mediapipe_result._find_directly(landmarker._landmarks, picture)
        slow = mediapipe_result._find_by_wrapper(landmarker._landmarks, picture)
        assert len(fast) == count
        for one, other in zip(fast, slow, strict=True):
            for a, b in zip(one, other, strict=True):
                assert a.dtype == b.dtype == np.float32
                np.testing.assert_array_equal(a, b)


def test_the_installed_library_is_known_and_another_is_not(monkeypatch):
    from mediapipe.tasks.python.vision import face_landmarker

    assert mediapipe_result._is_known.__wrapped__()
    monkeypatch.setattr(face_landmarker, "_CTYPES_SIGNATURES", ())
    assert not mediapipe_result._is_known.__wrapped__()


def mediapipe_picture(image):
    import mediapipe

    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
