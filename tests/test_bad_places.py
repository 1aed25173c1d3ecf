"""Commands that meet a full disk, a folder that may not be written, a store of another format, a wrong model file."""

import contextlib
import json
import shutil
from pathlib import Path

import h5py
import pytest
from numbered_video import write_video

from fsa_data.cli import DONE, FAILURES, WRONG_INPUT, main
from fsa_data.store import SwapStore
from tests.bad_data import frames_csv, full_disk, refused, tree
from tests.conftest import write_face

pytestmark = pytest.mark.usefixtures("face_here")

MATERIALISE = ["materialise", "--csv", "frames.csv", "-s", "portraits", "--workers", "0", "--store"]
SIMDRIVE = ["materialise", "--simdrive", "-s", "portraits", "--store", "store"]
EXTRACT = ["extract", "--videos", "videos", "--intervals", "intervals.csv", "-o", "out"]
SWAP = ["swap", "-s", "portraits", "-d"]


def _inputs() -> None:
    frames_csv("face.png")
    write_video(Path("videos/a.mkv"), range(0, 400, 40), size=(240, 320))
    Path("intervals.csv").write_text("video,subject,start_s,end_s,label\na.mkv,p1,0,0.4,x\n")


def _store(path: str, **facts: object) -> None:
    Path(path).mkdir()
    Path(path, "store.json").write_text(json.dumps(facts))


