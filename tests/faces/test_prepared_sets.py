"""``fsa prepare``: domains of faces, clips of faces, and what cannot be used."""

import csv
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fsa_data import cli, simdrive
from fsa_data.engines.reenact.pictures import read_clips, read_domains
from fsa_data.errors import BadVideoError, ConfigError, DatasetNotFoundError, OutputError, SourceError
from fsa_data.faces import load_landmarker
from fsa_data.faces.clips import ClipOptions, cut_square, prepare_clips, prepare_procedural_clips, segments
from fsa_data.faces.domains import DomainOptions, prepare_domains
from fsa_data.frames.cuts import is_cut
from fsa_data.types import Image


def write(path: Path, image: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


def grey(size: int, shade: int = 128) -> Image:
    return np.full((size, size, 3), shade, np.uint8)


def test_faces_of_domains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at, mood in enumerate(simdrive.MOODS):
        write(tmp_path / "raw" / "train" / mood / "anna" / "1.png", simdrive.mood_photo(0, 60, mood, at, 192))
        small = cv2.cvtColor(simdrive.mood_photo(0, 61, mood, at, 48), cv2.COLOR_RGB2GRAY)
        write(tmp_path / "raw" / "train" / mood / "berta.png", np.repeat(small[..., None], 3, 2))
    write(tmp_path / "raw" / "train" / simdrive.MOODS[0] / "nobody.png", grey(64))
    assert cli.main(["prepare", "faces", str(tmp_path / "raw"), "-o", str(tmp_path / "set"), "--size", "64"]) == 1
    assert "nobody.png: no face found; it is left out" in capsys.readouterr().err
    found = read_domains(tmp_path / "set", 64)
    assert found.domains == simdrive.MOODS
    assert found.identities == {"anna", "berta"}
    assert [len(own) for own in found.members] == [2, 2]
    face = found.pictures.at([0])[0].numpy().transpose(1, 2, 0)
    assert face.shape == (64, 64, 3)
    assert load_landmarker()(cv2.resize(np.ascontiguousarray(face), (192, 192)))
    with pytest.raises(OutputError, match="is there already"):
        prepare_domains(tmp_path / "raw", tmp_path / "set", load_landmarker())


def test_one_domain_and_none_with_a_face(tmp_path: Path) -> None:
    write(tmp_path / "raw" / "happy" / "1.png", grey(64))
    with pytest.raises(ConfigError, match=r"holds one domain with pictures, 'happy'"):
        prepare_domains(tmp_path / "raw", tmp_path / "set", load_landmarker())
    write(tmp_path / "raw" / "sad" / "1.png", grey(64))
    with pytest.raises(ConfigError, match="No face was found in the domain happy, sad"):
        prepare_domains(tmp_path / "raw", tmp_path / "set", load_landmarker())
    assert not list(tmp_path.glob("*set*"))
    report = prepare_domains(tmp_path / "raw", tmp_path / "set", load_landmarker(), DomainOptions(32, aligned=True))
    assert report.faces == {"happy": 1, "sad": 1}
    with pytest.raises(DatasetNotFoundError, match="fsa prepare faces"):
        read_domains(tmp_path / "raw", 32)


def test_clips_end_where_the_scene_is_cut(tmp_path: Path) -> None:
    frames = [*simdrive.identity_clip(0, 60, 8, 160), *(255 - each for each in simdrive.identity_clip(0, 62, 4, 160))]
    for at, image in enumerate(frames):
        write(tmp_path / "raw" / "anna" / "film" / f"{at:03d}.png", image)
    assert [is_cut(a, b) for a, b in pairwise(frames)] == [at == 7 for at in range(11)]
    options = ClipOptions(size=64, min_frames=4)
    report = prepare_clips(tmp_path / "raw", tmp_path / "set", load_landmarker(), options)
    assert report.clips["anna"] >= 1
    rows = list(csv.DictReader((tmp_path / "set" / "clips.csv").read_text().splitlines()))
    assert (rows[0]["first_frame"], rows[0]["frames"], rows[0]["identity"]) == ("0", "8", "anna")
    assert all(int(row["first_frame"]) in (0, 8) for row in rows)
    clips = read_clips(tmp_path / "set", 64)
    assert clips.pictures.at([0, 7]).shape == (2, 3, 64, 64)


def test_a_jump_in_a_prepared_clip_is_named(tmp_path: Path) -> None:
    prepare_procedural_clips(1, 60, tmp_path / "set", 64, frames=4, each=1)
    (clip,) = {path.parent for path in (tmp_path / "set").rglob("*.png")}
    write(clip / "000002.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8) // 4)
    with pytest.raises(BadVideoError, match="jumps to another scene between its frames 1 and 2"):
        read_clips(tmp_path / "set", 64)
    with pytest.raises(BadVideoError, match="has 4 frames; at least 7"):
        read_clips(tmp_path / "set", 64, 7)


def test_a_clip_without_a_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at in range(4):
        write(tmp_path / "raw" / f"{at}.png", grey(96))
    assert cli.main(["prepare", "clips", str(tmp_path / "raw"), "-o", str(tmp_path / "set")]) == 2
    assert "no face in any of its 4 frames" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_small_clips_are_left_out(tmp_path: Path) -> None:
    for at, image in enumerate(simdrive.identity_clip(0, 60, 4, 160)):
        write(tmp_path / "raw" / "anna" / f"{at}.png", image)
    landmarker = load_landmarker()
    found = [landmarker(image) for image in simdrive.identity_clip(0, 60, 4, 160)]
    (part,) = segments(found, [], 250)
    assert part.frames == 4
    side = round(part.square[2])
    report = prepare_clips(tmp_path / "raw", tmp_path / "a", landmarker, ClipOptions(64, 2, side))
    assert report.clips == {"anna": 1}
    with pytest.raises(SourceError, match=f"1 smaller than {side + 2} px"):
        prepare_clips(tmp_path / "raw", tmp_path / "b", landmarker, ClipOptions(64, 2, side + 2))


def test_clips_as_videos_show_what_pictures_do(tmp_path: Path) -> None:
    """H.264 costs a few shades, and no frame is lost or moved."""
    (tmp_path / "raw" / "berta").mkdir(parents=True)
    with av.open(str(tmp_path / "raw" / "berta" / "1.mp4"), "w") as file:
        stream = file.add_stream("libx264", 25, {"crf": "12"})
        stream.width = stream.height = 192
        for image in simdrive.identity_clip(0, 61, 6, 192):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        file.mux(stream.encode())
    for form in ("png", "mp4"):
        report = prepare_clips(tmp_path / "raw", tmp_path / form, load_landmarker(), ClipOptions(64, 2, form=form))
        assert report.clips == {"berta": 1}
    assert [path.suffix for path in (tmp_path / "mp4" / "berta").iterdir()] == [".mp4"]
    png, mp4 = (read_clips(tmp_path / form, 64) for form in ("png", "mp4"))
    assert png.spans == mp4.spans == ((0, 6),)
    one, other = (each.pictures.at(range(6)).float() for each in (png, mp4))
    for at in range(6):  # each is nearest to its own
        away = (one - other[at]).abs().mean((1, 2, 3))
        assert int(away.argmin()) == at
        assert float(away[at]) < 6


def test_a_square_goes_on_beyond_the_edge() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1).repeat(3, 2)
    assert cut_square(image, (-1, 0, 4), 4)[..., 0].tolist()[0] == [0, 0, 1, 2]
