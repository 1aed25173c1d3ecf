"""What the README shows is true: its example runs, its commands exist, its files are there."""

import re
import shlex
from pathlib import Path

import pytest

from fsa_data.cli import _parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(code.strip().splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {"__name__": "__main__"}
    exec(compile(code, "README.md", "exec"), scope)
    assert tuple(scope["images"].shape) == (8, 3, 240, 320)
    assert "frames to train on" in capsys.readouterr().out


def test_the_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?\bmake ([a-z-]+)", README)) - {"it", "them"}:
        assert re.search(rf"^{target}:", makefile, re.M), target
    for command in re.findall(r"`(fsa [^`]+)`", README):
        _parser().parse_args(shlex.split(command)[1:])


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).is_file(), link
