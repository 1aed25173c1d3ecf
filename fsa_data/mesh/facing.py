"""Which way a surface looks."""

from __future__ import annotations

import numba
import numpy as np

from fsa_data.types import Floats, Ints


def facing(points_px: Floats, triangles: Ints) -> Floats:
    """How much each vertex looks at the camera.

    Args:
        points_px: ``(N, 3)`` float32, y down, z growing away from the camera.
        triangles: ``(M, 3)`` int32, counter-clockwise from outside with y up.

    Returns:
        ``(N,)`` float32, cosine between the area-weighted normal and the view: 1 faces the camera, below 0 turned away.
    """
    out = np.empty(len(points_px), np.float32)
    _facing(np.ascontiguousarray(points_px, np.float32), triangles, out)
    return out


@numba.njit(cache=True, nogil=True)
def _facing(points, triangles, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    normals = np.zeros((points.shape[0], 3), np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for i in range(points.shape[0]):
        length = np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2)
        # turning y and z around is a rotation, so normals still point outwards; the camera is at negative z
        out[i] = -normals[i, 2] / max(length, np.float32(1e-9))
