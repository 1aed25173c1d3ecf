"""Views of a coloured mesh drawn by Blender, with T1's camera and lights.

Optional: :mod:`fsa_data.recon.render` draws the same grid without it. Blender adds what a rasteriser leaves out,
light that falls on the head and the shadows it throws, at seconds per view.

Blender runs as a program of its own. Its Python module (``bpy``) asks for numpy below 2, which this package cannot
live with, so the two do not share an environment.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fsa_data.errors import BlenderError
from fsa_data.frames import read_image
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.recon.render import PITCHES_DEG, YAWS_DEG
from fsa_data.types import Image

SCENE = {
    "distance": 6.0,
    "lens_mm": 50.0,
    # of T1's 1920 x 1080 pixels on a sensor 36 mm wide the middle square is kept
    "sensor_mm": 36.0 * 1080 / 1920,
    "lights": [
        {"watts": 2000.0, "place": [0.0, -7.0, 0.0]},
        {"watts": 500.0, "place": [4.0, -4.0, 0.0]},
        {"watts": 500.0, "place": [-4.0, -4.0, 0.0]},
        # Blender's own, which T1's script leaves where it is
        {"watts": 1000.0, "place": [4.076, 1.005, 5.904]},
    ],
    "background": 0.05087609,
    "samples": 32,
}
"""T1's scene; lengths in Blender's units, which are decimetres of the mesh; x right, y away from the camera, z up."""

SECONDS = (120, 60)
"""Longest time that Blender may take: to start, and for each view."""


def find_blender() -> list[str]:
    """The command that runs a script in Blender; the script's path and its argument are to be appended.

    Looked for in this order: ``FSA_BLENDER`` (a ``blender`` program, or a Python that has ``bpy``), ``blender`` on the
    search path, this Python.

    Raises:
        BlenderError: there is none; the message says how to come by it.
    """
    chosen = os.environ.get("FSA_BLENDER") or shutil.which("blender")
    if chosen:
        if shutil.which(chosen) is None:
            raise BlenderError(f"FSA_BLENDER is {chosen!r}, which is no program that can be run.")
        if Path(chosen).name.lower().startswith("blender"):
            return [chosen, "--background", "--factory-startup", "--python-exit-code", "1", "--python"]
        return [chosen]
    if importlib.util.find_spec("bpy") is not None:
        return [sys.executable]
    raise BlenderError(
        "Blender is not here. Install it from blender.org, or make an environment of its own for it (`python -m venv "
        "blender-env && blender-env/bin/pip install bpy`; bpy asks for numpy below 2, so it cannot share this one), "
        "and set FSA_BLENDER to the program or to that environment's Python. Without Blender, fsa_data.recon.render "
        "draws the same views."
    )


def render_views(
    face: ColouredMesh,
    yaws_deg: Sequence[float] = YAWS_DEG,
    pitches_deg: Sequence[float] = PITCHES_DEG,
    size_px: int = 256,
) -> Iterator[Image]:
    """Every view of a grid: pitches outside, yaws inside. All are drawn before the first is given.

    Args:
        face: the mesh, its middle in the origin.
        yaws_deg: see :mod:`fsa_data.types`.
        pitches_deg: likewise.
        size_px: side of the pictures.

    Yields:
        ``(size_px, size_px, 3)`` uint8 RGB.

    Raises:
        BlenderError: Blender is not here, or it failed; the message holds the last of what it said.
    """
    views = [(float(yaw), float(pitch)) for pitch in pitches_deg for yaw in yaws_deg]
    command = find_blender()
    with tempfile.TemporaryDirectory(prefix="fsa-blender-") as name:
        folder = Path(name)
        _write_scene(folder, face, {**SCENE, "views": views, "size_px": int(size_px)})
        _run([*command, str(Path(__file__).with_name("blender_script.py"))], folder, len(views))
        for number in range(len(views)):
            yield read_image(folder / f"{number:03d}.png")


def _write_scene(folder: Path, face: ColouredMesh, scene: dict[str, object]) -> None:
    """What the script reads; colours become linear, as Blender computes with light."""
    srgb = face.colours.astype(np.float64) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    rgba = np.concatenate([linear, np.ones((len(linear), 1))], axis=1)
    (folder / "vertices.f32").write_bytes(face.vertices.astype("<f4").tobytes())
    (folder / "triangles.i32").write_bytes(face.triangles.astype("<i4").tobytes())
    (folder / "colours.f32").write_bytes(rgba.astype("<f4").tobytes())
    (folder / "scene.json").write_text(json.dumps(scene), encoding="utf-8")


def _run(command: list[str], folder: Path, views: int) -> None:
    # Blender's Python must not find the packages of this one
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    whole = [*command, "--", str(folder)]
    limit = SECONDS[0] + views * SECONDS[1]
    try:
        done = subprocess.run(whole, capture_output=True, text=True, errors="replace", timeout=limit, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BlenderError(f"Blender ({command[0]}) did not draw {views} views: {error}.") from error
    missing = [number for number in range(views) if not (folder / f"{number:03d}.png").is_file()]
    if missing:
        said = " | ".join((done.stdout + done.stderr).strip().splitlines()[-8:]) or "nothing"
        raise BlenderError(
            f"Blender ({command[0]}) drew {views - len(missing)} of {views} views and ended with {done.returncode}. "
            f"It said last: {said}"
        )
