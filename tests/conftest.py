"""Shared by all tests: no network, a cache of their own, the real photos where they are."""

import os
import socket
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
