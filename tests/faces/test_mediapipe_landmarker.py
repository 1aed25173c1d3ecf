import json
import multiprocessing
import pickle
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest

from fsa_data import mesh, simdrive
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces import BLENDSHAPE_NAMES, load_landmarker, oval_mask
from fsa_data.mesh import NOSE_TIP
from fsa_data.types import BLENDSHAPES, LANDMARKS, Box, Landmarker


def same(one, other):
    return all(a.points_px.tobytes() == b.points_px.tobytes() for a, b in zip(one, other, strict=True))


def found_in_process(landmarker, image):
    return [(face.points_px, face.confidence) for face in landmarker(image)]


def test_a_portrait(landmarker, portrait):
    (face,) = landmarker(portrait)
    assert isinstance(landmarker, Landmarker)
    assert face.points_px.shape == (LANDMARKS, 3)
    assert face.points_px.dtype == np.float32
    assert face.blendshapes.shape == (BLENDSHAPES,) == (len(BLENDSHAPE_NAMES),)
    assert 0.85 < face.confidence <= 1
    # where anybody sees the face of this picture
    assert abs(face.box.x + face.box.w / 2 - 226) < 6
    assert abs(face.box.y + face.box.h / 2 - 125) < 8
    assert face.blendshapes[BLENDSHAPE_NAMES.index("mouthSmileLeft")] > 0.5
    nose = face.points_px[mesh.NOSE_TIP, 2]
    assert nose < face.points_px[list(mesh.FACE_OVAL), 2].min()  # the nose is nearest: z grows away


def test_the_same_bytes_in_any_order(landmarker, portrait):
    other = np.ascontiguousarray(portrait[:, ::-1])
    first = landmarker(portrait)
    landmarker(other)
    landmarker(np.zeros((90, 120, 3), np.uint8))
    assert same(landmarker(portrait), first)
    assert same(load_landmarker()(portrait), first)


def test_points_scale_with_the_image(landmarker, portrait):
    (face,) = landmarker(portrait)
    (double,) = landmarker(cv2.resize(portrait, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    apart = np.abs(double.points_px[:, :2] - face.scaled(2, 2).points_px[:, :2])
    assert apart.max() < 0.03 * double.box.w


def test_the_sign_of_roll(landmarker, portrait):
    (upright,) = landmarker(portrait)
    centre = tuple(map(float, upright.points_px[NOSE_TIP, :2]))
    # OpenCV turns counter-clockwise by positive angles
    turned = cv2.warpAffine(portrait, cv2.getRotationMatrix2D(centre, -20, 1), portrait.shape[1::-1])
    (face,) = landmarker(turned)
    assert face.roll_deg - upright.roll_deg == pytest.approx(20, abs=3)


@pytest.mark.parametrize("yaw_deg", [-30, 0, 30])
@pytest.mark.parametrize("pitch_deg", [-12, 0, 20])
def test_the_pose_of_a_rendered_head(landmarker, yaw_deg, pitch_deg):
    (face,) = landmarker(simdrive.identity_photo(0, 51, yaw_deg, pitch_deg))
    assert face.yaw_deg == pytest.approx(yaw_deg, abs=9)
    assert face.pitch_deg == pytest.approx(pitch_deg, abs=8)
    assert face.roll_deg == pytest.approx(0, abs=6)


def test_a_small_face_is_found_at_the_second_look(landmarker, portrait):
    small = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    frame = np.full((720, 1280, 3), 90, np.uint8)
    frame[100:400, 700:1000] = small
    assert load_landmarker(retry=False)(frame) == []
    (face,) = landmarker(frame)
    (alone,) = landmarker(small)
    moved = alone.moved(700, 100)
    assert np.abs(face.points_px[:, :2] - moved.points_px[:, :2]).max() < 0.06 * alone.box.w
    assert face.confidence > 0.5
    assert same(landmarker(frame), [face])


def test_several_faces_the_largest_first(landmarker, portrait):
    head = portrait[0:256, 96:352]
    frame = np.zeros((512, 800, 3), np.uint8)
    frame[100:356, 0:256] = head
    frame[56:456, 400:800] = cv2.resize(head, (400, 400))
    large, small = landmarker(frame)
    assert large.box.x > 400 > small.box.x + small.box.w
    assert load_landmarker(max_faces=1)(frame)[0].box.area in (large.box.area, small.box.area)


def test_the_oval_lies_on_the_face(landmarker, portrait):
    (face,) = landmarker(portrait)
    mask = oval_mask(face.points_px, Box(0, 0, 512, 512)) > 0
    skin = portrait[mask].mean(axis=0)
    assert skin[0] > skin[1] > skin[2] > 80


@pytest.mark.parametrize("image", [np.zeros((1, 1, 3), np.uint8), np.full((70, 500, 3), 255, np.uint8)])
def test_no_face_is_an_empty_list(landmarker, image):
    assert landmarker(image) == []


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))])
def test_only_rgb_bytes_are_images(landmarker, image):
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8 RGB; got"):
        landmarker(image)


