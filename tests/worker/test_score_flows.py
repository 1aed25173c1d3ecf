"""Flows scored on clips: what is swapped, who is left out, what is counted, what goes wrong."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_video import write_video

from fsa_data.engines import load_engine
from fsa_data.errors import ConfigError, DatasetNotFoundError, SourceError, UnknownNameError
from fsa_data.faces import load_landmarker
from fsa_data.frames import read_image
from fsa_data.quality import landmark_scores, level68
from fsa_data.sources import find_faces, load_source
from fsa_data.types import Reason, Swap
from fsa_data.worker import clips_of_frames, clips_of_paths, load_flows, score_flows
from fsa_data.worker.score_clips import look_at
from tests.worker.clip_parts import heads
from tests.worker.tiny_parts import CentreFace, Paint, PhotoBox, frames_of, people


class Leave:
    """Puts the frame's own pixels back: the swap that keeps everything."""

    fingerprint = {"engine": "leave"}  # noqa: RUF012
    trained_on = frozenset()
    uses_reference = False

    def swap(self, frame, target, donors, params, reference=None):
        box = target.box.clipped(*frame.shape[:2])
        return Swap(Reason.SWAPPED, donors[0].identity, box, frame[box.slices].copy())


def scored(flows, clips, engine=None, **options):
    return score_flows(flows, clips, engine or Paint(), CentreFace(), progress=False, **options)


def test_every_identity_on_every_clip_but_nobody_on_themselves(tmp_path):
    clips = clips_of_frames(frames_of(tmp_path / "f", 10))
    flows = {"one": people(tmp_path / "s", "ann", "cleo"), "two": people(tmp_path / "s", "dora")}
    got = scored(flows, clips, sample=3)
    assert [(s.flow, s.identity, s.clip.name) for s in got.swaps] == [
        ("one", "ann", "bob"),
        ("one", "cleo", "ann"),
        ("one", "cleo", "bob"),
        ("two", "dora", "ann"),
        ("two", "dora", "bob"),
    ]
    assert got.failures == ()
    for swap in got.swaps:
        assert sorted(swap.outcomes) == [0, 2, 4]
        assert (swap.swapped, swap.found_again) == (3, 3)
        assert swap.scores.score.shape == (5,)


def test_frames_without_a_face_are_counted_and_not_scored(tmp_path):
    clips = clips_of_frames(frames_of(tmp_path / "f", 6, subjects=("ann",), black=(0, 3)))
    (swap,) = scored({"one": people(tmp_path / "s", "cleo")}, clips, sample=6).swaps
    assert np.flatnonzero(np.isnan(swap.scores.score)).tolist() == [0, 3]
    assert [at for at, o in swap.outcomes.items() if o.reason is Reason.NO_FACE] == [0, 3]
    assert (swap.swapped, len(swap.outcomes)) == (4, 6)


def test_what_an_engine_declines_is_a_reason_and_what_it_breaks_on_is_told(tmp_path):
    clips = clips_of_frames(frames_of(tmp_path / "f", 4, subjects=("ann",)))
    flows = {"one": people(tmp_path / "s", "cleo", "decline-dora")}
    cleo, dora = scored(flows, clips).swaps
    assert cleo.swapped == 4
    assert {o.reason for o in dora.outcomes.values()} == {Reason.PROFILE}
    (tmp_path / "flag").touch()
    broken = scored(flows, clips, Paint(flag=str(tmp_path / "flag"), fail="no ink"))
    assert len(broken.failures) == 8
    assert "frame" in broken.failures[0]
    assert "wearing cleo: RuntimeError: no ink" in broken.failures[0]
    assert broken.swaps[0].swapped == 0


