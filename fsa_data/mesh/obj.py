"""Wavefront OBJ files with a colour per vertex: ``v x y z r g b`` and ``f a b c``.

The format's own text knows no vertex colours; writing three more numbers behind the position, 0..1 each, is what
MeshLab, Blender and trimesh agree on. 3-D reconstruction networks write their heads like this. Some programs write
0..255 instead: colours are taken as such when any of them is above 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import BadMeshError
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.paths import write_atomic


def write_obj(path: str | Path, mesh: ColouredMesh) -> None:
    """Write a mesh; a reader, or a crash at any moment, finds the old file or the new one.

    Args:
        path: where to; missing folders are made.
        mesh: positions keep every bit of their float32, colours are written as 0..1.
    """
    rows = np.concatenate([mesh.vertices, mesh.colours / 255.0], axis=1).tolist()
    lines = [f"v {x:.9g} {y:.9g} {z:.9g} {r:.6f} {g:.6f} {b:.6f}" for x, y, z, r, g, b in rows]
    lines += [f"f {a} {b} {c}" for a, b, c in (mesh.triangles + 1).tolist()]
    write_atomic(Path(path), "\n".join(lines) + "\n", durable=True)


def read_obj(path: str | Path) -> ColouredMesh:
    """Read a mesh with vertex colours.

    Faces may be written ``a``, ``a/t``, ``a//n`` or ``a/t/n``, count backwards with negative numbers, and have more
    than three corners (they become a fan of triangles). Texture coordinates, normals, groups and materials are left
    out.

    Args:
        path: an OBJ file; its positions are taken as they are, axes and unit included.

    Returns:
        The mesh.

    Raises:
        BadMeshError: no such file, a line that cannot be read (with its number), no vertices, no faces, or vertices
            without colours.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadMeshError(f"{path}: the mesh cannot be read: {error.strerror or error}.") from error
    vertices: list[list[float]] = []
    faces: list[list[int]] = []
    seen_at: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words or words[0] not in ("v", "f"):
            continue
        try:
            if words[0] == "v":
                vertices.append(_vertex(words[1:]))
            else:
                corners = _corners(words[1:], len(vertices))
                faces += [[corners[0], corners[k], corners[k + 1]] for k in range(1, len(corners) - 1)]
                seen_at += [number] * (len(corners) - 2)
        except ValueError as error:
            raise BadMeshError(f"{path}, line {number}: {error} The line reads {line.strip()[:80]!r}.") from error
    if not vertices or not faces:
        raise BadMeshError(
            f"{path}: {len(vertices)} vertices ('v' lines) and {len(faces)} triangles ('f' lines); "
            "a mesh has some of both. Is it an OBJ file?"
        )
    triangles = np.array(faces, np.int64)
    outside = (triangles < 0) | (triangles >= len(vertices))
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise BadMeshError(
            f"{path}, line {seen_at[row]}: the face names vertex {triangles[row, column] + 1}, "
            f"but the file has vertices 1 to {len(vertices)}."
        )
    table = np.array(vertices, np.float64)
    return ColouredMesh(table[:, :3].astype(np.float32), triangles.astype(np.int32), _colours(path, table[:, 3:]))


def _vertex(words: list[str]) -> list[float]:
    """Position and colour; NaN for the colour where there is none."""
    if len(words) not in (3, 4, 6):
        raise ValueError(f"a vertex has 3 numbers and 3 of its colour, not {len(words)}.")
    numbers = [float(word) for word in words]
    if not np.isfinite(numbers).all():
        raise ValueError("a vertex must have finite numbers.")
    return numbers if len(numbers) == 6 else [*numbers[:3], np.nan, np.nan, np.nan]


def _corners(words: list[str], so_far: int) -> list[int]:
    """0-based vertices of a face; negative numbers count back from the last vertex so far."""
    if len(words) < 3:
        raise ValueError(f"a face has at least 3 corners, not {len(words)}.")
    corners = [int(word.split("/", 1)[0]) for word in words]
    if 0 in corners or min(corners) < -so_far:
        raise ValueError(f"vertices are counted from 1, or back from -1 to -{so_far}.")
    return [corner - 1 if corner > 0 else so_far + corner for corner in corners]


def _colours(path: Path, colours: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours 0..1 or 0..255 as bytes."""
    bare = np.flatnonzero(np.isnan(colours).any(axis=1))
    if len(bare):
        raise BadMeshError(
            f"{path}: {len(bare)} of {len(colours)} vertices have no colour, the first is vertex "
            f"{bare[0] + 1}. Write vertex colours behind the position ('v x y z r g b'); "
            "colours kept in a texture image are not read."
        )
    if colours.min() < 0 or colours.max() > 255:
        raise BadMeshError(
            f"{path}: vertex colours go from {colours.min():g} to {colours.max():g}; expected 0..1 or 0..255."
        )
    scale = 1.0 if colours.max() > 1 else 255.0
    return np.asarray(np.round(colours * scale), np.uint8)
