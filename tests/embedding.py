"""Who is on a picture, told by a network that no engine uses: dlib's face recognition ResNet.

King, "Dlib-ml" (2009) and the model's notes: 128 numbers per face, Euclidean distance, about 0.6 between strangers.
"""

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np


@cache
def _models():
    import dlib

    # its __init__ needs a part of setuptools that is gone; only the files are wanted
    folder = Path(importlib.util.find_spec("face_recognition_models").origin).parent / "models"
    corners = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
    return dlib, corners, network


def embed(image, face):
    """Embedding of a face, ``(128,)``; the face only says where to look."""
    dlib, corners, network = _models()
    box = face.box
    # dlib's frontal detector frames a face from the brows to the chin
    top = box.y + int(0.2 * box.h)
    where = dlib.rectangle(box.x, top, box.x + box.w, box.y + box.h)
    shape = corners(np.ascontiguousarray(image), where)
    return np.array(network.compute_face_descriptor(np.ascontiguousarray(image), shape, 1))
