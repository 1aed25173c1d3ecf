import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError
from fsa_data.mesh import FACE_OVAL, NOSE_TIP
from fsa_data.simdrive import CLASSES, Part, identity_photo, identity_photo_landmarks, render_frame

PROPS = (Part.PHONE, Part.CUP, Part.BOTTLE, Part.LIPSTICK)


def _in_face(frame):
    """Mask of the face's outline, from the true vertices."""
    mask = np.zeros(frame.parts.shape, np.uint8)
    cv2.fillPoly(mask, [frame.landmarks_px[list(FACE_OVAL), :2].astype(np.int32)], 1)
    return mask.astype(bool)


@pytest.fixture(scope="module")
def safe():
    return render_frame(0, 0, "C00", 0)


def test_a_frame_is_what_it_says(safe):
    assert safe.image.shape == (288, 384, 3)
    assert safe.image.dtype == np.uint8
    assert safe.parts.shape == (288, 384)
    assert safe.parts.dtype == np.uint8
    assert set(np.unique(safe.parts)) <= {int(part) for part in Part}
    assert safe.landmarks_px.shape == (468, 3)
    assert 60 < np.ptp(safe.landmarks_px[:, 0]) < 100


def test_equal_arguments_give_equal_bytes(safe):
    again = render_frame(0, 0, "C00", 0)
    assert (again.image == safe.image).all()
    assert (again.parts == safe.parts).all()


@pytest.mark.parametrize("other", [(1, 0, "C00", 0), (0, 1, "C00", 0), (0, 0, "C11", 0), (0, 0, "C00", 1)])
def test_any_other_argument_gives_another_picture(safe, other):
    frame = render_frame(*other)
    # more than the sensor's noise
    blurred = [cv2.GaussianBlur(image, (0, 0), 3).astype(int) for image in (safe.image, frame.image)]
    assert np.abs(blurred[0] - blurred[1]).max() > 25


def test_frames_of_one_subject_show_one_person_in_one_car(safe):
    later = render_frame(0, 0, "C00", 4)
    corner = np.s_[200:, :40]  # the neighbour's seat, which nothing hides
    assert abs(safe.image[corner].mean() - later.image[corner].mean()) < 12
    face = [frame.image[frame.parts == Part.FACE].mean(0) for frame in (safe, later)]
    assert np.abs(face[0] - face[1]).max() < 25


def test_the_part_map_agrees_with_the_true_geometry(safe):
    x, y = safe.landmarks_px[NOSE_TIP, :2].astype(int)
    assert safe.parts[y, x] == Part.FACE
    inside = _in_face(safe)
    assert (safe.parts[inside] == Part.FACE).mean() > 0.9
    assert (safe.parts == Part.FACE).sum() < 1.15 * inside.sum()
    chin = int(safe.landmarks_px[152, 1])
    assert safe.parts[chin + 40, x] == Part.BODY
    assert safe.parts[5, 5] == Part.BACKGROUND
    assert (safe.parts == Part.WHEEL).any()


@pytest.mark.parametrize("index", [0, 1])
def test_what_is_drunk_from_hides_part_of_the_face(index):
    frames = [render_frame(0, index, "C06", number) for number in (0, 3, 6, 9)]
    hidden = [np.isin(frame.parts[_in_face(frame)], [Part.CUP, Part.BOTTLE]).mean() for frame in frames]
    assert max(hidden) > 0.05
    assert all(np.isin(frame.parts, PROPS).any() for frame in frames)


@pytest.mark.parametrize(("label", "right"), [("C01", True), ("C02", True), ("C03", False), ("C04", False)])
def test_phones_are_in_the_hand_that_the_class_names(label, right):
    frame = render_frame(0, 2, label, 0)
    column = np.nonzero(frame.parts == Part.PHONE)[1]
    assert len(column) > 60
    nose = frame.landmarks_px[NOSE_TIP, 0]
    assert (column.mean() < nose) == right


@pytest.mark.parametrize(("label", "sign"), [("C07", -1), ("C09", -1), ("C10", 1), ("C12", -1), ("C13", 1)])
def test_true_yaw_is_positive_to_the_right_of_the_image(label, sign):
    frame = render_frame(0, 4, label, 0)
    assert sign * frame.yaw_deg > 15
    edges = frame.landmarks_px[[234, 454], 0].mean()
    assert sign * (frame.landmarks_px[NOSE_TIP, 0] - edges) > 5


def test_looking_down_is_positive_pitch():
    assert render_frame(0, 0, "C11", 0).pitch_deg > render_frame(0, 0, "C14", 0).pitch_deg + 15


def test_masks_show_only_in_the_masked_condition(safe):
    masked = render_frame(0, 0, "C00", 0, masked=True)
    assert not (safe.parts == Part.MASK).any()
    assert (masked.landmarks_px == safe.landmarks_px).all()
    inside = _in_face(masked)
    assert 0.3 < (masked.parts[inside] == Part.MASK).mean() < 0.75
    for hidden in (NOSE_TIP, 13, 14):
        x, y = masked.landmarks_px[hidden, :2].astype(int)
        assert masked.parts[y, x] == Part.MASK
    eye_x, eye_y = masked.landmarks_px[159, :2].astype(int)
    assert masked.parts[eye_y, eye_x] == Part.FACE
    # all the rest of the scene is the same
    arms = [(frame.parts == Part.ARM) for frame in (safe, masked)]
    assert (arms[0] == arms[1]).all()


def test_every_class_can_be_drawn():
    for label in CLASSES:
        frame = render_frame(0, 5, label, 2)
        assert frame.image.std() > 20


def test_a_portrait_turns_with_its_yaw():
    noses = []
    for yaw_deg in (-40, -20, 0, 20, 40):
        points = identity_photo_landmarks(0, 51, yaw_deg, 0.0)
        noses.append(points[NOSE_TIP, 0] - points[[234, 454], 0].mean())
    assert (np.diff(noses) > 5).all()
    assert noses[0] == pytest.approx(-noses[-1], abs=3)
    level = [identity_photo_landmarks(0, 51, 0.0, pitch)[[NOSE_TIP, 234], 1] for pitch in (-20.0, 20.0)]
    assert np.diff(level[1]) < np.diff(level[0])  # looking down lowers the nose against the ears


def test_portraits_are_plain_and_the_same_each_time():
    photo = identity_photo(0, 50, 10.0, 5.0, 200)
    assert photo.shape == (200, 200, 3)
    assert photo.dtype == np.uint8
    assert (photo == identity_photo(0, 50, 10.0, 5.0, 200)).all()
    assert np.abs(photo[:12, :12].astype(int) - photo[0, 0]).max() < 30
    points = identity_photo_landmarks(0, 50, 10.0, 5.0, 200)
    assert (points[:, :2] > 0).all()
    assert (points[:, :2] < 200).all()
    assert np.ptp(points[:, 0]) > 80
    larger = identity_photo_landmarks(0, 50, 10.0, 5.0, 400)
    assert np.allclose(larger[:, :2], 2 * points[:, :2], atol=1e-2)


def test_portraits_of_other_people_differ():
    a, b = (identity_photo(0, index, 0.0, 0.0, 128).astype(int) for index in (50, 51))
    assert np.abs(a - b).mean() > 8


def test_a_portrait_of_no_size_is_refused():
    with pytest.raises(ConfigError, match="at least 32 pixels, got size_px=8"):
        identity_photo(0, 50, 0.0, 0.0, 8)
