"""DaGAN: its networks, its road from two images to a third, and its losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fsa_data.engines.dagan.depth_losses import camera_matrix, scale_loss
from fsa_data.engines.dagan.losses import Bend, Pyramid, Weights, discriminator_losses, generator_losses
from fsa_data.engines.dagan.motion import relative
from fsa_data.engines.dagan.perceptual import Vgg19
from fsa_data.nets import build
from fsa_data.nets.dagan_layers import KeyPoints
from tests.parity.recipe import Fixture, filled, gradient_norm, made_up, make_inputs


def key_points(fixture: Fixture) -> dict[str, Any]:
    """``value`` and ``jacobian``."""
    return dict(filled(fixture)(make_inputs(fixture)["rgbd"])._asdict())


def moved(fixture: Fixture) -> dict[str, Any]:
    """A generator's picture, and how it came to it."""
    given = make_inputs(fixture)
    source, driving = (_points(given, f"kp_{side}") for side in ("source", "driving"))
    made = filled(fixture)(given["source_image"], source, driving, given["source_depth"])
    return {
        "mask": made.motion.mask,
        "sparse_deformed": made.motion.sparse_deformed,
        "occlusion_map": made.motion.occlusion,
        "deformed": made.deformed,
        "prediction": made.prediction,
        "deformation_grid": made.motion.deformation.permute(0, 3, 1, 2),
        "attention_rows": made.attention[:, :: made.attention.shape[1] // _rows(fixture)],
    }


def _rows(fixture: Fixture) -> int:
    shape: list[int] = fixture.meta["outputs"]["attention_rows"]["shape"]
    return shape[1]


def _points(given: dict[str, Tensor], name: str) -> KeyPoints:
    return KeyPoints(given[f"{name}.value"], given.get(f"{name}.jacobian"))


def judged(fixture: Fixture) -> dict[str, Any]:
    """Of the first scale the map and every block's features."""
    given = make_inputs(fixture)
    points = _points(given, "kp_driving") if "kp_driving.value" in given else None
    network = filled(fixture)
    images = {scale: given[f"prediction_{scale}"] for scale in network.scales}
    said = next(iter(network(images, points).values()))
    return {"prediction_map": said.prediction_map, **{f"feature{i}": one for i, one in enumerate(said.features)}}


def depth(fixture: Fixture) -> dict[str, Any]:
    """Disparities of every scale, and the last features."""
    config = fixture.meta["config"]
    encoder = filled(fixture, build("DaGAN.ResnetEncoder", num_layers=config["num_layers"]), "encoder")
    scales = config.get("scales", (0, 1, 2, 3))
    decoder = filled(fixture, build("DaGAN.DepthDecoder", num_ch_enc=encoder.num_ch_enc, scales=scales), "decoder")
    features = encoder(make_inputs(fixture)["image"])
    return {**{f"disp{scale}": one for scale, one in decoder(features).items()}, "feat4": features[-1]}


def pose(fixture: Fixture) -> dict[str, Any]:
    """Motion of the camera between two images, and the camera."""
    config = dict(fixture.meta["config"])
    first = {name: config.pop(name) for name in ("num_layers", "num_input_images")}
    encoder = filled(fixture, build("DaGAN.ResnetEncoder", **first), "encoder")
    decoder = filled(fixture, build("DaGAN.PoseDecoder", num_ch_enc=encoder.num_ch_enc, **config), "pose")
    return dict(decoder([encoder(make_inputs(fixture)["pair"])])._asdict())


def road(fixture: Fixture) -> dict[str, Any]:
    """From two images to a third: depth, key points, whose they shall be, pictures."""
    config, given = fixture.meta["config"], make_inputs(fixture)
    depth = _depth_net(config["depth_layers"])
    detector = made_up(build("DaGAN.KPDetector", **config["kp_cfg"]))
    mover = made_up(build(f"DaGAN.{config['generator']}", **config["generator_cfg"]))
    depths = {name: depth(image) for name, image in given.items()}
    points = {name: detector(torch.cat([image, depths[name]], 1)) for name, image in given.items()}
    source, driving, initial = (points[name] for name in ("source", "driving", "driving_initial"))
    wanted = {
        "rel_adapt": relative(source, driving, initial),
        "rel": relative(source, driving, initial, adapt_scale=False),
        "abs": driving,
    }
    found: dict[str, Any] = {
        "depth_source": depths["source"],
        "depth_driving": depths["driving"],
        "kp_source_value": source.value,
        "kp_driving_value": driving.value,
        "kp_initial_value": initial.value,
        "kp_driving_jacobian": driving.jacobian,
    }
    for name, kp in wanted.items():
        found |= {f"kp_norm_{name}_value": kp.value, f"kp_norm_{name}_jacobian": kp.jacobian}
        if f"prediction_{name}" in fixture.meta["outputs"]:
            found[f"prediction_{name}"] = mover(given["source"], source, kp, depths["source"]).prediction
    return found


def _depth_net(layers: int) -> nn.Module:
    net = build("DaGAN.DepthNet", num_layers=layers)
    for part in net.children():
        made_up(part)
    return net.eval()


def losses(fixture: Fixture) -> dict[str, Any]:
    """Every loss of one step, and how long the generator's gradients are."""
    config, given = fixture.meta["config"], make_inputs(fixture)
    count = config["num_kp"]
    depth, eyes = _depth_net(config["depth_layers"]).requires_grad_(False), made_up(Vgg19(), 2**0.5)
    detector = made_up(build("DaGAN.KPDetector", num_kp=count))
    mover = made_up(build(f"DaGAN.{config['generator']}", num_kp=count))
    judge = made_up(build("DaGAN.MultiScaleDiscriminator", num_kp=count))
    bend = Bend(torch.eye(2, 3) + given["tps_theta_noise"], given["tps_control_params"])
    pyramid, weights = Pyramid(config["scales"]), _weights(config["loss_weights"])

    def detect(image: Tensor) -> KeyPoints:
        found: KeyPoints = detector(torch.cat([image, depth(image)], 1))
        return found

    source, driving = given["source"], given["driving"]
    with torch.enable_grad():
        points = detect(source), detect(driving)
        made = mover(source, *points, depth(source))
        parts = generator_losses(weights, eyes, pyramid, judge, detect, driving, made, points, bend)
        norms = {
            "gradnorm_generator": gradient_norm(parts.total, mover),
            "gradnorm_kp": gradient_norm(parts.total, detector),
        }
        judged = discriminator_losses(weights, pyramid, judge, driving, made.prediction, points[1])
    bent = bend.image(driving)
    scalars = {**parts._asdict(), "disc_gan": judged, "total_generator": parts.total}
    return {
        **{name: value.reshape(1) for name, value in scalars.items()},
        **norms,
        "transformed_frame": bent,
        "transformed_kp": detect(bent).value,
    }


def _weights(given: dict[str, Any]) -> Weights:
    """Equal weights of several levels are one."""
    known = Weights.__dataclass_fields__
    flat = {name: value[0] if isinstance(value, list) else value for name, value in given.items()}
    return Weights(**{name: value for name, value in flat.items() if name in known})


def self_supervision(fixture: Fixture) -> dict[str, Any]:
    """Every scale's loss, cameras, and the neighbours as they are seen from the frame."""
    given = make_inputs(fixture)
    camera = torch.tensor(fixture.meta["config"]["K"], dtype=torch.float32)[None]
    turns, shifts = given["axisangle"], given["translation"]
    matrices = camera_matrix(turns[:, 0], shifts[:, 0], True), camera_matrix(turns[:, 1], shifts[:, 1], False)
    neighbours = given["frame-1"], given["frame1"]
    found: dict[str, Any] = {"T_prev": matrices[0], "T_next": matrices[1]}
    totals = []
    for scale in range(4):
        loss, views = scale_loss(scale, given[f"disp{scale}"], given["frame0"], neighbours, matrices, camera, noise=0.0)
        found[f"scale{scale}"] = torch.stack(list(loss))
        totals.append(loss.total)
        if scale == 0:
            for name, view in zip(("prev", "next"), views, strict=True):
                found |= {f"grid_{name}": view.grid.permute(0, 3, 1, 2), f"warp_{name}": view.image}
    return {**found, "total": torch.stack(totals).mean().reshape(1)}
