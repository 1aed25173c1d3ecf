"""A sheet of faces: rows of small pictures with words below, one row per person."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from fsa_data.faces import BLENDSHAPE_NAMES
from fsa_data.types import Face, Image, SourceFace

TILE_PX, LINE_PX, GAP_PX, NAME_PX, FONT_PX = 112, 13, 6, 132, 10
PAPER, INK, GREY, MARK = (255, 255, 255), (20, 20, 20), (110, 110, 110), (214, 60, 20)

MARGIN = 0.15
"""What is shown around a face, in its own size."""

_JAW = BLENDSHAPE_NAMES.index("jawOpen")
_SMILE = [BLENDSHAPE_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
_BLINK = [BLENDSHAPE_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]


@dataclass(frozen=True, slots=True)
class Tile:
    """A face on the sheet.

    Attributes:
        donor: the face.
        mark: written over it, and a frame drawn around it; empty for none.
    """

    donor: SourceFace
    mark: str = ""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A person on the sheet.

    Attributes:
        words: lines at the left; the first is the name.
        tiles: at least one.
    """

    words: tuple[str, ...]
    tiles: tuple[Tile, ...]


def pose_words(face: Face) -> tuple[str, str]:
    """Pose and expression in two short lines: degrees, and 0 to 100 for jaw open, smile, eyes closed."""
    shapes = face.blendshapes
    jaw, smile, shut = (100 * float(np.mean(shapes[at])) for at in (_JAW, _SMILE, _BLINK))
    turn = f"yaw {round(face.yaw_deg):+d}  pitch {round(face.pitch_deg):+d}"
    return turn, f"jaw {jaw:.0f} smile {smile:.0f} shut {shut:.0f}"


def draw_sheet(rows: Sequence[SheetRow], title: str) -> Image:
    """The sheet.

    Args:
        rows: from top to bottom; at least one.
        title: above them.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    step_x, step_y = TILE_PX + GAP_PX, TILE_PX + 2 * LINE_PX + GAP_PX
    width = NAME_PX + max(4, *(len(row.tiles) for row in rows)) * step_x + GAP_PX
    top = LINE_PX + 2 * GAP_PX
    sheet = PIL.Image.new("RGB", (width, top + len(rows) * step_y), PAPER)
    pen = PIL.ImageDraw.Draw(sheet)
    pen.text((GAP_PX, GAP_PX), _short(title, width - 2 * GAP_PX, FONT_PX + 2), INK, _font(FONT_PX + 2))
    for i, row in enumerate(rows):
        y = top + i * step_y
        for k, words in enumerate(row.words):
            pen.text(
                (GAP_PX, y + k * (LINE_PX + 1)),
                _short(words, NAME_PX - GAP_PX),
                INK if k == 0 else GREY,
                _font(FONT_PX),
            )
        for j, tile in enumerate(row.tiles):
            _draw_tile(sheet, pen, tile, NAME_PX + j * step_x, y)
    return np.asarray(sheet, np.uint8)


def _draw_tile(sheet: PIL.Image.Image, pen: PIL.ImageDraw.ImageDraw, tile: Tile, x: int, y: int) -> None:
    sheet.paste(PIL.Image.fromarray(_square(tile.donor)), (x, y))
    for k, words in enumerate(pose_words(tile.donor.face)):
        pen.text((x, y + TILE_PX + k * LINE_PX), words, GREY, _font(FONT_PX))
    if tile.mark:
        pen.rectangle((x, y, x + TILE_PX - 1, y + TILE_PX - 1), outline=MARK, width=3)
        wide = pen.textlength(tile.mark, _font(FONT_PX + 2))
        pen.rectangle((x, y, x + wide + 9, y + LINE_PX + 5), fill=MARK)
        pen.text((x + 5, y + 2), tile.mark, PAPER, _font(FONT_PX + 2))


def _square(donor: SourceFace) -> Image:
    """The face with a little around it, on grey where the picture ends."""
    box = donor.face.box
    half = max(box.w, box.h) * (0.5 + MARGIN)
    scale = TILE_PX / (2 * half)
    centre = box.x + box.w / 2, box.y + box.h / 2
    small = donor.image
    if scale < 0.5:  # bilinear sampling looks at two pixels only
        step = 2 * scale
        small = np.asarray(cv2.resize(small, None, fx=step, fy=step, interpolation=cv2.INTER_AREA), np.uint8)
        scale, centre = (
            0.5,
            (centre[0] * small.shape[1] / donor.image.shape[1], centre[1] * small.shape[0] / donor.image.shape[0]),
        )
    move = np.array([[scale, 0, TILE_PX / 2 - scale * centre[0]], [0, scale, TILE_PX / 2 - scale * centre[1]]])
    tile = cv2.warpAffine(small, move, (TILE_PX, TILE_PX), borderMode=cv2.BORDER_CONSTANT, borderValue=(225, 225, 225))
    return np.asarray(tile, np.uint8)


def _short(words: str, width_px: float, size_px: int = FONT_PX) -> str:
    """``words``, cut to the width."""
    font = _font(size_px)
    if font.getlength(words) <= width_px:
        return words
    while words and font.getlength(f"{words}…") > width_px:
        words = words[:-1]
    return f"{words}…"


@cache
def _font(size_px: int) -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    """DejaVu Sans, which comes with matplotlib and knows most alphabets; else the one of Pillow."""
    spec = importlib.util.find_spec("matplotlib")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "mpl-data/fonts/ttf/DejaVuSans.ttf"
        if path.is_file():
            return PIL.ImageFont.truetype(str(path), size_px)
    return PIL.ImageFont.load_default(size_px)
