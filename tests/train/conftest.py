import sys

import pytest

from train.run import main

TINY = (
    "data.subjects=3", "data.frames=1", "source=simdrive", "working_size=96", "model=efficientnet_lite1",
    "model.init=random", "fit.epochs=3", "fit.min_steps=0", "fit.image_size=32", "fit.batch_size=16", "trainer=cpu",
    "trainer.threads=1", "trainer.checkpoint_s=0", "executor.workers=1", "cv.folds=[0,2]", "gallery=17", "judge=0",
)  # fmt: skip
"""A whole run in seconds: three drawn drivers, one frame of each class."""


@pytest.fixture(scope="session")
def launch():
    """``launch(directory, *words)`` runs the command in this process and returns its exit code."""

    def run(directory, *words, preset=TINY):
        patch = pytest.MonkeyPatch()
        patch.setattr(sys, "argv", ["train/run.py"])
        patch.setenv("HYDRA_FULL_ERROR", "1")
        try:
            return main([*preset, *words, f"hydra.run.dir={directory}"])
        finally:
            patch.undo()

    return run


@pytest.fixture(scope="session")
def hybrid(launch, tmp_path_factory):
    """Directory of a finished run on real and swapped frames; not to be changed."""
    directory = tmp_path_factory.mktemp("runs") / "hybrid = a,b"
    assert launch(directory, "setup=hybrid") == 0
    return directory
