import json

import numpy as np
import PIL.Image
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from fsa_data import MaskDAR, SurgicalMask, load_source, mesh
from fsa_data.datasets.face_mask import COLOURS, PATTERNED, SHAPES, draw_params, wear
from fsa_data.datasets.face_mask.head import read_head
from fsa_data.datasets.surgical_mask import covered_share, may_wear
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces import load_landmarker, rotation_from_angles
from fsa_data.types import Box, Face, paste

SKIN = (198, 152, 128)


def drawn_face(yaw_deg=0.0, pitch_deg=0.0, size=256, skin=SKIN):
    """A face of one colour before a grey wall, with exact landmarks: the canonical mesh, turned."""
    face = mesh.face_mesh()
    scale = size / 24
    turned = scale * face.vertices_cm @ rotation_from_angles(yaw_deg, pitch_deg, 0).T
    points = np.zeros((478, 3), np.float32)
    points[: mesh.VERTICES] = turned * [1, -1, -1] + np.array([size / 2, size / 2, 0])
    points[mesh.VERTICES :] = points[[33, 263], :].mean(axis=0)
    image = np.full((size, size, 3), 120, np.uint8)
    covered = mesh.rasterise(points[: mesh.VERTICES], face.triangles, Box(0, 0, size, size)).triangle >= 0
    image[covered] = skin
    return image, Face(points, yaw_deg, pitch_deg, 0.0, np.zeros(52, np.float32), 0.9)


class Here:
    """Finds the face that it was told of."""

    fingerprint = "here"

    def __init__(self, *faces):
        self.faces = list(faces)

    def __call__(self, image, closely=True):
        return self.faces


def mask(shape="pleated", colour="light_blue", seed=1, **changed):
    return draw_params(seed, [shape], [colour]) | changed


def tensor(image):
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


@pytest.fixture(scope="module")
def portrait():
    """A photo of a bare face, and where its face is."""
    image = load_source("portraits").photos[0].load()
    return image, load_landmarker()(image)[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (-35, 0), (35, 0), (20, 15), (-50, 0), (0, -25)])
def test_nose_mouth_and_chin_are_covered_and_eyes_are_not(shape, yaw, pitch):
    image, face = drawn_face(yaw, pitch)
    worn = wear(image, face, mask(shape))
    after = paste(image, worn.box, worn.patch).astype(int)
    column, row = face.points_px[:, 0].astype(int), face.points_px[:, 1].astype(int)
    for vertex in (mesh.NOSE_TIP, 0, 17, 199):  # tip of the nose, upper and lower lip, chin
        red, green, blue = after[row[vertex], column[vertex]]
        assert blue > red + 15, vertex  # of the cloth: skin is redder than blue
        assert abs(int(blue) - green) < 60
    for vertex in (*mesh.RIGHT_EYE, *mesh.LEFT_EYE, 9, 151):  # eyes, forehead
        assert (after[row[vertex], column[vertex]] == image[row[vertex], column[vertex]]).all(), vertex


def test_everything_outside_the_mask_stays_bit_for_bit(portrait):
    image, face = portrait
    for seed in range(4):
        worn = wear(image, face, draw_params(seed, list(SHAPES), [*COLOURS, PATTERNED]))
        after = paste(image, worn.box, worn.patch)
        touched = np.zeros(image.shape[:2], bool)
        touched[worn.box.slices] = worn.touched
        assert (after[~touched] == image[~touched]).all()
        assert (after[touched] != image[touched]).any(axis=-1).mean() > 0.9
        assert 0.3 * face.box.area < touched.sum() < 0.8 * face.box.area
        assert not touched[: int(face.points_px[list(mesh.RIGHT_EYE), 1].mean()) - 30].any()


def test_the_edge_is_smooth(portrait):
    image, face = portrait
    worn = wear(image, face, mask())
    partly = (worn.alpha > 0.02) & (worn.alpha < 0.98)
    whole = worn.alpha >= 0.98
    # about one pixel of outline, not a hard step and not a wide blur
    outline = np.abs(np.diff(whole.astype(int), axis=0)).sum() + np.abs(np.diff(whole.astype(int), axis=1)).sum()
    assert 0.4 * outline < partly.sum() < 3 * outline


