"""face-alignment: detector, heat maps, and what turns both into boxes and points."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch

from fsa_data.faces.heat_maps import CROP_PX, Place, crop, mirrored_maps, points_of_maps
from fsa_data.faces.s3fd_boxes import CANDIDATE, OVERLAP, decode_maps, suppress
from fsa_data.nets.face_alignment import detector_input
from tests.parity.recipe import Fixture, ParityError, filled, generator, make_input, make_inputs


def detector(fixture: Fixture) -> dict[str, Any]:
    """``clsI`` and ``regI`` of every level."""
    maps = filled(fixture)(detector_input(make_inputs(fixture)["image"]))
    return {f"{('cls', 'reg')[at % 2]}{at // 2}": one for at, one in enumerate(maps)}


def heat_maps(fixture: Fixture) -> dict[str, Any]:
    """``hmI`` of every stack, points of the last, and the sum with the mirrored pass."""
    network, image = filled(fixture), make_inputs(fixture)["image"]
    maps = [one.numpy() for one in network(image)]
    mirrored = network(image.flip(3))[-1].numpy()
    found = {f"hm{at}": one for at, one in enumerate(maps)}
    return found | _points(maps[-1], _place(fixture)) | {"flip_sum_last": maps[-1] + mirrored_maps(mirrored)}


def decode(fixture: Fixture) -> dict[str, Any]:
    """Candidates, those that suppression keeps, those that are likely."""
    (spec,) = fixture.meta["inputs"]
    height, width = _grid(spec["custom"])
    rng, maps = generator(spec["seed"]), []
    for level in range(fixture.meta["config"]["levels"]):
        h, w = max(1, height >> (level + 2)), max(1, width >> (level + 2))
        logits = rng.standard_normal((1, 2, h, w)).astype(np.float32)
        logits[:, 0] += np.float32(_said(r"cls\[:,0\]\+=([0-9.]*[0-9])", spec["custom"], 3))
        offsets = (_said(r"reg=([0-9.]*[0-9])\*", spec["custom"], 0.5) * rng.standard_normal((1, 4, h, w))).astype(
            np.float32
        )
        maps += [torch.from_numpy(logits), torch.from_numpy(offsets)]
    note = fixture.meta["note"]
    (boxes,) = decode_maps(maps, _said(r"p\s*>\s*([0-9.]*[0-9])", note, CANDIDATE))
    kept = suppress(boxes, _said(r"thr\w*\s*([0-9.]*[0-9])", note, OVERLAP))
    likely = boxes[kept]
    final = likely[likely[:, 4] > _said(r"score\s*>\s*([0-9.]*[0-9])", note, 0.5)]
    return {"boxes": boxes, "nms_keep": kept, "final": final}


def points(fixture: Fixture) -> dict[str, Any]:
    """Crops, and points from heat maps."""
    config, (drawn, picture) = fixture.meta["config"], fixture.meta["inputs"]
    side = int(config.get("resolution", CROP_PX))
    place, note = _place(fixture), fixture.meta["note"]
    image = make_input(picture)[0].permute(1, 2, 0).numpy().round().astype(np.uint8)
    border = Place(*_numbers(note, r"crop_border[^;]*?center", 2), *_numbers(note, r"crop_border[^;]*?scale", 1))
    given = _numbers(_clause(note, "transform_pts"), "points")
    at = _said(r"resolution (\d+)", _clause(note, "transform_pts"), side)
    whole = [place.whole_point(*point, at, inverse) for point in given.reshape(-1, 2) for inverse in (True, False)]
    back = _numbers(_clause(note, "transform_np_pts"), "transform_np_pts").reshape(-1, 2)
    (low,) = _numbers(note, r"inverse at", 1)
    reference = _numbers(note, r"reference scale", 1)
    boxed = Place.of_box(_numbers(note, r"box", 4), float(reference[0]))
    maps = _bumps(drawn)
    found, _ = points_of_maps(maps)
    return {
        **_points(maps, place),
        "preds_nocenter": found,
        "crop": crop(image, place, side).transpose(2, 0, 1),
        "crop_border": crop(image, border, side).transpose(2, 0, 1),
        "transform_pts": np.array(whole, np.int32),
        "transform_np_pts": place.to_whole_image(back, float(low)),
        "bbox_center_scale": np.array([boxed.x, boxed.y, boxed.scale], np.float32),
    }


def _bumps(spec: Any) -> np.ndarray:
    """A bell around a random point of each map, and a little noise."""
    numbers = re.search(r"random\(\((\d+),2\)\)\*([0-9.]+)-([0-9.]+).*?\(2\*([0-9.]+)\^2\).*?on (\d+)x", spec["custom"])
    noise = re.search(r"([0-9.e-]+)\*g\.random\(\(1", spec["custom"])
    if numbers is None or noise is None:
        raise ParityError(f"input {spec['name']!r} is described in words: {spec['custom']}")
    count, spread, shift, sigma, side = (float(text) for text in numbers.groups())
    rng, n, size = generator(spec["seed"]), int(count), int(side)
    middle = rng.random((n, 2)) * spread - shift
    rows, columns = np.mgrid[:size, :size]
    apart = (columns - middle[:, 0, None, None]) ** 2 + (rows - middle[:, 1, None, None]) ** 2
    bells = np.exp(-apart / (2 * sigma**2)).astype(np.float32)[None]
    return bells + (float(noise[1]) * rng.random((1, n, size, size))).astype(np.float32)


def _points(maps: np.ndarray, place: Place) -> dict[str, Any]:
    found, scores = points_of_maps(maps)
    whole = np.stack([place.to_whole_image(one, maps.shape[3]) for one in found])
    return {"preds": found, "preds_orig": whole.astype(np.float32), "scores": scores}


def _place(fixture: Fixture) -> Place:
    config, note = fixture.meta["config"], fixture.meta["note"]
    if "center" in config:
        return Place(*config["center"], config["scale"])
    return Place(*_numbers(note, "center", 2), *_numbers(note, "scale", 1))


def _grid(text: str) -> tuple[int, int]:
    found = re.search(r"h=max\(1,(\d+)>>.*?w=max\(1,(\d+)>>", text)
    if found is None:
        raise ParityError(f"an input is described in words: {text}")
    return int(found[1]), int(found[2])


def _said(pattern: str, text: str, usual: float) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else usual


def _clause(note: str, name: str) -> str:
    """The part of a note that is about an output."""
    return next((part for part in note.split(";") if part.strip().startswith(name)), "")


def _numbers(text: str, before: str, count: int = 0) -> np.ndarray:
    """The numbers after some words: ``count`` of them, or all that stand in parentheses."""
    found = re.search(before + r"(.*)", text, re.S)
    if found is None:
        raise ParityError(f"the note says nothing of {before!r}: {text}")
    number = r"-?\d+(?:\.\d+)?"
    if count:
        numbers = re.findall(number, found[1])[:count]
    else:
        numbers = [one for pair in re.findall(rf"\(({number})\s*,\s*({number})\)", found[1]) for one in pair]
    if not numbers or len(numbers) < count:
        raise ParityError(f"the note gives no numbers after {before!r}: {text}")
    return np.array([float(one) for one in numbers])
