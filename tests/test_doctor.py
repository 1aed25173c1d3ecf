"""Each check of `fsa doctor`, by provoking what it is there for."""

import fcntl
import os
import resource
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from fsa_data import doctor, preflight
from fsa_data.cli import FAILURES, main
from fsa_data.doctor import installation, machine
from fsa_data.doctor.finding import CheckFailedError

SMI = "| NVIDIA-SMI 535.1    Driver Version: 535.1    CUDA Version: 12.2 |"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FSA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def wrong(check: Callable[[], str]) -> str:
    with pytest.raises(CheckFailedError) as caught:
        check()
    return str(caught.value)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """``install(name, version)`` makes it look as if a distribution of this version were installed."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def made(name: str, version: str) -> None:
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    return made


def test_a_missing_system_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "SYSTEM_LIBRARIES", {"libGLnone.so.1": "libgl1"})
    assert "apt-get install -y libgl1" in wrong(installation.system)


def test_a_package_out_of_its_bounds_or_missing(monkeypatch: pytest.MonkeyPatch, install: Callable[..., None]) -> None:
    assert "packages within their bounds" in installation.packages()
    install("numpy", "1.26.4")
    assert wrong(installation.packages) == "Not as needed: numpy 1.26.4. Mend: pip install 'numpy>=2.0'"
    needed = ["no-such-thing>=1", "absent; extra == 'dev'"]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: needed)
    assert wrong(installation.packages).endswith("no-such-thing missing. Mend: pip install 'no-such-thing>=1'")


def test_two_opencv_packages_of_different_versions(install: Callable[..., None]) -> None:
    install("opencv-python-headless", "4.9.0.80")
    text = wrong(installation.opencv)
    assert "opencv-python-headless 4.9.0.80 share one cv2 and must be of one version" in text
    assert "--no-deps opencv-python==5.0.0.93 opencv-contrib-python==5.0.0.93 opencv-python-headless==5.0.0.93" in text


def test_an_opencv_that_was_written_over_or_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.__version__", "4.9.0")
    assert "cv2 is of version 4.9.0, but 5.0.0.93 is installed: files are mixed. Mend: pip" in wrong(
        installation.opencv
    )
    monkeypatch.delattr("cv2.__version__")
    assert "cv2 cannot be imported" in wrong(installation.opencv)


def test_a_package_built_for_another_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88"
    (tmp_path / "old_build.py").write_text(f"raise ValueError({said!r})")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(installation, "COMPILED", ("numpy", "old_build"))
    text = wrong(installation.compiled)
    assert text.startswith("old_build cannot be imported with numpy 2.")
    assert said in text
    assert "pip install --force-reinstall --no-cache-dir --no-deps old_build" in text


def test_a_compromised_lightning(install: Callable[..., None]) -> None:
    install("pytorch-lightning", "2.6.3")
    assert "2.6.3 is on the list of compromised releases. pip install -U" in wrong(installation.lightning)


def test_torchvision_built_for_another_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("torchvision.ops.nms", missing)
    text = wrong(installation.torch)
    assert "do not fit together (operator torchvision::nms does not exist)" in text
    assert "pip install --force-reinstall torch torchvision" in text


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``driver(says, code)`` puts an ``nvidia-smi`` on the path of a machine whose GPU torch does not see."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    monkeypatch.setattr("torch.version.cuda", "13.0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def put(says: str = SMI, code: int = 0) -> None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)

    return put


def test_no_gpu_is_nothing_wrong(driver: Callable[..., None]) -> None:
    driver("NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.", 9)
    assert machine.gpu().startswith("none here")


def test_the_cpu_build_beside_a_gpu(driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    driver()
    monkeypatch.setattr("torch.version.cuda", None)
    text = wrong(machine.gpu)
    assert "is built for the CPU only. Mend: pip install --force-reinstall torch torchvision --index-url" in text


def test_a_hidden_gpu(driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    driver()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert wrong(machine.gpu).endswith("Mend: unset CUDA_VISIBLE_DEVICES")


def test_a_driver_that_is_too_old(driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    driver()
    text = wrong(machine.gpu)
    assert "The driver supports CUDA 12.2, but torch" in text
    assert "Update the driver, or" in text
    assert "XYZ at most 122" in text
    monkeypatch.setattr("torch.version.cuda", "12.1")
    assert "docker run --gpus all" in wrong(machine.gpu)


def test_a_gpu_for_which_torch_has_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Tesla K80")
    monkeypatch.setattr("torch.ones", none)
    assert "sees Tesla K80 and cannot use it (CUDA error: no kernel image" in wrong(machine.gpu)


def test_no_encoder_for_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "ENCODERS", {"libx999": ".mp4"})
    text = wrong(installation.video)
    assert "has no encoder libx999: `fsa swap` cannot write .mp4. Mend: pip install" in text


def test_compiled_code_that_cannot_be_kept() -> None:
    """In a process of its own: numba asks when the module is imported."""
    code = """
        import numba.core.caching
        numba.core.caching.CacheImpl._locator_classes = []
        from fsa_data.doctor import installation
        installation.numba()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert "cannot cache function" in done.stderr
    assert "Mend: export NUMBA_CACHE_DIR=DIR" in done.stderr.splitlines()[-1]


