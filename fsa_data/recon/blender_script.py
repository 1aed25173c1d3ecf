"""Runs inside Blender, which knows nothing of this package: ``blender_script.py FOLDER``.

The folder holds ``scene.json`` and the mesh as raw little-endian numbers (``vertices.f32``, ``triangles.i32``,
``colours.f32``, linear RGBA); views are written beside them as ``000.png``, ``001.png`` and so on. Everything that the
picture depends on is set here, so that neither the user's start-up file nor a newer version's defaults change it.
"""

from __future__ import annotations

import json
import math
import sys
from array import array
from pathlib import Path
from typing import Any

import bpy


def main(folder: Path) -> None:
    """Draw every view that the folder asks for."""
    wanted = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing, do_unlink=True)
    scene = bpy.context.scene
    head = add_head(scene, folder)
    add_camera(scene, wanted)
    for light in wanted["lights"]:
        add_light(scene, light)
    set_background(scene, wanted["background"])
    set_output(scene, wanted)
    for number, (yaw_deg, pitch_deg) in enumerate(wanted["views"]):
        # x first, then z: the mesh has y up, Blender z
        head.rotation_euler = (math.radians(90 + pitch_deg), 0.0, math.radians(yaw_deg))
        scene.render.filepath = str(folder / f"{number:03d}.png")
        bpy.ops.render.render(write_still=True)


def numbers(path: Path, code: str) -> array[Any]:
    """Raw numbers of a file."""
    values = array(code)
    values.frombytes(path.read_bytes())
    if sys.byteorder == "big":
        values.byteswap()
    return values


def add_head(scene: Any, folder: Path) -> Any:
    """The mesh, its colours on a material that reflects light."""
    vertices, corners = numbers(folder / "vertices.f32", "f"), numbers(folder / "triangles.i32", "i")
    mesh = bpy.data.meshes.new("head")
    mesh.from_pydata(
        [tuple(vertices[at : at + 3]) for at in range(0, len(vertices), 3)],
        [],
        [tuple(corners[at : at + 3]) for at in range(0, len(corners), 3)],
    )
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    colours = mesh.color_attributes.new(name="colour", type="FLOAT_COLOR", domain="POINT")
    colours.data.foreach_set("color", numbers(folder / "colours.f32", "f"))
    mesh.update()
    material = bpy.data.materials.new("skin")
    nodes = with_nodes(material)
    read = nodes.new("ShaderNodeVertexColor")
    read.layer_name = "colour"
    skin = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(read.outputs["Color"], skin.inputs["Base Color"])
    mesh.materials.append(material)
    head = bpy.data.objects.new("head", mesh)
    head.rotation_mode = "XYZ"
    scene.collection.objects.link(head)
    return head


def with_nodes(owner: Any) -> Any:
    """Nodes of a material or world; Blender 5 always has them, older versions when asked."""
    if owner.node_tree is None or not len(owner.node_tree.nodes):
        owner.use_nodes = True
    return owner.node_tree.nodes


def add_camera(scene: Any, wanted: dict[str, Any]) -> None:
    """Before the head, looking along +y."""
    data = bpy.data.cameras.new("camera")
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width, data.lens = wanted["sensor_mm"], wanted["lens_mm"]
    camera = bpy.data.objects.new("camera", data)
    camera.location = (0.0, -wanted["distance"], 0.0)
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera


def add_light(scene: Any, light: dict[str, Any]) -> None:
    """A point light."""
    data = bpy.data.lights.new("light", "POINT")
    data.energy, data.shadow_soft_size = light["watts"], 0.1
    lamp = bpy.data.objects.new("light", data)
    lamp.location = light["place"]
    scene.collection.objects.link(lamp)


def set_background(scene: Any, grey: float) -> None:
    """An even grey all around, which also lights the head a little."""
    world = bpy.data.worlds.new("around")
    scene.world = world
    nodes = with_nodes(world)
    background = next(node for node in nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (grey, grey, grey, 1.0)
    background.inputs["Strength"].default_value = 1.0


def set_output(scene: Any, wanted: dict[str, Any]) -> None:
    """Path tracing on the processor, the only renderer that needs no display."""
    render = scene.render
    render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples, scene.cycles.seed = wanted["samples"], 0
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    render.resolution_x = render.resolution_y = wanted["size_px"]
    render.resolution_percentage = 100
    render.film_transparent, render.dither_intensity = False, 0.0
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    render.image_settings.color_depth = "8"
    scene.view_settings.view_transform = "Filmic"
    scene.view_settings.look = "None"
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0


if __name__ == "__main__":
    main(Path(sys.argv[-1]))
