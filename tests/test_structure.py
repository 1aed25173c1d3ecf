"""The house keeps its shape: imports point one way, importing stays light, the version is said once."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fsa_data

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fsa_data"
# Each room may import only from rooms that stand before it.
ORDER = (
    *("_version", "preflight", "errors", "types", "paths", "weights", "mesh", "simdrive", "frames", "nets", "faces"),
    *("recon", "sources", "merge", "engines", "quality", "store", "worker", "datasets", "evaluate", "doctor"),
    *("commands", "cli"),
)
FILES = sorted(PACKAGE.rglob("*.py"))


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _imports(file: Path) -> set[str]:
    """Rooms that a file imports from, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {_room(a.name) for a in node.names if a.name.split(".")[0] == "fsa_data"}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "fsa_data":
            names = [a.name for a in node.names] if node.module == "fsa_data" else [str(node.module).split(".")[1]]
            found |= set(names)
    return found - {""}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_one_way(file: Path) -> None:
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return  # the lazy exports name every room by design
    assert room in ORDER, f"{room} has no place in the order; give it one"
    later = {r for r in _imports(file) if r not in ORDER or ORDER.index(r) > ORDER.index(room)}
    assert not later, f"{file.relative_to(ROOT)} imports {sorted(later)}, which come after {room}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_no_relative_imports(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert not [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]


def test_import_is_light() -> None:
    heavy = (
        "torch",
        "mediapipe",
        "pytorch_lightning",
        "hydra",
        "matplotlib",
        "timm",
        "sklearn",
        "cv2",
        "h5py",
        "numba",
    )
    code = f"import sys, fsa_data; print(sorted(set({heavy!r}) & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_an_engine_without_networks_needs_no_torch() -> None:
    code = "import sys; from fsa_data import load_engine; load_engine('mesh_warp'); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False"


def test_datasets_need_no_training_or_landmark_library() -> None:
    heavy = ("mediapipe", "pytorch_lightning", "hydra", "matplotlib", "timm", "sklearn")
    code = (
        "import sys; from fsa_data import DeepfakeAugmentedMaskDAR, FaceSwap, SwapStore, load_engine, load_source;"
        f"print(sorted(set({heavy!r}) & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_public_names_are_there_and_unknown_ones_are_not() -> None:
    for name in fsa_data.__all__:
        assert getattr(fsa_data, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = fsa_data.Nothing


def test_the_version_is_said_once() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"version: {fsa_data.__version__}" in citation
    assert re.search(rf"^## \[{re.escape(fsa_data.__version__)}\]", changelog, re.M)


def test_no_print_of_the_machine_it_was_written_on() -> None:
    texts = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".yaml", ".cfg", ".toml"}]
    texts = [p for p in texts if not {".venv", "cache", "runs", "build", ".git"} & set(p.relative_to(ROOT).parts)]
    home = re.compile(r"/(?:home|root|Users|work)/[a-z]")
    assert not [str(p) for p in texts if p != Path(__file__) and home.search(p.read_text(encoding="utf-8"))]
