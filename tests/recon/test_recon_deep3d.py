"""Photo to surface with a synthetic model and a network of random weights; the files and what is wrong with them."""

import numpy as np
import pytest
import scipy.io
import torch

from fsa_data import weights
from fsa_data.errors import MissingWeightsError, WrongWeightsError
from fsa_data.faces.points68 import points68
from fsa_data.mesh.obj import read_obj, write_obj
from fsa_data.nets.deep3d import ReconNetWrapper
from fsa_data.recon import align, deep3d
from fsa_data.recon.model_file import KEYS
from fsa_data.recon.morphable import Coefficients, surface
from tests.recon import synthetic


@pytest.fixture(scope="module")
def network():
    """A small network whose answers are small: about the mean face."""
    torch.manual_seed(0)
    network = ReconNetWrapper("resnet18").eval()
    for head in network.final_layers:
        torch.nn.init.normal_(head.weight, std=2e-3)
    return network


@pytest.fixture(scope="module")
def files(tmp_path_factory, network):
    """The weights directory of a user who has everything."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "deep3d").mkdir()
    optimiser = torch.optim.Adam(network.parameters())
    torch.save(
        {
            "net_recon": network.state_dict(),
            "opt_00": optimiser.state_dict(),
            "sched_00": torch.optim.lr_scheduler.StepLR(optimiser, 10, 0.2).state_dict(),
        },
        folder / weights.USERS["deep3d_network"].filename,
    )
    scipy.io.savemat(folder / weights.USERS["deep3d_model"].filename, synthetic.face_arrays())
    return folder


@pytest.fixture
def loaded(files, monkeypatch):
    monkeypatch.setenv("FSA_WEIGHTS", str(files))
    return deep3d.load_deep3d()


@pytest.fixture
def fitted(loaded, landmarker, portrait):
    (face,) = landmarker(portrait)
    return deep3d.regress(loaded, portrait, face), face


def test_the_network_is_that_of_the_checkpoint(loaded, network):
    for key, tensor in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[key], tensor), key
    assert not loaded.network.training


def test_photos_are_aligned_to_the_models_own_points_or_to_the_file(loaded, files, tmp_path):
    shape = loaded.model.mean_shape[loaded.model.keypoints].numpy()
    np.testing.assert_allclose(loaded.mean_points, align.five_points(shape))
    path = tmp_path / "similarity_Lm3D_all.mat"
    scipy.io.savemat(path, {"lm": shape * 1.5})
    other = deep3d.load_deep3d(alignment=path)
    np.testing.assert_allclose(other.mean_points, 1.5 * loaded.mean_points, rtol=1e-6)
    scipy.io.savemat(path, {"lm": shape[:5]})
    with pytest.raises(WrongWeightsError, match=r"similarity_Lm3D_all\.mat has no 'lm' of 68 x 3"):
        deep3d.load_deep3d(alignment=path)
    with pytest.raises(MissingWeightsError, match="similarity_Lm3D_all"):
        deep3d.load_deep3d(alignment=tmp_path / "nothing.mat")


def test_a_photo_becomes_coefficients(loaded, fitted, portrait):
    fit, face = fitted
    assert fit.coefficients.vector.shape == (1, 257)
    assert float(fit.coefficients.vector.abs().max()) > 0
    # the network sees the face as it saw those it was trained with: eyes level, in the middle, of a fixed size
    eyes = fit.cut.to_cut(align.flipped(points68(face.points_px), len(portrait)))[[36, 45]]
    assert 50 < eyes[0, 0] < eyes[1, 0] < 174
    crop = align.cut_out(portrait, fit.cut)
    with torch.no_grad():
        again = loaded.network(torch.from_numpy(crop).permute(2, 0, 1)[None] / 255)
    torch.testing.assert_close(fit.coefficients.vector, again)


def test_refining_brings_the_points_to_the_landmarks(loaded, fitted):
    fit, face = fitted
    wanted, size = points68(face.points_px), np.ptp(face.points_px[:, 0])

    def apart(fit):
        return np.linalg.norm(deep3d.landmarks_px(loaded, fit) - wanted, axis=1).mean() / size

    refined = deep3d.refine(loaded, fit, face)
    assert apart(refined) < 0.03
    assert apart(refined) < 0.5 * apart(fit)
    assert torch.equal(refined.coefficients.albedo, fit.coefficients.albedo)
    # the portrait smiles at the camera with her head tilted; its pose is found
    yaw = np.degrees(float(refined.coefficients.angles[0, 1]))
    roll = np.degrees(float(refined.coefficients.angles[0, 2]))
    assert yaw == pytest.approx(face.yaw_deg, abs=12)
    assert roll == pytest.approx(-face.roll_deg, abs=6)


def test_the_surface_faces_the_viewer_in_its_own_colour(loaded, fitted):
    fit, _ = fitted
    seen, model = surface(loaded.model, fit.coefficients), loaded.model
    mesh = deep3d.head_mesh(model, fit.coefficients)
    np.testing.assert_allclose(mesh.vertices, seen.shape[0], atol=1e-6)
    np.testing.assert_allclose(mesh.colours, seen.albedo[0] * 255, atol=0.51)
    assert (mesh.vertices.dtype, mesh.triangles.dtype, mesh.colours.dtype) == (np.float32, np.int32, np.uint8)
    posed = deep3d.head_mesh(model, fit.coefficients, pose="photo", colour="lit")
    np.testing.assert_allclose(posed.vertices, seen.world[0], atol=1e-6)
    np.testing.assert_allclose(posed.colours, seen.colour[0].clamp(0, 1) * 255, atol=0.51)
    with pytest.raises(ValueError, match="not 'side' and 'lit'"):
        deep3d.head_mesh(model, fit.coefficients, pose="side", colour="lit")


@pytest.mark.parametrize("wound", [1, -1])
def test_triangles_are_turned_outwards(wound):
    arrays = synthetic.arrays()
    model = synthetic.morphable_from_arrays({**arrays, "tri": arrays["tri"][:, ::wound]}, "the synthetic model")
    mesh = deep3d.head_mesh(model, Coefficients.zeros(model))
    first, second, third = (mesh.vertices[mesh.triangles[:, corner]] for corner in range(3))
    assert (np.cross(second - first, third - first)[:, 2] > 0).all()


def test_the_surface_goes_through_a_file(loaded, fitted, tmp_path):
    mesh = deep3d.head_mesh(loaded.model, fitted[0].coefficients)
    write_obj(tmp_path / "head.obj", mesh)
    np.testing.assert_array_equal(read_obj(tmp_path / "head.obj").colours, mesh.colours)


def test_coefficients_are_saved_as_the_original_saves_them(loaded, fitted, tmp_path):
    fit, _ = fitted
    scipy.io.savemat(tmp_path / "face.mat", deep3d.as_mat(loaded, fit))
    saved = scipy.io.loadmat(tmp_path / "face.mat")
    shapes = {"id": 80, "exp": 64, "tex": 80, "angle": 3, "gamma": 27, "trans": 3}
    assert {name: saved[name].shape for name in shapes} == {name: (1, size) for name, size in shapes.items()}
    vector = np.concatenate([saved[name] for name in shapes], axis=1)
    np.testing.assert_array_equal(vector, fit.coefficients.vector)
    points = surface(loaded.model, fit.coefficients).landmarks_px[0].numpy()
    np.testing.assert_allclose(saved["lm68"][0], points * [1, -1] + [0, 223], atol=1e-3)


@pytest.mark.parametrize("name", ["deep3d_network", "deep3d_model"])
def test_a_missing_file_says_what_to_put_where_and_what_serves_meanwhile(name, files, tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_WEIGHTS", str(tmp_path))
    (tmp_path / "deep3d").mkdir()
    for other in {"deep3d_network", "deep3d_model"} - {name}:
        filename = weights.USERS[other].filename
        (tmp_path / filename).symlink_to(files / filename)
    message = rf"{weights.USERS[name].filename} is missing .*github\.com/sicxu.* set FSA_WEIGHTS .*embedded reconstruc"
    with pytest.raises(MissingWeightsError, match=message):
        deep3d.load_deep3d()


def test_bases_of_other_sizes_than_the_networks(files, tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_WEIGHTS", str(files))
    arrays = synthetic.arrays()
    scipy.io.savemat(tmp_path / "model.mat", {**arrays, "exBase": arrays["exBase"][:, :46]})
    with pytest.raises(WrongWeightsError, match=r"\(80, 46, 80\) .*the network gives \(80, 64, 80\)"):
        deep3d.load_deep3d(morphable=tmp_path / "model.mat")


def without(state, key):
    return {k: v for k, v in state.items() if k != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"net_recon": without(s, "final_layers.3.bias")}, r"final_layers\.3\.bias is missing\.$"),
        (lambda s: {"net_recon": {**s, "more": torch.ones(1)}}, "more does not belong to it"),
        (
            lambda s: {"net_recon": {**s, "final_layers.1.weight": torch.zeros(46, 512, 1, 1)}},
            r"final_layers\.1\.weight has the shape \(46, 512, 1, 1\); expected \(64, 512, 1, 1\)",
        ),
        (lambda s: {"net_recon": {f"module.{k}": v for k, v in s.items()}}, "is missing.*, and 2.. more"),
        (lambda s: s, r"has no 'net_recon' \(it has: backbone\.conv1\.weight, "),
        (lambda s: [1, 2], r"has no 'net_recon' \(it has: list\)"),
    ],
)
def test_a_wrong_checkpoint_says_what_is_wrong(tmp_path, network, change, message):
    torch.save(change(dict(network.state_dict())), tmp_path / "epoch_20.pth")
    with pytest.raises(WrongWeightsError, match=message):
        deep3d.load_network(tmp_path / "epoch_20.pth")


class Hostile:
    """What must never run."""

    def __reduce__(self):
        return (print, ("this must not run",))


@pytest.mark.parametrize("content", [b"", b"no checkpoint", Hostile()])
def test_a_checkpoint_runs_no_code(tmp_path, content, capsys):
    path = tmp_path / "epoch_20.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save({"net_recon": content}, path)
    with pytest.raises(WrongWeightsError, match=r"epoch_20\.pth cannot be read as a checkpoint"):
        deep3d.load_network(path)
    assert "must not run" not in capsys.readouterr().out


def test_the_arrays_of_the_synthetic_model_are_those_of_the_file():
    assert set(synthetic.face_arrays()) == set(KEYS)