def test_fingerprint_names_model_and_options(landmarker):
    facts = json.loads(landmarker.fingerprint)
    assert facts["model"].startswith("64184e22")
    assert load_landmarker().fingerprint == landmarker.fingerprint
    assert load_landmarker(min_confidence=0.6).fingerprint != landmarker.fingerprint


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_another_process_opens_its_own_and_finds_the_same(landmarker, portrait, method):
    (face,) = landmarker(portrait)  # open here, before the other process starts
    with multiprocessing.get_context(method).Pool(1) as pool:
        ((points, confidence),) = pool.apply(found_in_process, (landmarker, portrait))
    assert points.tobytes() == face.points_px.tobytes()
    assert confidence == face.confidence
    assert same(landmarker(portrait), [face])


def test_closing_and_pickling_leave_it_usable(portrait):
    mine = load_landmarker()
    first = mine(portrait)
    copy = pickle.loads(pickle.dumps(mine))
    mine.close()
    mine.close()
    assert same(mine(portrait), first)
    assert same(copy(portrait), first)
    assert copy.fingerprint == mine.fingerprint


def test_a_process_says_nothing_on_stderr():
    code = (
        "from fsa_data.faces import load_landmarker; from fsa_data.sources import load_source; import numpy;"
        "find = load_landmarker(); nobody = numpy.zeros((99, 99, 3), 'uint8');"
        "print(len(find(nobody)), len(find(load_source('portraits').photos[0].load())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0 1\n", "")


def test_wrong_names_and_options():
    with pytest.raises(UnknownNameError, match="Did you mean 'mediapipe'"):
        load_landmarker("mediapip")
    with pytest.raises(ConfigError, match="size"):
        load_landmarker(size=3)
    with pytest.raises(ConfigError, match="max_faces must be at least 1"):
        load_landmarker(max_faces=0)
    with pytest.raises(ConfigError, match="min_confidence must lie between 0 and 1"):
        load_landmarker(min_confidence=1.5)


def test_a_landmarker_in_a_cycle_is_collected_without_waiting_for_ever(tmp_path):
    script = """
        import gc
        from fsa_data.faces import load_landmarker
        from fsa_data.sources import load_source

        image = load_source("portraits").photos[0].load()
        for _ in range(3):
            landmarker = load_landmarker()
            assert landmarker(image)
            task = landmarker._landmarks
            task.cycle = task
            del landmarker, task
            gc.collect()
        print("done")
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.stdout == "done\n", ran.stderr


def test_a_landmarker_may_be_collected_while_a_pool_of_threads_is_locked():
    """The garbage collector may run anywhere, for example while the next landmarker starts its thread."""
    script = """
        from concurrent.futures.thread import _global_shutdown_lock
        from fsa_data.faces import load_landmarker, mediapipe_landmarker
        from fsa_data.sources import load_source

        image = load_source("portraits").photos[0].load()
        first, second = load_landmarker(), load_landmarker()
        assert first(image) and second(image)
        with _global_shutdown_lock:
            del second
        third = load_landmarker()
        assert third(image)
        print(len(mediapipe_landmarker._OPEN))
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.stdout == "4\n", ran.stderr  # two networks each of the first and the third
