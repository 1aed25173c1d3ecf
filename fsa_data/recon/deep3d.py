"""Deep3DFaceRecon: from one photo to a head surface, with the user's own weights and morphable model.

Deng et al., "Accurate 3D Face Reconstruction with Weakly-Supervised Learning" (CVPRW 2019). Neither the network's
weights nor the Basel model may be passed on, so both are looked for in the weights directory
(:data:`fsa_data.weights.USERS` says what they are called). T1 makes its views from the coloured surface that this
gives.

The original writes the surface in the photo's pose and with the photo's light in its colours; views drawn from that
are lit twice and turned by the photo's pose. :func:`head_mesh` by default gives the albedo alone, facing the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fsa_data import weights
from fsa_data.errors import MissingWeightsError, WrongWeightsError
from fsa_data.faces.points68 import points68
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.nets.deep3d import SPLIT, ReconNetWrapper
from fsa_data.recon import align
from fsa_data.recon.fit import fit_landmarks, landmarks_of
from fsa_data.recon.model_file import load_morphable, read_mat
from fsa_data.recon.morphable import Coefficients, MorphableModel, face_albedo, face_shape, surface
from fsa_data.types import Face, Floats, Image


@dataclass(frozen=True, slots=True, eq=False)
class Deep3D:
    """What a reconstruction needs.

    Attributes:
        network: photo to coefficients, in evaluation mode.
        model: coefficients to surface, on the network's device.
        mean_points: ``(5, 3)`` of the mean face, to which photos are aligned.
    """

    network: ReconNetWrapper
    model: MorphableModel
    mean_points: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFit:
    """One face as coefficients.

    Attributes:
        coefficients: a batch of one.
        cut: how the network's picture lies in the photo.
    """

    coefficients: Coefficients
    cut: align.Cut


def load_deep3d(
    checkpoint: str | Path | None = None,
    morphable: str | Path | None = None,
    alignment: str | Path | None = None,
    device: str = "cpu",
) -> Deep3D:
    """Read the user's files.

    Args:
        checkpoint: ``epoch_20.pth``; looked for in the weights directory if None, like the others.
        morphable: ``BFM_model_front.mat``.
        alignment: ``similarity_Lm3D_all.mat``; where there is none, the model's own key points serve.
        device: where to compute.

    Raises:
        MissingWeightsError: a file is not there; the message says how to come by it and where to put it.
        WrongWeightsError: a file is not what it should be.
    """
    files = weights.users_file("deep3d_network", checkpoint), weights.users_file("deep3d_model", morphable)
    model = load_morphable(files[1])
    if model.sizes != SPLIT[:3]:
        raise WrongWeightsError(
            f"{files[1]} has {model.sizes} identity, expression and albedo bases; the network gives {SPLIT[:3]}."
        )
    return Deep3D(load_network(files[0]).to(device), model.to(device), _mean_points(model, alignment))


def load_network(path: str | Path) -> ReconNetWrapper:
    """The regressor from its checkpoint: ``net_recon`` in it, ResNet-50 or ResNet-18 by its keys.

    Whatever else the checkpoint holds (optimiser, schedule) is left out; it is read without running code from it.

    Raises:
        WrongWeightsError: not such a checkpoint, or a key or shape differs; the message names it.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch passes on whatever its readers stumble over
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WrongWeightsError(
            f"{path} cannot be read as a checkpoint that holds nothing but tensors: {reason}"
        ) from error
    state = checkpoint.get("net_recon") if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict):
        got = ", ".join(map(str, list(checkpoint)[:6])) if isinstance(checkpoint, dict) else type(checkpoint).__name__
        raise WrongWeightsError(f"{path} has no 'net_recon' (it has: {got}); Deep3DFaceRecon's checkpoints do.")
    network = ReconNetWrapper("resnet50" if "backbone.layer1.0.conv3.weight" in state else "resnet18")
    _check_state(network.state_dict(), state, path)
    network.load_state_dict(state)
    return network.eval()


def _check_state(expected: dict[str, Any], state: dict[str, Any], path: str | Path) -> None:
    wrong = [f"{key} is missing" for key in expected if key not in state]
    wrong += [f"{key} does not belong to it" for key in state if key not in expected]
    wrong += [
        f"{key} has the shape {tuple(getattr(state[key], 'shape', ()))}; expected {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and getattr(state[key], "shape", None) != tensor.shape
    ]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise WrongWeightsError(f"{path}: 'net_recon' is not Deep3DFaceRecon's network: {', '.join(wrong[:3])}{more}.")


def _mean_points(model: MorphableModel, alignment: str | Path | None) -> NDArray[np.float64]:
    """Five points of the mean face: of the file that the network was trained with, else of the model."""
    try:
        path = weights.users_file("deep3d_alignment", alignment)
    except MissingWeightsError:
        if alignment is not None:
            raise
        return align.five_points(model.mean_shape[model.keypoints].cpu().numpy())
    points = np.asarray(read_mat(path).get("lm"))
    if points.shape != (68, 3) or points.dtype.kind != "f" or not np.isfinite(points).all():
        raise WrongWeightsError(f"{path} has no 'lm' of 68 x 3 finite numbers; similarity_Lm3D_all.mat has.")
    return align.five_points(points)


