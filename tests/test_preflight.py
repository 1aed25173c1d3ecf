import subprocess
import sys
from pathlib import Path

import pytest

from fsa_data import preflight

FILE = Path(preflight.__file__)


def test_runs_as_a_plain_file_without_the_package(tmp_path: Path) -> None:
    out = subprocess.run([sys.executable, "-I", FILE, tmp_path], capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr


def test_missing_libraries_are_named_with_their_debian_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "SYSTEM_LIBRARIES", {"libno-such.so.9": "no-such9", "libc.so.6": "libc6"})
    assert preflight.missing_packages() == ["no-such9"]
    assert "apt-get install -y no-such9" in preflight.problems(Path())[0]
    assert preflight.main([]) == 2


def test_too_little_room_is_named_unless_the_environment_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preflight, "ENVIRONMENT_GB", 1e9)
    assert "GB are free" in preflight.problems(tmp_path / "venv")[0]
    (tmp_path / "venv").mkdir()
    assert preflight.problems(tmp_path / "venv") == []