def test_a_mask_hides_what_it_turns_away_from():
    """Of a turned head the near half of the mask is wider; its middle follows the nose."""
    for yaw, near in ((35, slice(None, 128)), (-35, slice(128, None))):
        image, face = drawn_face(yaw)
        worn = wear(image, face, mask("pleated"))
        shown = np.zeros(image.shape[:2], np.float32)
        shown[worn.box.slices] = worn.alpha
        nose = int(face.points_px[mesh.NOSE_TIP, 0])
        sides = shown[:, :nose].sum(), shown[:, nose:].sum()
        assert (sides[0] > 2 * sides[1]) == (near == slice(None, 128))


def test_the_cloth_follows_the_light():
    """Under light that grows to the right the cloth grows lighter nearly as the skin does."""
    image, face = drawn_face()
    gradient = np.linspace(0.55, 1.25, image.shape[1])[None, :, None]
    middle = int(face.points_px[mesh.NOSE_TIP, 0])
    contrasts = []
    for picture in (image, np.clip(image * gradient, 0, 255).astype(np.uint8)):
        worn = wear(picture, face, mask("cloth", "grey", seed=3))
        after, solid = paste(picture, worn.box, worn.patch), np.zeros(image.shape[:2], bool)
        solid[worn.box.slices] = worn.alpha > 0.98
        sides = [(slice(None), slice(None, middle)), (slice(None), slice(middle, None))]
        contrasts += [
            shown[sides[1]][solid[sides[1]]].mean() / shown[sides[0]][solid[sides[0]]].mean()
            for shown in (after, picture)
        ]
    even, _, cloth, skin = contrasts
    assert even == pytest.approx(1, abs=0.05)
    assert skin > 1.15
    assert 1 + 0.6 * (skin - 1) < cloth < 1 + 1.6 * (skin - 1)


def test_dark_and_light_scenes_make_dark_and_light_masks():
    brightness = []
    for factor in (0.25, 0.5, 1.0):
        image, face = drawn_face()
        worn = wear((image * factor).astype(np.uint8), face, mask("cloth", "white"))
        brightness.append(worn.patch[worn.alpha > 0.98].mean())
    assert brightness[0] < 0.6 * brightness[1] < 0.5 * brightness[2] < 128


def test_the_head_frame_is_recovered():
    """A turned canonical face comes back as the canonical face, and goes back to where it was."""
    _, face = drawn_face(25, -10)
    head = read_head(face.points_px[: mesh.VERTICES])
    assert np.abs(head.face_cm - mesh.face_mesh().vertices_cm).max() < 1e-3
    assert np.abs(head.to_px(head.face_cm) - face.points_px[: mesh.VERTICES]).max() < 1e-2
    assert np.allclose(head.rotation, rotation_from_angles(25, -10, 0), atol=1e-4)
    heights = np.array([-9.4, -1.1, 2.4], np.float32)
    assert np.allclose(head.height(heights), heights, atol=0.02)


def test_params_are_json_and_replay(portrait):
    image, _ = portrait
    transform = SurgicalMask(p=1)
    params = transform.make_params([tensor(image)])
    again = json.loads(json.dumps(params))
    one, two = (transform.transform(tensor(image), p) for p in (params, again))
    assert torch.equal(one, two)
    assert not torch.equal(one, tensor(image))
    assert transform.make_params([tensor(image)]) != params  # seen once more
    assert torch.equal(SurgicalMask(p=1).transform(tensor(image), params), one)


def test_every_image_type_comes_back_as_it_went_in():
    image, face = drawn_face()
    kinds = (PIL.Image.fromarray(image), tensor(image), tv_tensors.Image(tensor(image)))
    results = [SurgicalMask(p=1, landmarker=Here(face))(kind) for kind in kinds]
    assert [type(result) for result in results] == [PIL.Image.Image, torch.Tensor, tv_tensors.Image]
    arrays = [np.asarray(results[0]), *(result.numpy().transpose(1, 2, 0) for result in results[1:])]
    assert np.array_equal(arrays[0], arrays[1])
    assert np.array_equal(arrays[1], arrays[2])
    assert not np.array_equal(arrays[0], image)