def test_a_swap_that_changes_nothing_has_no_error_and_real_ones_have_some():
    """On procedural heads with the real landmarker; the score is the one of the faces themselves."""
    landmarker = load_landmarker()
    source = load_source("simdrive", {"identities": 1})
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for i, head in enumerate(heads(3, 3)):
            cv2.imwrite(f"{folder}/{i}.png", head[:, :, ::-1])
        clips = clips_of_paths([Path(folder)])
        (left,) = score_flows({"one": source}, clips, Leave(), landmarker, progress=False).swaps
        (made,) = score_flows({"one": source}, clips, load_engine("mesh_warp"), landmarker, progress=False).swaps
        faces = [landmarker(read_image(f"{folder}/{i}.png"))[0] for i in range(3)]
    assert [o.kept.expression_error + o.kept.pose_error_deg for o in left.outcomes.values()] == [0, 0, 0]
    errors = [o.kept.expression_error for o in made.outcomes.values()]
    assert all(0 < error < 0.15 for error in errors)
    donors = sorted(find_faces(source.photos, landmarker), key=lambda donor: donor.digest)
    expected = landmark_scores(
        np.stack([level68(face) for face in faces]), np.stack([level68(donor.face) for donor in donors])
    )
    assert made.scores.score == pytest.approx(expected.score)
    assert made.photos[made.scores.nearest[0]].startswith("sim0-50 yaw -20")
    assert all(o.tone > 0 and o.light > 0 for o in made.outcomes.values())


def test_a_video_is_a_clip_and_its_sample_is_spread_evenly(tmp_path):
    write_video(tmp_path / "v.mp4", range(0, 360, 40))
    (clip,) = clips_of_paths([tmp_path / "v.mp4"])
    looked = look_at(clip, CentreFace(), 3, progress=False)
    assert looked.frames == tuple(map(str, range(9)))
    assert looked.sampled == (0, 4, 8)
    assert sorted(looked.sights) == [0, 4, 8]


def test_a_picture_that_cannot_be_read_is_told_and_the_others_are_scored(tmp_path):
    frames_of(tmp_path, 3)
    (tmp_path / "1.png").write_bytes(b"no image")
    got = scored({"one": people(tmp_path / "s", "cleo")}, clips_of_paths([tmp_path]))
    assert len(got.failures) == 1
    assert "1.png" in got.failures[0]
    assert math.isnan(got.swaps[0].scores.score[1])
    assert got.swaps[0].swapped == 2


def test_somebody_whose_photos_are_of_no_use_is_told_and_the_others_are_put_on(tmp_path):
    clips = clips_of_frames(frames_of(tmp_path / "f", 2, subjects=("ann",)))
    cleo, dora = (people(tmp_path / "s", name).photos[0] for name in ("cleo", "dora"))
    cv2.imwrite(str(tmp_path / "s" / dora.provenance["file"]), np.zeros((60, 60, 3), np.uint8))
    got = scored({"one": PhotoBox((cleo, dora))}, clips)
    assert [swap.identity for swap in got.swaps] == ["cleo"]
    assert "one, dora: None of 1 photos shows a usable face" in got.failures[0]
    with pytest.raises(SourceError, match="Nobody of the source one can be put on"):
        scored({"one": PhotoBox((dora,))}, clips)


def test_wrong_input(tmp_path):
    frames_of(tmp_path / "f", 2, black=(0, 1))
    (tmp_path / "empty").mkdir()
    clips, flows = clips_of_paths([tmp_path / "f"]), {"one": people(tmp_path / "s", "cleo")}
    with pytest.raises(DatasetNotFoundError, match="No face is found in"):
        scored(flows, clips)
    with pytest.raises(ConfigError, match="At least 1 frame"):
        scored(flows, clips, sample=0)
    with pytest.raises(DatasetNotFoundError, match="There is no file or folder"):
        clips_of_paths([tmp_path / "nowhere"])
    with pytest.raises(DatasetNotFoundError, match="No picture in the folder"):
        clips_of_paths([tmp_path / "empty"])
    with pytest.raises(ConfigError, match="is given twice"):
        clips_of_paths([tmp_path / "f", tmp_path / "f"])
    lone = clips_of_frames(frames_of(tmp_path / "g", 2, subjects=("ann",)))
    with pytest.raises(ConfigError, match="only offers the people of the targets themselves"):
        scored({"one": people(tmp_path / "s", "ann")}, lone)


def test_options_go_to_the_flows_that_know_them():
    flows = load_flows(["portraits", "simdrive"], {"identities": 2})
    assert len({photo.identity for photo in flows["simdrive"].photos}) == 2
    assert len(flows["portraits"].photos) == 2
    with pytest.raises(ConfigError, match="has an option 'identitys'"):
        load_flows(["portraits", "simdrive"], {"identitys": 2})
    with pytest.raises(ConfigError, match="is given twice"):
        load_flows(["portraits", "portraits"], {})
    with pytest.raises(UnknownNameError, match="Did you mean 'portraits'"):
        load_flows(["portrait"], {})
