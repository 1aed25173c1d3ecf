"""The command as a user runs it: what it prints, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from fsa_data.cli import DONE, FAILURES, WRONG_INPUT, main
from fsa_data.sources import load_source


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Two people, one picture each, and one picture without a face."""
    lines = ["path,subject,label"]
    for photo, label in zip(load_source("portraits").photos, ("a", "b"), strict=True):
        cv2.imwrite(str(tmp_path / f"{photo.identity}.png"), photo.load()[:, :, ::-1])
        lines.append(f"{photo.identity}.png,{photo.identity},{label}")
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((240, 320, 3), 128, np.uint8))
    (tmp_path / "frames.csv").write_text("\n".join([*lines, "wall.png,portrait-1,a"]) + "\n")
    return tmp_path / "frames.csv"


def test_materialise_info_verify(frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    command = ["materialise", "--csv", str(frames), "-s", "portraits", "--store", str(store)]
    assert main(command) == DONE
    assert "2 swaps made, 0 reused, 1 frames without one (no_face 1)" in capsys.readouterr().out
    assert main(command) == DONE
    assert "0 swaps made, 2 reused" in capsys.readouterr().out
    assert main(["cache", "info", str(store), "--json"]) == DONE
    info = json.loads(capsys.readouterr().out)
    assert (info["swaps"], info["frames"], info["sources"]) == (3, 3, ["portrait-1", "portrait-2"])
    assert main(["cache", "info", str(store)]) == DONE
    assert "portrait-1, portrait-2" in capsys.readouterr().out
    assert main(["cache", "verify", str(store)]) == DONE
    assert "as it was sealed" in capsys.readouterr().out
    shard = next(store.glob("swaps-*.h5"))
    data = bytearray(shard.read_bytes())
    with h5py.File(shard) as file:
        data[file["blob"].id.get_offset() + 5] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(data)
    assert main(["cache", "verify", str(store)]) == FAILURES
    assert shard.name in capsys.readouterr().out


def test_a_frame_that_cannot_be_read_is_listed_and_the_others_are_done(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wall.png").write_bytes(b"no image")
    assert main(["materialise", "--csv", str(frames), "-s", "portraits", "--store", str(tmp_path / "s")]) == FAILURES
    out = capsys.readouterr()
    assert "2 swaps made" in out.out
    assert "wall.png" in out.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["materialise", "--csv", "no.csv", "-s", "portraits", "--store", "s"], "No CSV at no.csv"),
        (["materialise", "--maskdar", "no", "-s", "portraits", "--store", "s"], "No MaskDAR folder at no"),
        (["materialise", "--simdrive", "-s", "portrait", "--store", "s"], "Did you mean 'portraits'"),
        (["materialise", "--simdrive", "-s", "portraits", "--engine", "mesh_wrap", "--store", "s"], "'mesh_warp'"),
        (["materialise", "--simdrive", "-s", "portraits", "--engine-option", "x", "--store", "s"], "KEY=VALUE"),
        (["materialise", "--simdrive", "--root", "x", "-s", "portraits", "--store", "s"], "--root belongs to --csv"),
        (["cache", "info", "nowhere"], "There is no store at nowhere"),
        (["compare", "nowhere"], r"No results.json in nowhere"),
    ],
)
def test_wrong_input_is_one_message_and_leaves_nothing(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSA_DEBUG", raising=False)
    assert main(words) == WRONG_INPUT
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("fsa: ")
    assert "Traceback" not in err
    assert not list(tmp_path.glob("s*"))


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSA_DEBUG", "1")
    with pytest.raises(ValueError, match="There is no store"):
        main(["cache", "info", "nowhere"])


def test_weights_and_doctor_find_everything_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights"]) == DONE
    assert "Apache-2.0" in capsys.readouterr().out
    assert main(["doctor"]) == DONE
    assert "WRONG" not in capsys.readouterr().out


def test_doctor_says_what_is_wrong_and_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from fsa_data import doctor

    (tmp_path / "file").touch()
    monkeypatch.setenv("FSA_CACHE", str(tmp_path / "file"))
    found = {finding.name: finding for finding in doctor.examine()}
    assert not found["cache"].ok
    assert "Set FSA_CACHE" in found["cache"].text
    assert found["opencv"].ok


def test_the_installed_command_runs() -> None:
    fsa = Path(sys.executable).with_name("fsa")
    out = subprocess.run([fsa, "--version"], capture_output=True, text=True, check=True).stdout
    assert out.startswith("fsa-data ")
