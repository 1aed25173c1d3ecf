import json
import multiprocessing
import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest
from donor_parts import renamed

from fsa_data.engines import MeshWarp, load_engine
from fsa_data.engines.texture import make_texture
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces import eyes_mask, load_landmarker, mouth_mask, oval_mask
from fsa_data.merge import MergeOptions
from fsa_data.types import Reason, SourceFace, SwapEngine, paste

PARAMS = {"seed": 0, "slot": 0}
PLAIN = MeshWarp(merge=MergeOptions(occluders=False))
"""Takes paint on a donor for a part of the face."""


@pytest.fixture(scope="module")
def engine():
    return MeshWarp()


@pytest.fixture(scope="module")
def swap(engine, driver, portraits):
    return engine.swap(*driver, portraits, PARAMS)


def swapped_elsewhere(engine, frame, face, donors):
    return engine.swap(frame, face, donors, PARAMS)


def test_a_swap(engine, driver, portraits, swap):
    frame, face = driver
    assert isinstance(engine, SwapEngine)
    assert swap.reason is Reason.SWAPPED
    assert swap.source_identity in {donor.identity for donor in portraits}
    assert swap.notes["donor"] in {donor.digest for donor in portraits}
    assert swap.notes["pose_distance_deg"] > 0
    json.dumps(swap.notes)
    assert swap.box.clipped(*frame.shape[:2]) == swap.box
    assert swap.box.area <= 2 * face.box.area
    assert swap.patch.shape == (swap.box.h, swap.box.w, 3)
    assert swap.patch.dtype == np.uint8


def test_the_face_changes_and_nothing_else_does(driver, swap):
    frame, face = driver
    out = paste(frame, swap.box, swap.patch)
    changed = np.abs(out.astype(int) - frame).max(axis=2)
    outside = np.ones(frame.shape[:2], bool)
    outside[swap.box.slices] = False
    assert changed[outside].max() == 0
    hull = oval_mask(face.points_px, swap.box)
    assert changed[swap.box.slices][hull == 0].max() <= 1
    assert changed[swap.box.slices][hull > 250].mean() > 5


def test_no_seam_along_the_outline(driver, swap):
    """Around the outline the step between neighbours is hardly larger than in the frame itself."""
    frame, face = driver
    out = paste(frame, swap.box, swap.patch).astype(np.float32)
    hull = oval_mask(face.points_px, swap.box) > 127
    rim = np.zeros(frame.shape[:2], bool)
    rim[swap.box.slices] = (
        cv2.dilate(hull.astype(np.uint8), None, iterations=1) - cv2.erode(hull.astype(np.uint8), None, iterations=2) > 0
    )
    step = [np.abs(np.diff(image, axis=1)).mean(axis=2)[rim[:, 1:]].mean() for image in (frame.astype(np.float32), out)]
    assert step[1] < 1.15 * step[0]


def test_eyes_and_mouth_stay_the_targets(driver, swap):
    frame, face = driver
    before = frame[swap.box.slices].astype(int)
    for region in (eyes_mask(face.points_px, swap.box), mouth_mask(face.points_px, swap.box)):
        deep = cv2.erode(region, np.ones((3, 3), np.uint8)) > 250
        if deep.any():
            assert np.abs(swap.patch.astype(int) - before)[deep].mean() < 4


def test_head_pose_and_mouth_are_kept(driver, swap):
    frame, face = driver
    (again,) = load_landmarker()(paste(frame, swap.box, swap.patch))
    assert again.yaw_deg == pytest.approx(face.yaw_deg, abs=4)
    assert again.pitch_deg == pytest.approx(face.pitch_deg, abs=5)
    assert np.abs(again.points_px - face.points_px)[:468, :2].mean() < 0.03 * face.box.w


@pytest.mark.parametrize("light", [1.0, 0.4])
def test_tone_follows_the_target(driver, portraits, light):
    frame, face = (driver[0] * light).astype(np.uint8), driver[1]
    for donor in portraits:
        swap = MeshWarp().swap(frame, face, [donor], PARAMS)
        hull = oval_mask(face.points_px, swap.box) > 250
        before, after = (image[hull].mean(axis=0) for image in (frame[swap.box.slices], swap.patch))
        np.testing.assert_allclose(after, before, rtol=0.12)
        kept = load_engine("mesh_warp", merge={"colour": 0}).swap(frame, face, [donor], PARAMS).patch
        assert np.abs(kept[hull].mean(axis=0) - before).max() > 2 * np.abs(after - before).max()


