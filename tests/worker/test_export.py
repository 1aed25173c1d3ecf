"""What a store has, as plain files: labels come back, pixels are those of the store, and no face that may not."""

import csv
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_materialise import run
from tiny_parts import CentreFace, Paint, frames_of, people

from fsa_data.cli import main
from fsa_data.errors import CacheMissError, ConfigError
from fsa_data.frames import LabelledFrames, read_frame, read_image
from fsa_data.sources import load_source
from fsa_data.store import SwapStore
from fsa_data.types import paste
from fsa_data.worker import Recipe, export_frames, working_frame
from fsa_data.worker.export import TAR_SAMPLES


@pytest.fixture
def job(tmp_path):
    """Twelve frames, one without a face; their recipe, and a store with two fakes of each."""
    frames = frames_of(tmp_path / "frames", 12, subjects=("ann", "bob", "eve"), black=(7,))
    frames = replace(frames, condition=np.array(["masked", "unmasked"] * 6), time_s=np.arange(12) / 4)
    source = people(tmp_path / "photos", "cat", "dan", "eve")
    run(frames, source, tmp_path / "store", fakes_per_frame=2)
    recipe = Recipe(source, Paint(), CentreFace(), working_size=40, fakes_per_frame=2)
    return frames, recipe, SwapStore(tmp_path / "store")


def expected(frames, store, key, frame_at):
    """Pixels of a sample, made the long way."""
    frame = working_frame(read_frame(frames.ref(frame_at)), 40)
    if not key:
        return frame
    swap = store.get_swap(key)
    return paste(frame, swap.box, swap.patch)


def test_a_folder_reads_back_with_the_same_labels_and_subjects(job, tmp_path):
    frames, recipe, store = job
    report = export_frames(frames, recipe, store, tmp_path / "out")
    assert (report.real, report.fakes, report.left_out, report.frames_left_out) == (12, 22, {"no_face": 2}, 0)
    with (tmp_path / "out" / "frames.csv").open() as file:
        table = {row["path"]: row for row in csv.DictReader(file)}
    back = LabelledFrames.from_csv(tmp_path / "out" / "frames.csv")
    assert (len(back), back.labels.names) == (34, frames.labels.names)
    real = [i for i in range(34) if table[str(Path(back.path[i]).relative_to(tmp_path / "out"))]["is_fake"] == "False"]
    assert len(real) == 12
    position = {}
    for i in real:
        row = table[str(Path(back.path[i]).relative_to(tmp_path / "out"))]
        position[row["frame"]] = int(4 * float(row["time_s"]))
        assert row["source_identity"] == ""
    for i in range(34):
        path = Path(back.path[i])
        row = table[str(path.relative_to(tmp_path / "out"))]
        at = position[row["frame"]]
        for name in ("subject", "label", "condition", "time_s"):
            assert getattr(back, name)[i] == getattr(frames, name)[at], name
        assert path.parent.name == f"{frames.label[at]:02d}-{frames.labels.names[frames.label[at]]}"
        fake = row["is_fake"] == "True"
        assert fake == bool(row["source_identity"])
        assert row["source_identity"] != row["subject"]
        assert np.array_equal(read_image(path), expected(frames, store, row["key"] if fake else "", at))
    # in the order of folders, as torchvision's ImageFolder has it, labels are the same numbers
    folders = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert [folder.partition("-")[2] for folder in folders] == list(frames.labels.names)


