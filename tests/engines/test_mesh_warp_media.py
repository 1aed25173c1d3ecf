"""On real people: what a swap must keep, and what it must change."""

import numpy as np
import pytest

from fsa_data.engines import MeshWarp
from fsa_data.faces import BLENDSHAPE_NAMES, load_landmarker, oval_mask
from fsa_data.frames import read_image
from fsa_data.sources import find_faces, load_source
from fsa_data.types import paste

pytestmark = pytest.mark.media

PEOPLE = ("p001", "p022", "p042", "p066", "p092", "p105", "p126", "p143")  # light and dark skin, beards, a fringe
SMILES = [BLENDSHAPE_NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]


@pytest.fixture(scope="module")
def landmarker():
    return load_landmarker()


@pytest.fixture(scope="module")
def london(media, landmarker):
    """Neutral and smiling face of each person."""
    paths = {mood: [f"image:{media}/london/{mood}/{name}.jpg" for name in PEOPLE] for mood in ("neutral", "smiling")}
    return {mood: find_faces(load_source(specs, {"views": False}).photos, landmarker) for mood, specs in paths.items()}


def test_everybody_is_found_upright_and_frontal(london):
    for faces in london.values():
        assert [face.identity for face in faces] == list(PEOPLE)
        for found in faces:
            assert abs(found.face.yaw_deg) < 8
            assert abs(found.face.roll_deg) < 8
            assert found.face.confidence > 0.7


def test_a_person_put_on_themselves_hardly_changes(london):
    for own in london["neutral"]:
        swap = MeshWarp().swap(own.image, own.face, [own], {"seed": 0, "slot": 0})
        hull = oval_mask(own.face.points_px, swap.box) > 0
        assert np.abs(swap.patch.astype(int) - own.image[swap.box.slices])[hull].mean() <= 4


def test_smiles_stay_smiles_and_another_person_is_worn(london, landmarker):
    engine, kept = MeshWarp(), []
    for seed, target in enumerate(london["smiling"]):
        donors = [face for face in london["neutral"] if face.identity != target.identity]
        swap = engine.swap(target.image, target.face, donors, {"seed": seed, "slot": 0})
        assert swap.source_identity != target.identity
        assert swap.box.area <= 2 * target.face.box.area
        (again,) = landmarker(paste(target.image, swap.box, swap.patch))
        kept.append((target.face.blendshapes[SMILES].mean(), again.blendshapes[SMILES].mean()))
        assert abs(again.blendshapes[25] - target.face.blendshapes[25]) < 0.1  # the jaw
    before, after = np.array(kept).T
    assert (after[before > 0.3] > 0.2).mean() >= 0.8
    assert after.mean() > 0.8 * before.mean()


def test_near_skin_tones_are_preferred(london):
    """Dark skin gets a donor of dark skin although most donors are light."""
    engine, worn = MeshWarp(), []
    for target in london["neutral"]:
        if target.identity in ("p042", "p126"):
            donors = [face for face in london["neutral"] if face.identity != target.identity]
            swaps = [engine.swap(target.image, target.face, donors, {"seed": s, "slot": 0}) for s in range(10)]
            worn += [swap.notes["tone_distance"] for swap in swaps]
    assert np.mean(np.array(worn) < 20) >= 0.7


def test_a_turning_head_is_swapped_throughout(media, london, landmarker):
    from fsa_data.frames import FrameRef, read_frame

    clip = str(media / "head_pose" / "female.mp4")
    yaws = []
    for index in range(0, 20, 4):
        frame = read_frame(FrameRef(clip, index))
        face = landmarker(frame)[0]
        swap = MeshWarp().swap(frame, face, london["neutral"], {"seed": 1, "slot": 0})
        assert swap.swapped
        again = landmarker(paste(frame, swap.box, swap.patch))[0]
        assert again.yaw_deg == pytest.approx(face.yaw_deg, abs=6)
        yaws.append(face.yaw_deg)
    assert min(yaws) < -30
    assert max(yaws) > 20


def test_photos_are_what_was_measured(media):
    assert read_image(media / "london" / "neutral" / "p001.jpg").shape == (512, 512, 3)