def test_a_face_put_on_itself_hardly_changes(portraits):
    for donor in portraits:
        swap = MeshWarp().swap(donor.image, donor.face, [donor], PARAMS)
        hull = oval_mask(donor.face.points_px, swap.box) > 0
        apart = np.abs(swap.patch.astype(int) - donor.image[swap.box.slices])[hull]
        assert apart.mean() < 2


def test_the_donor_shows(driver, portraits):
    """Marks painted on a donor's cheeks appear on the target's cheeks."""
    donor = portraits[0]
    painted = donor.image.copy()
    for vertex in (50, 280):
        centre = tuple(map(int, donor.face.points_px[vertex, :2]))
        cv2.circle(painted, centre, int(0.05 * donor.face.box.w), (0, 0, 255), -1)
    frame, face = driver
    plain, marked = (
        PLAIN.swap(frame, face, [replace(donor, image=image, digest=str(k))], PARAMS)
        for k, image in enumerate((donor.image, painted))
    )
    bluer = marked.patch[..., 2].astype(int) - plain.patch[..., 2]
    row, column = np.unravel_index(cv2.blur(bluer.astype(np.float32), (3, 3)).argmax(), bluer.shape)
    apart = np.hypot(*(face.points_px[[50, 280], :2] - [column + plain.box.x, row + plain.box.y]).T)
    assert apart.min() < 0.06 * face.box.w
    assert bluer.max() > 20


def test_hidden_skin_comes_from_the_other_side(driver, portraits):
    """A donor whose photo ends beside the nose: its missing cheek is the mirrored other one, mark and all."""
    donor = portraits[0]
    edge = int(donor.face.points_px[168, 0] - 0.25 * donor.face.box.w)
    painted = donor.image.copy()
    cv2.circle(painted, tuple(map(int, donor.face.points_px[280, :2])), int(0.05 * donor.face.box.w), (0, 0, 255), -1)
    face = donor.face.moved(-edge, 0)
    plain, marked = (
        replace(donor, image=np.ascontiguousarray(image[:, edge:]), face=face, digest=name)
        for name, image in (("plain", donor.image), ("marked", painted))
    )
    texture = make_texture(marked, occluders=False)
    assert texture.own[123] == 0  # right cheekbone, cut away
    assert texture.own[352] > 0.9  # left one
    assert texture.shown[123] == texture.shown[352] > 0.5
    frame, target = driver
    swaps = [PLAIN.swap(frame, target, [each], PARAMS) for each in (plain, marked)]
    bluer = swaps[1].patch[..., 2].astype(int) - swaps[0].patch[..., 2]
    for cheek in (50, 280):
        column, row = (target.points_px[cheek, :2] - [swaps[0].box.x, swaps[0].box.y]).astype(int)
        assert bluer[row - 3 : row + 4, column - 3 : column + 4].max() > 15


def test_equal_inputs_give_equal_bytes(driver, portraits, swap):
    frame, face = driver
    before = frame.copy()
    engine = MeshWarp()
    for donors in (portraits, portraits[::-1]):
        again = engine.swap(frame, face, donors, PARAMS)
        assert again.patch.tobytes() == swap.patch.tobytes()
        assert again.notes == swap.notes
    np.testing.assert_array_equal(frame, before)


def test_a_spawned_process_gives_the_same_bytes(engine, driver, portraits, swap):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(swapped_elsewhere, (engine, *driver, portraits))
    assert there.patch.tobytes() == swap.patch.tobytes()
    assert pickle.loads(pickle.dumps(engine)).fingerprint == engine.fingerprint


def test_the_same_digest_with_other_landmarks_is_another_face(driver, portraits):
    donor = portraits[0]
    other = SourceFace(donor.identity, donor.digest, donor.image, donor.face.moved(6, 0), donor.provenance)
    engine = MeshWarp()
    one, two = (engine.swap(*driver, [each], PARAMS).patch for each in (donor, other))
    assert one.tobytes() != two.tobytes()
    assert engine.swap(*driver, [donor], PARAMS).patch.tobytes() == one.tobytes()


