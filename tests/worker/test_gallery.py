"""The sheet of a source: who is on it, in which order, and whom an engine chooses."""

import cv2
import numpy as np
import pytest

from fsa_data.cli import DONE, WRONG_INPUT, main
from fsa_data.engines import load_engine
from fsa_data.errors import ConfigError, DatasetNotFoundError
from fsa_data.faces import BLENDSHAPE_NAMES
from fsa_data.frames import read_image
from fsa_data.sources import load_source
from fsa_data.types import SourceFace
from fsa_data.worker import swap_clip
from fsa_data.worker.gallery import _some, draw_gallery
from fsa_data.worker.sheet import GAP_PX, LINE_PX, MARK, NAME_PX, TILE_PX, SheetRow, Tile, draw_sheet, pose_words
from tests.faces.made_up import face
from tests.frames.clips import write_clip
from tests.worker.clip_parts import heads, table


@pytest.fixture(scope="module")
def source():
    return load_source(["portraits", "simdrive"], {"identities": 2})


def donor(yaw, digest="00", colour=(10, 200, 30)):
    image = np.full((200, 200, 3), colour, np.uint8)
    return SourceFace("p", digest, image, face(100, 100, 120, yaw=yaw), {"flow": "test"})


def marked(sheet):
    return (np.abs(sheet.astype(int) - MARK).sum(axis=2) < 30).any()


def test_pose_and_expression_in_words():
    one = face(0, yaw=-12.4)
    one.blendshapes[BLENDSHAPE_NAMES.index("jawOpen")] = 0.3
    one.blendshapes[BLENDSHAPE_NAMES.index("mouthSmileLeft")] = 0.8
    one.blendshapes[BLENDSHAPE_NAMES.index("mouthSmileRight")] = 0.6
    assert pose_words(one) == ("yaw -12  pitch +0", "jaw 30 smile 70 shut 0")


def test_tiles_stand_in_rows_and_a_mark_is_seen():
    rows = [
        SheetRow(("Zoë",), (Tile(donor(0)), Tile(donor(5, colour=(200, 10, 30))))),
        SheetRow(("b",), (Tile(donor(0)),)),
    ]
    sheet = draw_sheet(rows, "title")
    top, step_x, step_y = LINE_PX + 2 * GAP_PX, TILE_PX + GAP_PX, TILE_PX + 2 * LINE_PX + GAP_PX
    middle = TILE_PX // 2
    at = [(top + i * step_y + middle, NAME_PX + j * step_x + middle) for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert [sheet[place].tolist() for place in at] == [[10, 200, 30], [200, 10, 30], [10, 200, 30], [255, 255, 255]]
    assert not marked(sheet)
    assert marked(draw_sheet([SheetRow(("a",), (Tile(donor(0), "3×"),))], "title"))
    assert (sheet[top : top + LINE_PX, :NAME_PX] < 128).any()  # the name


def test_of_many_photos_those_chosen_and_others_over_all_poses():
    own = [donor(yaw, f"{yaw:02d}") for yaw in range(40)]
    shown = [one.digest for one in _some(own, {one.digest: 0 for one in own} | {"07": 2, "08": 5}, 6)]
    assert {"07", "08", "00", "39"} <= set(shown)
    assert len(shown) == 6
    assert shown == sorted(shown)
    assert [one.digest for one in _some(own, {one.digest: 1 for one in own} | {"08": 5}, 1)] == ["08"]


def test_everybody_of_a_source_is_on_it(source, tmp_path):
    report = draw_gallery(source, tmp_path / "all.png")
    assert report.people == {"portrait-1": 1, "portrait-2": 1, "sim0-50": 16, "sim0-51": 16}
    assert report.shown == 4
    whole = read_image(tmp_path / "all.png")
    assert not marked(whole)
    report = draw_gallery(source, tmp_path / "few.jpg", people=2, photos=3)
    few = read_image(tmp_path / "few.jpg")
    assert (report.shown, len(report.people)) == (2, 4)
    assert few.shape[0] < whole.shape[0]
    assert few.shape[1] < whole.shape[1]


def test_what_is_marked_is_what_a_swap_puts_on(source, tmp_path):
    clip = write_clip(tmp_path / "in.mp4", heads(0, 6), [40 * i for i in range(6)])
    engine = load_engine("mesh_warp")
    report = draw_gallery(source, tmp_path / "sheet.png", people=1, target=clip, engine=engine, seed=3)
    swap_clip(clip, tmp_path / "out.mp4", source, engine, seed=3, progress=False)
    worn = [row["source_identity"] for row in table(tmp_path / "out.swaps.csv")]
    assert [one.identity for one in report.chosen] == worn
    assert [one.frame for one in report.chosen] == [str(i) for i in range(6)]
    assert marked(read_image(tmp_path / "sheet.png"))
    assert all(one.digest in {photo.digest for photo in source.photos} for one in report.chosen)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("face.png", heads(0, 1)[0][:, :, ::-1])
    words = [
        "gallery",
        "portraits",
        "simdrive",
        "--source-option",
        "identities=1",
        "-o",
        "out/sheet.png",
        "-d",
        "face.png",
    ]
    assert main(words) == DONE
    told = capsys.readouterr().out
    assert "out/sheet.png: 3 people, 18 faces in 18 photos and views; 3 people shown" in told
    assert ": 1 faces from 1 photos, pose off by" in told
    assert main(words) == WRONG_INPUT
    assert "is there already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == DONE
    cv2.imwrite("wall.png", np.full((200, 200, 3), 128, np.uint8))
    assert main([*words[:-1], "wall.png", "--overwrite"]) == DONE


def test_what_cannot_be_drawn(source, tmp_path):
    with pytest.raises(ConfigError, match="is a picture: give it one of the endings"):
        draw_gallery(source, tmp_path / "sheet.pdf")
    with pytest.raises(ConfigError, match="At least one person and one photo"):
        draw_gallery(source, tmp_path / "a.png", people=0)
    with pytest.raises(DatasetNotFoundError, match=r"no file or folder .*none.mp4"):
        draw_gallery(source, tmp_path / "a.png", target=tmp_path / "none.mp4", engine=load_engine("mesh_warp"))
    with pytest.raises(ConfigError, match="an engine is needed"):
        draw_gallery(source, tmp_path / "a.png", target=tmp_path)
