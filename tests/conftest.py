"""Shared by all tests: no network, a cache of their own, the real photos where they are."""

import os
import socket
import stat
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def media() -> Path:
    """Folder with real photos and a clip (never part of the project); skips where it is absent."""
    folder = Path(os.environ.get("FSA_MEDIA") or ROOT.parent / "shared" / "media")
    if not (folder / "london" / "frames.csv").is_file():
        pytest.skip("the real photos are not here (set FSA_MEDIA to their folder)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory):
    """Everything the tests generate goes to a folder of their own, shared by the whole session."""
    patch = pytest.MonkeyPatch()
    if "FSA_CACHE" not in os.environ:
        patch.setenv("FSA_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection to another machine fails at once; nothing may be downloaded in a test."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if self.family == socket.AF_UNIX or (isinstance(address, tuple) and address[0] in ("127.0.0.1", "::1")):
            real(self, address)  # type: ignore[arg-type]
            return
        raise OSError(f"a test tried to reach {address!r}")

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def unprivileged(tmp_path_factory: pytest.TempPathFactory):
    """As somebody who must respect permissions (the suite may run as root); what is imported must be so before."""
    if os.geteuid() == 0:
        base = tmp_path_factory.getbasetemp()
        for folder in (base.parent, base):
            folder.chmod(folder.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.fixture
def face_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with ``face.png`` in it; everything else each test puts there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSA_DEBUG", raising=False)
    write_face(tmp_path / "face.png")
    return tmp_path


def write_face(path: Path) -> None:
    """A picture of a face, 256 x 256."""
    import cv2

    from fsa_data.sources import load_source

    photo = load_source("portraits").photos[0].load()
    cv2.imwrite(str(path), cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[:, :, ::-1])
