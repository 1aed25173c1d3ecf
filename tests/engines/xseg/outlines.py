"""Made-up faces with outlines: an ellipse on a noisy ground, and a bar before it that is excluded."""

import json

import cv2
import numpy as np

SIDE = 96


def labelme(image, *shapes):
    """The content of one of LabelMe's files."""
    polygons = [
        {"label": label, "shape_type": "polygon", "points": np.asarray(points).tolist(), "group_id": None}
        for label, points in shapes
    ]
    return {"version": "5.5.0", "flags": {}, "imagePath": image, "imageData": None, "shapes": polygons}


def write_outlines(folder, count=12):
    """Pictures and files in a new folder; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for n in range(count):
        image = rng.integers(0, 90, (SIDE, SIDE, 3)).astype(np.uint8)
        centre, axes = rng.uniform(42, 54, 2), rng.uniform(26, 34, 2)
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        oval = centre + axes * np.stack([np.cos(turn), np.sin(turn)], 1)
        cv2.fillPoly(image, [oval.round().astype(np.int32)], (225, 180, 150))
        y = float(rng.uniform(40, 60))
        bar = [[0, y], [SIDE, y], [SIDE, y + 14], [0, y + 14]]
        cv2.fillPoly(image, [np.round(bar).astype(np.int32)], (40, 60, 200))
        cv2.imwrite(str(folder / f"{n:02d}.png"), image[..., ::-1])
        (folder / f"{n:02d}.label.json").write_text(
            json.dumps(labelme(f"{n:02d}.png", ("face", oval), ("exclude", bar)))
        )
        (folder / f"{n:02d}.json").write_text(json.dumps({"identity": "anna" if n % 2 else "ben"}))
    return folder