def test_the_image_stays_when_there_is_no_usable_face():
    image, face = drawn_face()
    profile = drawn_face(70)
    small, tiny = drawn_face(size=24)
    for picture, faces in ((image, []), (profile[0], [profile[1]]), (small, [tiny]), (image, [face.moved(-150, 0)])):
        assert torch.equal(SurgicalMask(p=1, landmarker=Here(*faces))(tensor(picture)), tensor(picture))


@pytest.mark.parametrize("colour", ["light_blue", "white", "pale_green", "pink", "navy"])
def test_nobody_wears_two(portrait, colour):
    image, face = portrait
    assert covered_share(image, face) < 0.1
    assert may_wear(image, face)
    worn = wear(image, face, mask(colour=colour))
    after = paste(image, worn.box, worn.patch)
    again = load_landmarker()(after)
    assert again
    assert not may_wear(after, again[0])


@pytest.mark.parametrize("at", [0, 1])
def test_the_upper_face_is_still_found(at):
    """The landmarker sees the eyes of a masked face where they were."""
    image = load_source("portraits").photos[at].load()
    face = load_landmarker()(image)[0]
    for shape in SHAPES:
        worn = wear(image, face, mask(shape, "white"))
        found = load_landmarker()(paste(image, worn.box, worn.patch))
        assert found, shape
        eyes = [*mesh.RIGHT_EYE, *mesh.LEFT_EYE]
        moved = np.linalg.norm(found[0].points_px[eyes, :2] - face.points_px[eyes, :2], axis=1)
        assert moved.mean() < 0.05 * face.box.w, shape


def test_draws_cover_what_was_asked_for():
    seen = [draw_params(seed, ["cup", "cloth"], ["black", PATTERNED]) for seed in range(60)]
    assert {one["shape"] for one in seen} == {"cup", "cloth"}
    assert {one["pattern"] for one in seen} == {"plain", "dots", "stripes", "checks", "print"}
    assert all(max(one["colour"]) < 80 for one in seen if one["pattern"] == "plain")


@pytest.mark.parametrize(("p", "low", "high"), [(0, 0, 0), (0.5, 70, 130), (1, 200, 200)])
def test_p_is_the_share_that_wears_one(p, low, high):
    transform = SurgicalMask(p=p)
    noise = [torch.from_numpy(np.random.default_rng(s).integers(0, 256, (3, 8, 8), np.uint8)) for s in range(200)]
    assert low <= sum(transform.make_params([one])["wear"] for one in noise) <= high


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"p": 2}, ConfigError, "probability"),
        ({"shapes": ["pleats"]}, UnknownNameError, "Did you mean 'pleated'"),
        ({"colours": ["whit"]}, UnknownNameError, "Did you mean 'white'"),
        ({"shapes": []}, ConfigError, "at least one shape"),
        ({"colours": "white"}, ConfigError, "a list of at least one colour"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        SurgicalMask(**options)


def test_refuses_what_is_no_rgb_image():
    with pytest.raises(ConfigError, match="SurgicalMask needs"):
        SurgicalMask()(torch.zeros(3, 8, 8))


def test_workers_make_the_same_samples(world):
    """In this process and in forked workers, over two epochs: the same masks, and others in the second epoch."""

    def epochs(workers):
        ds = MaskDAR(world.frames, transform=SurgicalMask(p=1, seed=2)).subset([0, 1, 2, 3])
        context = "fork" if workers else None
        loader = DataLoader(ds, batch_size=None, num_workers=workers, multiprocessing_context=context)
        return [[image for image, _ in loader] for _ in range(2)]

    plain = [MaskDAR(world.frames)[at][0] for at in range(4)]
    here, there = epochs(0), epochs(2)
    for one, two in zip(here, there, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(here[0], plain, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(*here, strict=True))


@pytest.mark.media
def test_real_people_wear_masks(media):
    landmarker = load_landmarker()
    names = sorted((media / "london" / "neutral").glob("*.jpg"))[::6]
    for at, name in enumerate(names):
        image = np.asarray(PIL.Image.open(name).convert("RGB"))
        face = landmarker(image)[0]
        assert may_wear(image, face), name
        worn = wear(image, face, mask(list(SHAPES)[at % 5], "light_blue", seed=at))
        after = paste(image, worn.box, worn.patch)
        x, y, _ = face.points_px[mesh.NOSE_TIP]
        red, _, blue = after[int(y), int(x)].astype(int)
        assert blue > red, name
        assert landmarker(after), name
