"""Make golden.npz: a frame, its face, a donor, and the patch that the engine drew when its version was last raised.

    python tests/engines/make_golden.py

The faces are stored, so that another version of the landmark model cannot change them.
"""

from dataclasses import astuple
from pathlib import Path

import numpy as np

from fsa_data.engines.mesh_warp import ALGORITHM_VERSION, MeshWarp
from fsa_data.faces import load_landmarker
from fsa_data.simdrive import identity_photo
from fsa_data.types import Face, SourceFace

PATH = Path(__file__).with_name("golden.npz")
PARAMS = {"seed": 1, "slot": 0}


def swap(saved):
    """What the engine draws now for the stored frame, face and donor."""
    target = Face(saved["target_points"], *saved["target_pose"].tolist(), saved["target_blendshapes"], 1.0)
    worn = Face(saved["donor_points"], *saved["donor_pose"].tolist(), saved["donor_blendshapes"], 1.0)
    donor = SourceFace("donor", "0" * 32, saved["donor"], worn, {})
    return MeshWarp().swap(saved["frame"], target, [donor], PARAMS)


def main():
    """Draw it anew; to be committed together with a raised version."""
    saved = {"version": np.array(ALGORITHM_VERSION)}
    landmarker = load_landmarker()
    for name, image in (("target", identity_photo(0, 70, 20, 5, 160)), ("donor", identity_photo(0, 71, 10, 0, 160))):
        (face,) = landmarker(image)
        saved["frame" if name == "target" else "donor"] = image
        points, *pose, blendshapes, _ = astuple(face)
        saved |= {f"{name}_points": points, f"{name}_pose": np.array(pose), f"{name}_blendshapes": blendshapes}
    drawn = swap(saved)
    saved |= {"box": np.array(astuple(drawn.box)), "patch": drawn.patch}
    np.savez_compressed(PATH, **saved)


if __name__ == "__main__":
    main()