def test_too_few_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))
    try:
        assert wrong(machine.limits).startswith("Only 500 files may be open at once. Mend: ulimit -n 4096")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_little_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(machine, "LEAST_SHARED_MB", 1e12)
    assert "Mend: docker run --shm-size=2g" in wrong(machine.limits)


def test_no_room_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert wrong(machine.limits).endswith("Set TMPDIR=DIR.")


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.touch()
    for check in (machine.cache, machine.hdf5):
        assert "Set FSA_CACHE to another folder." in wrong(check)


def test_a_full_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE_MB", 1e12)
    assert "MB are free in" in wrong(machine.cache)


def test_clocks_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    now = machine.time.time()
    monkeypatch.setattr(machine.time, "time", lambda: now + 3600)
    assert "s apart. Mend: timedatectl set-ntp true" in wrong(machine.cache)


def test_a_file_system_that_refuses_hdf5_its_lock(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a network file system does: here somebody else holds the lock."""
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    assert machine.hdf5().endswith("files can be locked")
    assert not list(cache.iterdir())
    with (cache / f".doctor-{os.getpid()}.h5").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        text = wrong(machine.hdf5)
    assert "lock" in text
    assert text.endswith("Mend: export HDF5_USE_FILE_LOCKING=FALSE")


def test_a_file_system_without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert "cannot be locked ([Errno 37] No locks available)" in wrong(machine.hdf5)


def test_a_model_file_of_other_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "face_landmarker_v2.task").write_bytes(b"junk")
    monkeypatch.setenv("FSA_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name] for name in ("cache", "weights", "landmarks")})
    assert main(["doctor"]) == FAILURES
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", "cache"], ["WRONG", "weights"], ["WRONG", "landmarks"]]
    assert all("is not the registered file of 'face_landmarker'" in line for line in lines[1:])


def test_the_imagenet_weights_are_a_hint_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert "without a network model.init=lite1" in installation.weights()
    (tmp_path / "models--timm--efficientnet_b1.ft_in1k").mkdir()
    assert "kept by timm" in installation.weights()


def test_a_landmarker_that_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsa_data.faces.load_landmarker", lambda: lambda image: [])
    assert "finds a face in 0 of the 2 portraits" in wrong(installation.landmarks)


def test_whatever_fails_is_a_finding_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise ZeroDivisionError("by nobody foreseen")

    monkeypatch.setattr(doctor, "CHECKS", {"broken": broken, "lightning": installation.lightning})
    first, second = doctor.examine()
    assert (first.ok, first.text) == (False, "ZeroDivisionError: by nobody foreseen")
    assert second.ok
