"""A morphable model made of nothing but seeded numbers, with the arrays of the real one.

The surface is a grid of ``rows`` x ``cols`` vertices on a paraboloid; bases are noise. Only tests make it.
"""

import numpy as np

from fsa_data.faces.points68 import INDEX_68
from fsa_data.mesh import face_mesh
from fsa_data.recon.model_file import morphable_from_arrays
from tests.parity.recipe import draw


def arrays(rows=20, cols=10, tag="bfm."):
    """What ``BFM_model_front.mat`` would hold, indices from 1."""
    count = rows * cols
    row, col = np.divmod(np.arange(count), cols)
    x, y = 2 * (col / (cols - 1) - 0.5), 2 * (row / (rows - 1) - 0.5)
    mean = np.stack([x, y, 0.5 - 0.3 * (x**2 + y**2)], axis=1).reshape(1, -1)
    corner = np.add.outer(np.arange(rows - 1) * cols, np.arange(cols - 1)).ravel()
    cells = [[corner, corner + cols, corner + 1], [corner + 1, corner + cols, corner + cols + 1]]
    triangles = np.array(cells).transpose(2, 0, 1).reshape(-1, 3) + 1
    around = np.full((count, 8), len(triangles) + 1)
    for vertex in range(count):
        touching = np.flatnonzero((triangles == vertex + 1).any(axis=1))[:8] + 1
        around[vertex, : len(touching)] = touching
    return {
        "meanshape": mean,
        "idBase": 0.02 * draw(tag + "idBase", (3 * count, 80)),
        "exBase": 0.02 * draw(tag + "exBase", (3 * count, 64)),
        "meantex": 120 + 20 * draw(tag + "meantex", (1, 3 * count)),
        "texBase": 2 * draw(tag + "texBase", (3 * count, 80)),
        "tri": triangles,
        "point_buf": around,
        "keypoints": (np.arange(68) * (count - 1) // 67 + 1)[None],
        "frontmask2_idx": np.arange(1, count + 1, 2)[:, None],
        "tri_mask2": triangles[::2],
        "skinmask": (np.arange(count) % 3 != 0).astype(float)[None],
    }


def model(rows=20, cols=10, tag="bfm.", centred=True):
    """The model that these arrays describe."""
    return morphable_from_arrays(arrays(rows, cols, tag), "the synthetic model", centred)


def face_arrays():
    """Arrays whose 68 key points lie where a face has them, so that photos can be aligned to the model.

    The key points of the grid are moved to those of the canonical face (decimetres); the rest stays.
    """
    parts = arrays()
    canonical = face_mesh().vertices_cm[list(INDEX_68)] / 10
    shape = parts["meanshape"].reshape(-1, 3).copy()
    shape[:, 2] -= 0.3
    shape[parts["keypoints"][0] - 1] = canonical - canonical.mean(axis=0)
    return {**parts, "meanshape": shape.reshape(1, -1)}


def face_model():
    """The model that these arrays describe."""
    return morphable_from_arrays(face_arrays(), "the synthetic model")
