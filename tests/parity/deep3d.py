"""Deep3DFaceRecon's modules, computed by ours on the inputs of a fixture."""

import numpy as np
import torch

from fsa_data.recon import losses, morphable
from tests.recon import synthetic


def face_model(fixture):
    """Outputs of the parametric model and the values of the six losses."""
    config, (spec,) = fixture.meta["config"], fixture.meta["inputs"]
    model = synthetic.model(config["rows"], config["cols"], config["tag"])
    camera = morphable.Camera(config["focal"], config["center"], config["camera_distance"])
    rng, batch = np.random.Generator(np.random.PCG64(spec["seed"])), spec["shape"][0]

    def tensor(array):
        return torch.from_numpy(np.asarray(array, np.float32))

    vector = rng.standard_normal(spec["shape"]).astype(np.float32)
    vector[:, 224:227] *= 0.3
    vector[:, 227:] *= 0.2
    wanted = tensor(rng.random((batch, 68, 2)) * 224)
    image, other = (tensor(rng.random((batch, 3, 32, 32))) for _ in range(2))
    mask = tensor(rng.random((batch, 1, 32, 32)) > 0.4)
    one, two = (torch.nn.functional.normalize(tensor(rng.standard_normal((batch, 512))), dim=-1) for _ in range(2))
    coefficients = morphable.Coefficients.split(tensor(vector), model.sizes)
    seen = morphable.surface(model, coefficients, camera)
    values = [
        losses.coefficient_loss(coefficients),
        losses.lighting_loss(coefficients.lighting),
        losses.landmark_loss(seen.landmarks_px, wanted),
        losses.photo_loss(image, other, mask),
        losses.reflectance_loss(seen.albedo, model.skin_mask),
        losses.perceptual_loss(one, two),
    ]
    outputs = {
        "shape": seen.shape,
        "normal": seen.normals,
        "rotation": seen.rotation,
        "vertex": morphable.to_camera(seen.world, camera),
        "texture": seen.albedo,
        "color": seen.colour,
        "landmark": seen.landmarks_px,
        "losses": torch.stack(values),
    }
    return {name: value.numpy() for name, value in outputs.items()}