def read_tars(out):
    """Samples in the order of the files, each a dictionary by suffix."""
    samples = {}
    for path in sorted(out.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                name, _, suffix = member.name.partition(".")
                samples.setdefault(name, {})[suffix] = tar.extractfile(member).read()
    return list(samples.values())


@pytest.mark.parametrize("image", ["png", "jpg"])
def test_tars_hold_samples_in_order(job, tmp_path, monkeypatch, image):
    frames, recipe, store = job
    monkeypatch.setattr("fsa_data.worker.export.TAR_SAMPLES", 10)
    export_frames(frames, recipe, store, tmp_path / "out", "webdataset", image=image)
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert [(tar["file"], tar["samples"]) for tar in about["tars"]] == [
        (f"fsa-{n:06d}.tar", count) for n, count in enumerate((10, 10, 10, 4))
    ]
    assert (about["classes"], about["engine"]) == (["a", "b", "c"], Paint().fingerprint)
    samples = read_tars(tmp_path / "out")
    assert [set(sample) for sample in samples] == [{image, "json", "cls"}] * 34
    facts = [json.loads(sample["json"]) for sample in samples]
    times = [row["time_s"] for row in facts]
    assert times == sorted(times)
    for row, sample in zip(facts, samples, strict=True):
        at = int(4 * row["time_s"])
        assert (row["label"], row["cls"]) == (frames.labels.names[frames.label[at]], int(sample["cls"]))
        assert (row["subject"], row["condition"]) == (frames.subject[at], frames.condition[at])
        pixels = cv2.imdecode(np.frombuffer(sample[image], np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        wanted = expected(frames, store, row["key"] if row["is_fake"] else "", at)
        away = np.abs(pixels.astype(int) - wanted)
        assert away.mean() < 30 if image == "jpg" else away.max() == 0


def test_fakes_only_shows_nobody_as_they_are(job, tmp_path):
    frames, recipe, store = job
    for form in ("folders", "webdataset"):
        report = export_frames(frames, recipe, store, tmp_path / form, form, fakes_only=True)
        assert (report.real, report.fakes) == (0, 22)
    images = [read_image(path) for path in sorted((tmp_path / "folders").rglob("*.png"))]
    images += [
        cv2.imdecode(np.frombuffer(sample["png"], np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        for sample in read_tars(tmp_path / "webdataset")
    ]
    real = {working_frame(read_frame(frames.ref(i)), 40).tobytes() for i in range(12)}
    assert len(images) == 44
    assert not [image for image in images if image.tobytes() in real]


def test_a_shuffle_is_repeatable_and_loses_nothing(job, tmp_path):
    frames, recipe, store = job
    orders = []
    for name, seed in (("plain", None), ("one", 1), ("again", 1), ("two", 2)):
        export_frames(frames, recipe, store, tmp_path / name, "webdataset", shuffle=seed)
        orders.append([json.loads(sample["json"])["key"] for sample in read_tars(tmp_path / name)])
    assert orders[1] == orders[2] != orders[3]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[3])
    tars = [(tmp_path / name / "fsa-000000.tar").read_bytes() for name in ("one", "again")]
    assert tars[0] == tars[1]


def test_what_the_store_lacks_is_counted(job, tmp_path):
    frames, recipe, store = job
    more = frames_of(tmp_path / "more", 3, subjects=("ann",), start=90)
    Path(more.path[0]).write_bytes(b"broken")
    both = LabelledFrames.joined([frames, more])
    report = export_frames(both, recipe, store, tmp_path / "out")
    assert (report.real, report.fakes) == (12, 22)
    assert (report.left_out, report.frames_left_out) == ({"missing": 6, "no_face": 2}, 3)
    with pytest.raises(CacheMissError, match="fsa materialise"):
        export_frames(more, recipe, store, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_nothing_is_overwritten_and_an_error_leaves_nothing(job, tmp_path, monkeypatch):
    frames, recipe, store = job
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        export_frames(frames, recipe, store, tmp_path / "full")
    with pytest.raises(ConfigError, match="folders"):
        export_frames(frames, recipe, store, tmp_path / "out", "zip")
    before = sorted(tmp_path.iterdir())

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fsa_data.worker.export.encoded", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_frames(frames, recipe, store, tmp_path / "out", "webdataset")
    assert sorted(tmp_path.iterdir()) == before


def test_the_command(tmp_path, capsys):
    lines = ["path,subject,label"]
    for photo, label in zip(load_source("portraits").photos, ("Yawn", "Drink"), strict=True):
        cv2.imwrite(str(tmp_path / f"{photo.identity}.png"), photo.load()[:, :, ::-1])
        lines.append(f"{photo.identity}.png,{photo.identity},{label}")
    (tmp_path / "frames.csv").write_text("\n".join(lines) + "\n")
    common = ["--csv", str(tmp_path / "frames.csv"), "-s", "portraits"]
    assert main(["materialise", *common, "--store", str(tmp_path / "store")]) == 0
    words = ["cache", "export", str(tmp_path / "store"), *common, "-o"]
    capsys.readouterr()
    assert main([*words, str(tmp_path / "out")]) == 0
    assert "out: 2 real frames, 2 fakes" in capsys.readouterr().out
    back = LabelledFrames.from_csv(tmp_path / "out" / "frames.csv")
    assert sorted(zip(back.subject.tolist(), back.label.tolist(), strict=True)) == [
        *[("portrait-1", back.labels.index["Yawn"])] * 2,
        *[("portrait-2", back.labels.index["Drink"])] * 2,
    ]
    assert main([*words, str(tmp_path / "tars"), "--format", "webdataset", "--fakes-only", "--image", "jpg"]) == 0
    assert "0 real frames, 2 fakes" in capsys.readouterr().out
    assert len(read_tars(tmp_path / "tars")) == 2 < TAR_SAMPLES
    assert main([*words, str(tmp_path / "more"), "--fakes-per-frame", "2"]) == 1
    assert "2 swaps are not in the store" in capsys.readouterr().err
