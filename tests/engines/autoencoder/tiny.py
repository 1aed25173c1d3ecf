"""Faces and presets for trainings that take seconds."""

import numpy as np

from fsa_data.engines.autoencoder.face_tensors import face_tensors
from fsa_data.engines.autoencoder.preset import load_preset

SIZES = {"ae_dims": 8, "e_dims": 4, "d_dims": 4, "d_mask_dims": 4, "batch_size": 2, "lr_warm_up": 5}


def made_up_faces(name, seed, count=6, size=64):
    """Aligned pictures of nobody: a pattern with a round mask."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    tone = rng.uniform(0.3, 0.9, 3)
    waves = [0.2 * np.sin(8 * rows + shift) * np.cos(6 * columns + shift) for shift in rng.uniform(0, 1, count)]
    images = np.stack([255 * np.clip(tone + wave[..., None], 0, 1) for wave in waves]).astype(np.uint8)
    mask = 255 * ((rows - 0.5) ** 2 + (columns - 0.5) ** 2 < 0.15).astype(np.uint8)
    points = rng.uniform(size * 0.4, size * 0.6, (count, 68, 2)).astype(np.float32)
    yaw = np.linspace(-30, 30, count, dtype=np.float32)
    return face_tensors(images, np.repeat(mask[None], count, 0), points, yaw, {name})


def tiny(**changes):
    """A preset that needs no patience."""
    return load_preset("tiny", **({"iterations": 6} | SIZES | changes))
