"""Does the machine give what is needed: a GPU if there is one, files, memory, locks, a clock?"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from fsa_data.doctor.finding import CheckFailedError
from fsa_data.errors import of_system
from fsa_data.paths import cache_dir

SHARED_MEMORY = Path("/dev/shm")
LEAST_SHARED_MB, LEAST_FREE_MB, LEAST_FILES = 256, 1000, 1024
SKEW_S = 60.0
"""How far the clocks of this machine and of its cache may be apart; files of dead writers are swept by their age."""

HIDDEN = ("", "-1", "NoDevFiles")
"""Values of CUDA_VISIBLE_DEVICES that leave no GPU."""


def gpu() -> str:
    """Whether PyTorch can use the GPU that the driver shows."""
    import torch

    if torch.cuda.is_available():
        try:
            torch.ones(2, device="cuda").sum().item()
        except RuntimeError as error:
            raise CheckFailedError(
                f"PyTorch {torch.__version__} sees {torch.cuda.get_device_name()} and cannot use it ({error}). "
                "Another build may: https://download.pytorch.org/whl/ ; meanwhile trainer=cpu"
            ) from error
        return torch.cuda.get_device_name()
    driver = _nvidia_smi()
    if not driver:
        return "mps" if torch.backends.mps.is_available() else "none here; everything runs on the CPU"
    if torch.version.cuda is None:
        raise CheckFailedError(
            f"There is a GPU, but torch {torch.__version__} is built for the CPU only. "
            "Mend: pip install --force-reinstall torch torchvision --index-url https://pypi.org/simple"
        )
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) in HIDDEN:
        raise CheckFailedError(f"CUDA_VISIBLE_DEVICES={chosen!r} hides every GPU. Mend: unset CUDA_VISIBLE_DEVICES")
    supports = re.search(r"CUDA Version: *(\d+)\.(\d+)", driver)
    if supports and (int(supports[1]), int(supports[2])) < tuple(map(int, torch.version.cuda.split("."))):
        version = f"{supports[1]}.{supports[2]}"
        raise CheckFailedError(
            f"The driver supports CUDA {version}, but torch {torch.__version__} is built for {torch.version.cuda}. "
            "Update the driver, or install an older build: pip install --force-reinstall torch torchvision "
            f"--index-url https://download.pytorch.org/whl/cuXYZ, XYZ at most {version.replace('.', '')}"
        )
    raise CheckFailedError(
        f"nvidia-smi sees a GPU, torch {torch.__version__} (CUDA {torch.version.cuda}) does not. In a container it "
        "has to be passed in: docker run --gpus all; else load the driver anew: sudo modprobe -r nvidia_uvm; sudo "
        "modprobe nvidia_uvm"
    )


def _nvidia_smi() -> str:
    """What the driver says; empty without a driver or a GPU."""
    if not shutil.which("nvidia-smi"):
        return ""
    try:
        done = subprocess.run(["nvidia-smi"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def limits() -> str:
    """What a process may have: open files, shared memory, a folder for temporary files."""
    import resource

    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= files < LEAST_FILES:
        can = "" if most < 0 or most >= LEAST_FILES else f" (the hard limit is {most}: ask the administrator)"
        raise CheckFailedError(f"Only {files} files may be open at once. Mend: ulimit -n {4 * LEAST_FILES}{can}")
    if SHARED_MEMORY.is_dir() and (mb := shutil.disk_usage(SHARED_MEMORY).free / 1e6) < LEAST_SHARED_MB:
        raise CheckFailedError(
            f"{SHARED_MEMORY} has {mb:.0f} MB free, too little for the workers of a DataLoader (they die by SIGBUS). "
            "Mend: docker run --shm-size=2g, or num_workers=0"
        )
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as error:
        raise CheckFailedError(f"No temporary file can be made ({of_system(error)}). Set TMPDIR=DIR.") from error
    return f"{files} open files, temporary files in {tempfile.gettempdir()}"


def cache() -> str:
    """The folder of everything that can be made again: writable, with room, on a clock like this one."""
    folder = cache_dir().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            skew_s = Path(probe.name).stat().st_mtime - time.time()
    except OSError as error:
        raise CheckFailedError(
            f"{folder} cannot be written: {error.strerror}. Set FSA_CACHE to another folder."
        ) from error
    free_mb = shutil.disk_usage(folder).free / 1e6
    if free_mb < LEAST_FREE_MB:
        raise CheckFailedError(f"Only {free_mb:.0f} MB are free in {folder}. Free some or set FSA_CACHE elsewhere.")
    if abs(skew_s) > SKEW_S:
        raise CheckFailedError(
            f"The clock of this machine and that of {folder} are {abs(skew_s):.0f} s apart. "
            "Mend: timedatectl set-ntp true (on both machines)"
        )
    return f"{folder}, {free_mb / 1000:.0f} GB free"


def hdf5() -> str:
    """Write and open a file where swaps are kept: network file systems may refuse the locks."""
    import h5py
    from filelock import FileLock

    folder = cache_dir().absolute()
    probe, lock = folder / f".doctor-{os.getpid()}.h5", folder / f".doctor-{os.getpid()}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(probe.name, "w", driver="core", backing_store=False) as file:
            file["x"] = 1
            file.flush()
            probe.write_bytes(file.id.get_file_image())
        try:
            h5py.File(probe, "r").close()
        except OSError as error:
            raise CheckFailedError(
                f"HDF5 cannot open its file in {folder} ({error}). Mend: export HDF5_USE_FILE_LOCKING=FALSE"
            ) from error
        try:
            FileLock(lock).acquire(timeout=0).lock.release()
        except (OSError, NotImplementedError) as error:
            raise CheckFailedError(
                f"Files in {folder} cannot be locked ({error}), so two runs would not notice each other. "
                "Set FSA_CACHE to a local disk, and hydra.run.dir as well."
            ) from error
    except OSError as error:
        raise CheckFailedError(f"{of_system(error)}. Set FSA_CACHE to another folder.") from error
    finally:
        for path in (probe, lock):
            with contextlib.suppress(OSError):  # it was not even made
                path.unlink()
    return f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}, files can be locked"