@pytest.mark.parametrize("command", [["cache", "info"], ["cache", "verify"], MATERIALISE])
def test_a_store_that_is_none_or_newer(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    _inputs()
    _store("newer", format_version=9)
    refused([*command, "newer"], "newer has store format 9; this version of fsa-data", capsys)
    _store("strange", version="one")
    refused([*command, "strange"], "does not say a store's format", capsys)
    refused([*command, "videos"], "videos is no store: it holds 'a.mkv' and no store.json.", capsys)
    if command[0] == "cache":
        refused([*command, "nowhere"], "There is no store at nowhere.", capsys)
        refused([*command, "face.png"], "There is no store at face.png.", capsys)
    else:
        refused([*command, "face.png"], "face.png is a file; a store is a directory.", capsys)


@pytest.fixture(scope="module")
def store_with_a_swap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the commands below, so that all they import late is there before somebody may not read it."""
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder):
        write_face(Path("face.png"))
        _inputs()
        assert main([*MATERIALISE, "made"]) == DONE
        assert main([*SWAP, "face.png", "-o", "picture.png"]) == DONE
        assert main([*SWAP, "videos/a.mkv", "-o", "video.mkv"]) == DONE
    return folder / "made"


@pytest.fixture
def made(store_with_a_swap: Path, face_here: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A store with a swap, as a path in the current directory."""
    _inputs()
    shutil.copytree(store_with_a_swap, "made")
    capsys.readouterr()
    return Path("made")


def test_a_shard_that_is_newer(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = next(made.glob("frames-*.h5"))
    shard.chmod(0o644)
    with h5py.File(shard, "r+") as file:
        file.attrs["format_version"] = 7
    (made / "manifest.npz").unlink(missing_ok=True)
    for command in (["cache", "info"], ["cache", "verify"], MATERIALISE):
        refused([*command, "made"], f"{shard.name} has store format 7; this version of fsa-data", capsys)


@pytest.mark.filterwarnings("default")  # as in a process of its own
def test_a_shard_that_is_cut_off_is_told_once_and_made_anew(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = next(made.glob("frames-*.h5"))
    shard.chmod(0o644)
    shard.write_bytes(shard.read_bytes()[:3000])
    (made / "manifest.npz").unlink(missing_ok=True)
    assert main(["cache", "info", "made"]) == DONE
    told = capsys.readouterr().err
    assert told.startswith("fsa: warning: The shard ")
    assert told.count("\n") == 1
    assert main(["cache", "verify", "made"]) == FAILURES
    assert shard.name in capsys.readouterr().out
    shard.unlink()
    assert main([*MATERIALISE, "made"]) == DONE
    capsys.readouterr()
    assert main(["cache", "verify", "made"]) == DONE


def test_a_full_disk_while_swaps_are_made(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for workers in ("0", "1"):
        with full_disk():
            assert main([*MATERIALISE, "new", "--workers", workers]) == WRONG_INPUT
        told = capsys.readouterr()
        assert "bytes to the store" in told.err
        assert "File too large. Free some space" in told.err
        assert "Traceback" not in told.err
        assert [path.name for path in Path("new").iterdir()] == ["store.json"]
    assert main([*MATERIALISE, "new"]) == DONE
    assert SwapStore("new").verify() == []
    capsys.readouterr()
    with full_disk(10):
        refused([*MATERIALISE, "another"], "Cannot make a store at", capsys)


@pytest.mark.parametrize(
    ("command", "message", "room"),
    [
        ([*SWAP, "face.png", "-o", "out.png"], "File too large. Free some space or write elsewhere.", 3000),
        ([*SWAP, "face.png", "-o", "new/out.jpg"], "File too large. Free some space or write elsewhere.", 3000),
        ([*SWAP, "face.png", "-o", "out"], "File too large. Free some space or write elsewhere.", 3000),
        ([*SWAP, "videos/a.mkv", "-o", "out.mkv"], "File too large. Free some space or write elsewhere.", 500),
        ([*SWAP, "videos/a.mkv", "-o", "out.mp4"], "File too large. Free some space or write elsewhere.", 10),
        (EXTRACT, "The frames cannot be written to out: [Errno 27] File too large.", 100),
        (SIMDRIVE, "-f000.png cannot be written: File too large.", 3000),
    ],
)
def test_a_full_disk(
    made: Path,
    command: list[str],
    message: str,
    room: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FSA_CACHE", "cache")
    Path("new").mkdir()
    Path("cache/simdrive").mkdir(parents=True)
    Path("cache/simdrive/.v5-seed0-6x6-unmasked.lock").touch()
    SwapStore("cache/photos")
    with full_disk(room):
        told = refused(command, message, capsys)
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([*MATERIALISE, "new"], "new: Permission denied. Name a writable directory with free space."),
        ([*MATERIALISE, "made", "--seed", "1"], "made is read-only. Make it writable, or use another directory."),
        ([*SWAP, "face.png", "-o", "out.png"], "Permission denied. Free some space or write elsewhere."),
        ([*SWAP, "face.png", "-o", "new/out.png"], "Cannot write to new: Permission denied. Name another folder."),
        ([*SWAP, "face.png", "-o", "out"], "Cannot write to .: Permission denied. Name another folder."),
        ([*SWAP, "videos/a.mkv", "-o", "out.mkv"], "Permission denied. Free some space or write elsewhere."),
        (EXTRACT, "The frames cannot be written to out: [Errno 13] Permission denied"),
        (SIMDRIVE, "Permission denied. Set FSA_CACHE or root to a folder that can be written"),
    ],
)
def test_a_place_that_may_not_be_written(
    made: Path,
    command: list[str],
    message: str,
    face_here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("FSA_CACHE", "cache")
    for folder in (made, face_here):
        folder.chmod(0o555)
    request.getfixturevalue("unprivileged")
    refused(command, message, capsys)
    assert main([*MATERIALISE, "made"]) == DONE  # all there: nothing has to be written


def test_a_folder_that_is_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    _inputs()
    refused([*SWAP, "face.png", "-o", "frames.csv/out.png"], "Cannot write to frames.csv: File exists.", capsys)
    refused([*EXTRACT[:-1], "frames.csv"], "frames.csv is a file, and nothing is overwritten.", capsys)


@pytest.mark.parametrize("command", [[*MATERIALISE, "store"], [*SWAP, "face.png", "-o", "out.png"]])
def test_a_model_file_of_other_content(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frames_csv("face.png")
    Path("weights").mkdir()
    Path("weights/face_landmarker_v2.task").write_bytes(b"junk")
    monkeypatch.setenv("FSA_WEIGHTS", "weights")
    before = set(tree())
    assert main(command) == WRONG_INPUT
    told = capsys.readouterr().err
    assert "face_landmarker_v2.task is not the registered file of 'face_landmarker': expected SHA-256 64184e22" in told
    assert told.count("\n") == 1
    assert set(tree()) - before <= {"store", "store/store.json"}
    assert main(["weights"]) == FAILURES
    assert "NOT USABLE: weights/face_landmarker_v2.task is not the registered file" in capsys.readouterr().out


def test_results_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    refused(["compare", "run"], "No results.json in run.", capsys)
    Path("run/results.json").write_text('{"setup": "hy')
    refused(["compare", "run"], "results.json is damaged", capsys)
    Path("run/results.json").write_text('{"setup": "hybrid"}')
    refused(["compare", "run"], "results.json is no result of train/run.py: it lacks classes, cv, data", capsys)


def test_what_nobody_foresaw_of_the_system_is_one_message_too(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: SwapStore) -> None:
        raise OSError(5, "Input/output error", "made/x.h5")

    monkeypatch.setattr(SwapStore, "info", broken)
    refused(["cache", "info", "made"], "made/x.h5: Input/output error", capsys)
    shutil.rmtree(made)
