"""Deep3DFaceRecon's modules, computed by ours on the inputs of a fixture."""

from dataclasses import replace

import numpy as np
import torch

from fsa_data.recon import align, losses, morphable
from tests.parity.recipe import generator, make_input
from tests.recon import synthetic


def face_model(fixture):
    """Outputs of the parametric model and the values of the six losses."""
    config, (spec,) = fixture.meta["config"], fixture.meta["inputs"]
    model = synthetic.model(config["rows"], config["cols"], config["tag"], config["recenter"])
    camera = morphable.Camera(config["focal"], config["center"], config["camera_distance"])
    rng, batch = generator(spec["seed"]), spec["shape"][0]

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


def alignment(fixture):
    """POS, the cut, its landmarks, the five of 68 points and ArcFace's transform."""
    config, (drawn, picture) = fixture.meta["config"], fixture.meta["inputs"]
    width, height = config["W"], config["H"]
    rng = generator(drawn["seed"])
    base = np.array([[-0.32, 0.28, 0.1], [0.32, 0.28, 0.1], [0, 0, 0.45], [-0.25, -0.32, 0.15], [0.25, -0.32, 0.15]])
    mean = base + 0.02 * rng.standard_normal((5, 3))
    turn = 0.2 * rng.standard_normal()
    size = width / 4 * (1 + 0.1 * rng.random())
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = mean[:, :2] @ rotation * size + [0.52 * width, 0.47 * height] + rng.standard_normal((5, 2))
    points68 = rng.random((68, 2)) * 150 + 40
    image = make_input(picture)[0].permute(1, 2, 0).numpy().round().astype(np.uint8)
    origin, scale = align.fit_pos(points, mean)
    cut = replace(align.place(points, mean, width, height, config["rescale_factor"]), side=int(config["target_size"]))
    down = align.five_points(points68) * [1, -1] + [0, 224 - 1]
    return {
        "pos_t": origin,
        "pos_s": np.array([scale]),
        "trans_params": np.array([cut.width, cut.height, cut.scale, cut.x, cut.y]),
        "lm_new": cut.to_cut(points),
        "img_new": align.cut_out(image, cut).transpose(2, 0, 1),
        "five_from_68": align.five_points(points68),
        "arcface_M": align.arcface_transform(down),
    }
