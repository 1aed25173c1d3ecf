import numpy as np
import pytest

from fsa_data.errors import ConfigError
from fsa_data.mesh import LEFT_EYE, RIGHT_EYE
from fsa_data.mesh.expression import Expression, express, rest_face
from fsa_data.simdrive import subject_name
from fsa_data.simdrive.actions import ACTIONS, CLASSES, draw_clip, pose_of
from fsa_data.simdrive.face_shape import neutral_face
from fsa_data.simdrive.grips import GRIPS
from fsa_data.simdrive.identity import identity


def test_subject_names():
    assert subject_name(0, 3) == "sim0-03"
    assert subject_name(12, 50) == "sim12-50"


@pytest.mark.parametrize("seed", range(6))
def test_six_people_show_the_whole_spread(seed):
    people = [identity(seed, index) for index in range(6)]
    light = [float(person.tone.mean()) for person in people]
    assert max(light) > 180
    assert min(light) < 110
    assert np.diff(sorted(light)).min() > 4
    assert sum(person.feminine for person in people) == 3
    assert sum(person.glasses for person in people) == 2
    hair = [person.hair for person in people]
    assert "bald" in hair
    assert "long" in hair
    beards = [person.beard for person in people if not person.feminine]
    assert max(beards) > 0.9
    assert min(beards) == 0
    assert not any(person.beard for person in people if person.feminine)


def test_people_differ_and_are_always_the_same():
    faces = [neutral_face(identity(0, index)) for index in range(8)] + [neutral_face(identity(1, 0))]
    for a in range(len(faces)):
        for b in range(a):
            assert np.abs(faces[a] - faces[b]).max() > 0.3
    again = identity.__wrapped__(0, 3)
    assert again.shape == identity(0, 3).shape
    assert (again.tone == identity(0, 3).tone).all()


def test_negative_numbers_are_refused():
    with pytest.raises(ConfigError, match="start at 0, got seed=-1"):
        identity(-1, 0)


@pytest.mark.parametrize("index", range(8))
def test_faces_stay_faces(index):
    face, rest = neutral_face(identity(3, index)), rest_face()
    assert np.abs(face - rest).max() < 3.5  # cm
    eyes = [face[list(ring)].mean(0) for ring in (RIGHT_EYE, LEFT_EYE)]
    assert eyes[0][0] < -2 < 2 < eyes[1][0]
    assert face[1, 2] == pytest.approx(face[:, 2].max(), abs=0.6)  # the tip of the nose comes first
    assert face[13, 1] >= face[14, 1] - 0.05  # upper lip above the lower one


def test_no_movement_leaves_the_face_alone():
    rest = rest_face()
    assert np.allclose(express(rest, Expression()), rest)


def test_movements_move_what_they_should():
    rest = rest_face()
    yawn = express(rest, Expression(jaw=1.0))
    assert yawn[13, 1] - yawn[14, 1] > 3.0
    assert rest[152, 1] - yawn[152, 1] > 2.0
    forehead = rest[:, 1] > 2
    assert np.allclose(yawn[forehead], rest[forehead])
    shut = express(rest, Expression(blink=1.0))
    assert abs(shut[159, 1] - shut[145, 1]) < 0.1 < rest[159, 1] - rest[145, 1]
    assert np.allclose(shut[rest[:, 1] < 1], rest[rest[:, 1] < 1])
    smile = express(rest, Expression(smile=1.0))
    assert smile[61, 0] < rest[61, 0]
    assert smile[61, 1] > rest[61, 1]
    assert smile[291, 0] > rest[291, 0]
    raised = express(rest, Expression(brow=1.0))
    assert raised[105, 1] > rest[105, 1] + 0.3


def test_classes_are_maskdars_fifteen():
    assert tuple(ACTIONS) == CLASSES
    assert len(CLASSES) == 15
    named = {name for action in ACTIONS.values() for hand in (action.right, action.left) for name, _ in hand}
    assert named == set(GRIPS)


def _yaw(label):
    return np.mean([draw_clip(label, np.random.default_rng(n)).yaw_deg for n in range(40)])


def test_right_is_at_the_left_of_the_image():
    # the camera looks at the driver: what the driver does to the right has a negative yaw
    for right, left in (("C01", "C03"), ("C09", "C10"), ("C12", "C13")):
        assert _yaw(right) < -5
        assert _yaw(left) > 5
    assert _yaw("C07") < -50
    assert _yaw("C05") < -10
    rng = np.random.default_rng(0)
    assert draw_clip("C01", rng).hands[0] == draw_clip("C03", rng).hands[1] == "text"
    assert draw_clip("C02", rng).hands[0] == draw_clip("C04", rng).hands[1] == "phone"


def test_frames_of_a_clip_are_near_each_other_but_not_equal():
    poses = [pose_of("C00", np.random.default_rng(5), np.random.default_rng(n)) for n in range(30)]
    yaws = np.array([pose.yaw_deg for pose in poses])
    assert 1 < yaws.std() < 4
    assert np.ptp(yaws) < 11
    assert len({pose.hands for pose in poses}) == 1
