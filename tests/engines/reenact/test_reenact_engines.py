"""The engines dagan and stargan2, with networks that have hardly been trained: the road, not the picture."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from fsa_data import cli, simdrive
from fsa_data.engines import load_engine
from fsa_data.engines.dagan.motion import alike, hull_area, relative
from fsa_data.engines.dagan.preset import DaganPreset
from fsa_data.engines.dagan.training import DaganTraining
from fsa_data.engines.reenact.loop import LoopOptions, train
from fsa_data.engines.reenact.pictures import read_clips, read_domains
from fsa_data.engines.stargan2.preset import StarganPreset
from fsa_data.engines.stargan2.training import StarganTraining
from fsa_data.errors import ConfigError
from fsa_data.faces import load_landmarker
from fsa_data.faces.prepared import write_picture
from fsa_data.nets.dagan_depth import DepthNet
from fsa_data.nets.dagan_layers import KeyPoints
from fsa_data.types import ClipEngine, SourceFace
from tests.engines.reenact.conftest import DAGAN, STARGAN

PARAMS = {"seed": 1, "slot": 0}


@pytest.fixture(scope="module")
def folders(faces: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("networks")
    options = LoopOptions(device="cpu", sheet_every=0)
    stargan = StarganPreset(**STARGAN | {"iterations": 2})
    train(StarganTraining(read_domains(faces, 32), stargan), root / "stargan2", options=options)
    dagan = DaganPreset(**DAGAN | {"iterations": 2})
    train(DaganTraining(read_clips(clips, 64), dagan, DepthNet(18)), root / "dagan", options=options)
    return {kind: root / kind for kind in ("stargan2", "dagan")}


@pytest.fixture(scope="module")
def scene():
    landmarker = load_landmarker()
    frame = simdrive.identity_photo(0, 3, 10, 0, 256)
    donors = []
    for index in (60, 61):
        image = simdrive.identity_photo(0, index, 0, 0, 256)
        donors.append(SourceFace(f"d{index}", f"digest-{index}", image, landmarker(image)[0], {}))
    return frame, landmarker(frame)[0], donors


@pytest.mark.parametrize("kind", ["dagan", "stargan2"])
def test_a_swap_is_a_function_of_its_arguments(kind: str, folders, scene) -> None:
    frame, target, donors = scene
    engine = load_engine(f"{kind}:{folders[kind]}", device="cpu")
    swap = engine.swap(frame, target, donors, PARAMS)
    assert swap.swapped
    assert swap.source_identity in ("d60", "d61")
    assert swap.patch.shape == (swap.box.h, swap.box.w, 3)
    assert (swap.patch != frame[swap.box.slices]).any()
    again = pickle.loads(pickle.dumps(engine)).swap(frame, target, donors, PARAMS)
    assert np.array_equal(swap.patch, again.patch)
    json.dumps(engine.fingerprint)
    json.dumps(swap.notes)
    assert engine.swap(frame, target, [], PARAMS).reason == "no_donor"


def test_fingerprints_name_weights_and_options(folders) -> None:
    plain, other = (load_engine(f"dagan:{folders['dagan']}", given) for given in ({}, {"motion": "absolute"}))
    assert plain.fingerprint != other.fingerprint
    assert plain.fingerprint["weights"] == plain.file.digest
    with pytest.raises(ConfigError, match="motion must be auto, relative or absolute"):
        load_engine(f"dagan:{folders['dagan']}", {"motion": "fast"})


def test_a_start_makes_motion_relative(folders, scene) -> None:
    frame, target, donors = scene
    engine = load_engine(f"dagan:{folders['dagan']}", device="cpu")
    assert isinstance(engine, ClipEngine)
    assert engine.begin([(frame, target)], donors) == {}
    other = simdrive.identity_photo(0, 3, -10, 0, 256)
    sights = [(frame, target), (other, load_landmarker()(other)[0])]
    shared = json.loads(json.dumps(engine.begin(sights, donors)))
    moved = engine.swap(frame, target, donors, {**PARAMS, **shared})
    assert moved.notes["motion"] == "relative"
    assert engine.swap(frame, target, donors, PARAMS).notes["motion"] == "absolute"
    strict = load_engine(f"dagan:{folders['dagan']}", {"motion": "relative"}, device="cpu")
    with pytest.raises(ConfigError, match="Relative motion needs a clip"):
        strict.swap(frame, target, donors, PARAMS)


def test_who_has_not_moved_stays_as_the_source_is() -> None:
    generator = torch.Generator().manual_seed(0)
    source, start = (
        KeyPoints(
            torch.randn(1, 5, 2, generator=generator), torch.eye(2) + 0.1 * torch.randn(1, 5, 2, 2, generator=generator)
        )
        for _ in range(2)
    )
    still = relative(source, start, start)
    torch.testing.assert_close(still.value, source.value)
    torch.testing.assert_close(still.jacobian, source.jacobian, atol=1e-5, rtol=1e-5)
    far = KeyPoints(start.value + 0.5, start.jacobian)
    times = (hull_area(source.value) / hull_area(start.value)) ** 0.5
    torch.testing.assert_close(relative(source, far, start).value, source.value + 0.5 * times)
    square = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0], [1.0, 0.5]]])
    assert hull_area(square) == pytest.approx(2.0)
    apart = alike(square[0], torch.cat([3 * square + 7, square.flip(1)]))
    assert apart[0] == pytest.approx(0.0, abs=1e-9)
    assert apart[1] > 0.1


@pytest.mark.parametrize("kind", ["dagan", "stargan2"])
def test_a_clip_from_end_to_end(kind: str, folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av

    film = tmp_path / "driver.mp4"
    with av.open(str(film), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width = stream.height = 192
        for image in simdrive.identity_clip(0, 3, 4, 192):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    words = [
        "swap",
        "-s",
        "simdrive",
        "--engine",
        f"{kind}:{folders[kind]}",
        "-d",
        str(film),
        "-o",
        str(tmp_path / "new.mp4"),
    ]
    assert cli.main(words) == 0
    assert "4 faces replaced in 4 of 4 frames" in capsys.readouterr().out
    assert (tmp_path / "new.mp4").is_file()


def test_a_clip_with_a_cut_and_one_without_a_face(folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av

    scenes = {
        "cut": [*simdrive.identity_clip(0, 3, 3, 192), *(255 - each for each in simdrive.identity_clip(0, 4, 2, 192))],
        "empty": [np.full((192, 192, 3), 90, np.uint8)] * 3,
    }
    for name, images in scenes.items():
        with av.open(str(tmp_path / f"{name}.mp4"), "w") as out:
            stream = out.add_stream("libx264", rate=25)
            stream.width = stream.height = 192
            for image in images:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            out.mux(stream.encode(None))
    told = {"cut": "jumps to another scene at frame 3", "empty": "no face in any of its 3 frames"}
    for name, text in told.items():
        target = ["-d", str(tmp_path / f"{name}.mp4"), "-o", str(tmp_path / f"{name}-new.mp4")]
        assert cli.main(["swap", "-s", "simdrive", "--engine", f"dagan:{folders['dagan']}", *target]) == 2
        assert text in capsys.readouterr().err
        assert not (tmp_path / f"{name}-new.mp4").exists()


def test_the_commands(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "x.png", np.zeros((4, 4, 3), np.uint8))
    small = [f"--set={key}={value}" for key, value in {**DAGAN, "iterations": 2}.items() if key != "kp_hinge"]
    depth = ["--set=size=64", "--set=batch_size=2", "--set=iterations=2", "--set=stride=1"]
    made = ["-o", str(tmp_path / "depth"), "--device", "cpu", "--sheet-every", "0", "--preset", "tiny", *depth]
    assert cli.main(["train-reenact", "depth", str(clips), *made]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(tmp_path / "hub"))
        how = [
            "--depth",
            str(tmp_path / "depth"),
            "-o",
            str(tmp_path / "dagan"),
            "--device",
            "cpu",
            "--sheet-every",
            "0",
        ]
        assert cli.main(["train-reenact", "dagan", str(clips), *how, *small]) == 0
    told = capsys.readouterr().out
    assert "fixed filters serve instead" in told
    assert f"use it: fsa swap --engine dagan:{tmp_path / 'dagan'}" in told
    assert cli.main(["train-reenact", "dagan", str(tmp_path), *how]) == 2
    assert "holds no clips.csv" in capsys.readouterr().err