def test_only_given_identities_are_worn(driver, portraits):
    people = [renamed(portraits[0], f"p{k}") for k in range(5)]
    for seed in range(10):
        worn = MeshWarp().swap(*driver, people[:3], {"seed": seed, "slot": 0}).source_identity
        assert worn in {"p0", "p1", "p2"}
    slots = {MeshWarp().swap(*driver, people, {"seed": 1, "slot": slot}).source_identity for slot in range(5)}
    assert len(slots) == 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"yaw_deg": 56.0}, Reason.PROFILE),
        ({"yaw_deg": -56.0}, Reason.PROFILE),
        ({"pitch_deg": 51.0}, Reason.PROFILE),
        ({"confidence": 0.3}, Reason.LOW_CONFIDENCE),
    ],
)
def test_limits(engine, driver, portraits, change, reason):
    frame, face = driver
    declined = engine.swap(frame, replace(face, **change), portraits, PARAMS)
    assert declined.reason is reason
    assert (declined.box, declined.patch, declined.source_identity) == (None, None, "")
    assert not declined.swapped


def test_small_faces_and_faces_beyond_the_frame(engine, driver, portraits):
    frame, face = driver
    tiny = engine.swap(frame, face.scaled(0.2, 0.2), portraits, PARAMS)
    assert tiny.reason is Reason.TOO_SMALL
    out = engine.swap(frame, face.moved(-face.box.x - 0.5 * face.box.w, 0), portraits, PARAMS)
    assert out.reason is Reason.OUT_OF_FRAME
    gone = engine.swap(frame, face.moved(1000, 0), portraits, PARAMS)
    assert gone.reason is Reason.OUT_OF_FRAME
    assert engine.swap(frame, face, [], PARAMS).reason is Reason.NO_DONOR
    assert load_engine("mesh_warp", {"max_yaw_deg": 5}).swap(frame, face, portraits, PARAMS).reason is Reason.PROFILE


def test_a_face_partly_outside_is_swapped_inside(engine, driver, portraits):
    frame, face = driver
    x = face.box.x + face.box.w // 6
    part = engine.swap(np.ascontiguousarray(frame[:, x:]), face.moved(-x, 0), portraits, PARAMS)
    assert part.swapped
    assert part.box.x == 0
    # at the frame's edge the face goes on: no soft edge there
    changed = np.abs(part.patch.astype(int) - frame[:, x:][part.box.slices]).max(axis=2)
    middle = slice(part.box.h // 3, 2 * part.box.h // 3)
    assert changed[middle, 0].mean() > 0.2 * changed[middle, 10:30].mean()


def test_fingerprint_covers_options_and_merging():
    base = MeshWarp().fingerprint
    json.dumps(base)
    assert base["engine"] == "mesh_warp"
    for options, merge in (({"max_yaw_deg": 50}, None), ({"tone": "any"}, None), (None, {"feather": 0.2})):
        assert load_engine("mesh_warp", options, merge).fingerprint != base
    assert load_engine("mesh_warp", {}, {}).fingerprint == base
    assert MeshWarp().trained_on == frozenset()


@pytest.mark.parametrize(
    ("spec", "options", "merge", "error", "message"),
    [
        ("mesh_wrap", None, None, UnknownNameError, "Did you mean 'mesh_warp'"),
        ("mesh_warp:DIR", None, None, ConfigError, "expected 'mesh_warp'"),
        ("mesh_warp", {"yaw": 3}, None, ConfigError, r"no option 'yaw'. Known: max_outside"),
        ("mesh_warp", {"tone": "far"}, None, ConfigError, "tone must be 'near' or 'any', got 'far'"),
        ("mesh_warp", {"min_size_px": -1}, None, ConfigError, "min_size_px must be at least 0, got -1"),
        ("mesh_warp", {"min_size_px": "big"}, None, ConfigError, "min_size_px must be at least 0, got 'big'"),
        ("mesh_warp", None, {"blur": 1}, ConfigError, "merge.blur belongs to DeepFaceLab's way"),
    ],
)
def test_what_cannot_be_an_engine(spec, options, merge, error, message):
    with pytest.raises(error, match=message):
        load_engine(spec, options, merge)
