"""Reading ``BFM_model_front.mat``, the morphable model as Deep3DFaceRecon's converter writes it.

The file is made from the Basel Face Model 2009 and may not be passed on: it is the user's own. Every array is looked
at before it is used, so that a wrong or half-converted file says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsa_data.errors import WrongWeightsError
from fsa_data.recon.morphable import MorphableModel

KEYS = (
    *("meanshape", "idBase", "exBase", "meantex", "texBase"),
    *("tri", "point_buf", "keypoints", "frontmask2_idx", "tri_mask2", "skinmask"),
)
"""Arrays that the file must have."""


def load_morphable(path: str | Path) -> MorphableModel:
    """Read and check the model.

    Args:
        path: a ``.mat`` file (MATLAB 5 format) with the arrays of :data:`KEYS`; indices in it count from 1.

    Returns:
        The model on the CPU: float32, indices from 0, its mean vertex in the origin.

    Raises:
        WrongWeightsError: not such a file, an array is missing, or one has a wrong shape, type or range.
    """
    return morphable_from_arrays(read_mat(path), str(path))


def read_mat(path: str | Path) -> Mapping[str, Any]:
    """Arrays of a ``.mat`` file by name.

    Raises:
        WrongWeightsError: it cannot be read.
    """
    import scipy.io

    try:
        arrays: Mapping[str, Any] = scipy.io.loadmat(str(path))
    except NotImplementedError as error:
        raise WrongWeightsError(f"{path} is a MATLAB 7.3 file; save it with `save(..., '-v7')`.") from error
    except Exception as error:  # scipy passes on whatever its parser stumbles over
        raise WrongWeightsError(f"{path} cannot be read as a MATLAB file: {error or type(error).__name__}.") from error
    return arrays


def morphable_from_arrays(arrays: Mapping[str, Any], where: str, centred: bool = True) -> MorphableModel:
    """The model from the arrays of the file.

    Args:
        arrays: by the names of :data:`KEYS`.
        where: what to call them in errors.
        centred: whether to move the mean vertex to the origin, as the published network expects it.

    Raises:
        WrongWeightsError: see :func:`load_morphable`.
    """
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        got = ", ".join(sorted(key for key in arrays if not key.startswith("__"))) or "nothing"
        raise WrongWeightsError(
            f"{where} has no {', '.join(missing)} (it has: {got}). BFM_model_front.mat is written by the converter "
            "of Deep3DFaceRecon_pytorch; 01_MorphableModel.mat itself is not yet it."
        )
    check = _Checked(arrays, where)
    mean = check.floats("meanshape", (1, -1))
    if mean.shape[1] == 0 or mean.shape[1] % 3:
        raise WrongWeightsError(f"{where}: meanshape has {mean.shape[1]} numbers; expected 3 for each vertex.")
    length = mean.shape[1]
    vertices = length // 3
    triangles = check.indices("tri", (-1, 3), vertices)
    faces = len(triangles)
    shape = mean.reshape(-1, 3)
    return MorphableModel(
        mean_shape=torch.from_numpy(shape - shape.mean(axis=0, keepdims=True) if centred else shape),
        identity_base=torch.from_numpy(check.floats("idBase", (length, -1))),
        expression_base=torch.from_numpy(check.floats("exBase", (length, -1))),
        mean_albedo=torch.from_numpy(check.floats("meantex", (1, length)).reshape(-1, 3)),
        albedo_base=torch.from_numpy(check.floats("texBase", (length, -1))),
        triangles=triangles,
        vertex_faces=check.indices("point_buf", (vertices, -1), faces + 1),
        keypoints=check.indices("keypoints", (1, 68), vertices).flatten(),
        front_vertices=check.indices("frontmask2_idx", None, vertices).flatten(),
        front_triangles=check.indices("tri_mask2", (-1, 3), vertices),
        skin_mask=torch.from_numpy(check.floats("skinmask", (1, vertices)).reshape(-1)),
    )


class _Checked:
    """Access to arrays that says which one is wrong, and how."""

    def __init__(self, arrays: Mapping[str, Any], where: str) -> None:
        self.arrays, self.where = arrays, where

    def floats(self, key: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """A contiguous float32 array; -1 stands for any length but 0."""
        array = self._array(key, shape)
        if not np.isfinite(array).all():
            raise WrongWeightsError(f"{self.where}: {key} holds numbers that are not finite.")
        return np.ascontiguousarray(array, np.float32)

    def indices(self, key: str, shape: tuple[int, ...] | None, count: int) -> Tensor:
        """Indices from 0 of a table that counts from 1 to ``count``."""
        array = self._array(key, shape)
        low, high = array.min(), array.max()
        if low < 1 or high > count or (array != np.floor(array)).any():
            raise WrongWeightsError(
                f"{self.where}: {key} goes from {low:g} to {high:g}; expected whole numbers from 1 to {count}."
            )
        return torch.from_numpy(np.asarray(array, np.int64) - 1)

    def _array(self, key: str, shape: tuple[int, ...] | None) -> NDArray[Any]:
        array = np.asarray(self.arrays[key])
        if array.dtype.kind not in "iufb":
            raise WrongWeightsError(f"{self.where}: {key} is no array of real numbers (dtype {array.dtype}).")
        wanted = shape or (-1,) * array.ndim
        fits = len(wanted) == array.ndim and all(w in (-1, g) for w, g in zip(wanted, array.shape, strict=True))
        if not fits or array.size == 0:
            text = " x ".join("any" if size < 0 else str(size) for size in wanted)
            raise WrongWeightsError(f"{self.where}: {key} has the shape {array.shape}; expected {text}.")
        return array