def regress(deep3d: Deep3D, image: Image, face: Face) -> PhotoFit:
    """What the network says of a face.

    Args:
        deep3d: from :func:`load_deep3d`.
        image: ``(H, W, 3)`` uint8 RGB.
        face: the face in it.

    Raises:
        ValueError: the face's points give no place to cut (they lie on one spot).
    """
    height, width = image.shape[:2]
    five = align.five_points(align.flipped(points68(face.points_px), height))
    cut = align.place(five, deep3d.mean_points, width, height)
    device = deep3d.model.mean_shape.device
    pixels = torch.from_numpy(align.cut_out(image, cut)).to(device).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        vector = deep3d.network(pixels)
    return PhotoFit(Coefficients.split(vector.clone(), deep3d.model.sizes), cut)


def refine(deep3d: Deep3D, fit: PhotoFit, face: Face, steps: int = 20) -> PhotoFit:
    """Bring the surface's 68 points closer to the landmarks; pose, identity and expression change.

    Args:
        deep3d: from :func:`load_deep3d`.
        fit: from :func:`regress` for the same face.
        face: its landmarks.
        steps: see :func:`fsa_data.recon.fit.fit_landmarks`.
    """
    seen = fit.cut.to_cut(align.flipped(points68(face.points_px), fit.cut.height))
    landmarks = torch.from_numpy(seen)[None].to(deep3d.model.mean_shape.device)
    return replace(fit, coefficients=fit_landmarks(deep3d.model, landmarks, fit.coefficients, steps))


def landmarks_px(deep3d: Deep3D, fit: PhotoFit) -> Floats:
    """The 68 points of the surface in the photo, ``(68, 2)`` float32 pixels."""
    points = landmarks_of(deep3d.model, fit.coefficients)[0].cpu().numpy()
    return align.unflipped(fit.cut.to_photo(points), fit.cut.height)


def head_mesh(
    model: MorphableModel,
    coefficients: Coefficients,
    pose: Literal["frontal", "photo"] = "frontal",
    colour: Literal["albedo", "lit"] = "albedo",
) -> ColouredMesh:
    """The surface of one face.

    Args:
        model: the morphable model.
        coefficients: a batch of one.
        pose: ``frontal`` faces the viewer from the origin; ``photo`` keeps the photo's rotation and place, as the
            original's ``.obj`` does.
        colour: ``albedo`` is the skin's own; ``lit`` has the photo's light in it, as the original's.

    Returns:
        Decimetres; its triangles are turned outwards, whichever way the file has them.
    """
    if pose not in ("frontal", "photo") or colour not in ("albedo", "lit"):
        raise ValueError(f"pose is frontal or photo and colour albedo or lit, not {pose!r} and {colour!r}.")
    with torch.no_grad():
        if pose == "photo" or colour == "lit":
            seen = surface(model, coefficients)
            vertices = seen.world if pose == "photo" else seen.shape
            colours = seen.colour if colour == "lit" else seen.albedo
        else:
            vertices = face_shape(model, coefficients.identity, coefficients.expression)
            colours = face_albedo(model, coefficients.albedo)
    bytes_ = (colours[0].clamp(0, 1) * 255).round().to(torch.uint8)
    return ColouredMesh(vertices[0].float().cpu().numpy(), _outward(model), bytes_.cpu().numpy())


def _outward(model: MorphableModel) -> NDArray[np.int32]:
    """Triangles counter-clockwise seen from outside.

    The face is a bowl open to the back: seen from the front it has more area facing the viewer than facing away, if
    its triangles are wound like that.
    """
    first, second, third = (model.mean_shape[model.triangles[:, corner], :2] for corner in range(3))
    one, two = second - first, third - first
    facing = (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]).sum()
    triangles = model.triangles if facing >= 0 else model.triangles.flip(1)
    return triangles.cpu().numpy().astype(np.int32)


def as_mat(deep3d: Deep3D, fit: PhotoFit) -> dict[str, NDArray[np.float32]]:
    """Coefficients under the names that the original saves, for ``scipy.io.savemat``.

    Returns:
        ``id, exp, tex, angle, gamma, trans`` ``(1, n)`` and ``lm68`` ``(1, 68, 2)``: points in the 224 x 224 cut, the
        first pixel's centre at 0, y down.
    """
    c = fit.coefficients
    parts = {
        **{"id": c.identity, "exp": c.expression, "tex": c.albedo},
        **{"angle": c.angles, "gamma": c.lighting, "trans": c.translation},
    }
    out = {name: tensor.detach().cpu().numpy().astype(np.float32) for name, tensor in parts.items()}
    points = landmarks_of(deep3d.model, c)[0].detach().cpu().numpy()
    down = np.stack([points[:, 0], align.CROP_PX - 1 - points[:, 1]], axis=1)
    return {**out, "lm68": down[None].astype(np.float32)}
