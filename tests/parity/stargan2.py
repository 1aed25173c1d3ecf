"""StarGAN v2: its four networks, the landmark network behind its masks, and its losses."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch

from fsa_data.engines.stargan2.losses import Networks, Wanted, Weights, discriminator_loss, generator_loss
from fsa_data.faces.heat_maps import points_of_maps
from fsa_data.nets import build
from fsa_data.nets.wing import masks_of_maps
from tests.parity.recipe import Fixture, ParityError, filled, generator, gradient_norm, made_up, make_inputs


def styled(fixture: Fixture) -> dict[str, Any]:
    """``image``, and ``image_nomask`` if there is a high-pass path."""
    network, given = filled(fixture), make_inputs(fixture)
    masks = [given[name] for name in ("mask0", "mask1") if name in given]
    plain = network(given["x"], given["s"])
    return {"image": network(given["x"], given["s"], masks) if masks else plain, "image_nomask": plain}


def heat_maps(fixture: Fixture) -> dict[str, Any]:
    """Heat maps, what the first hour-glass knew of outlines, and points in pixels of the input."""
    images = make_inputs(fixture)["x"] * 0.5 + 0.5
    maps, planes = filled(fixture)(images)
    points, _ = points_of_maps(maps[0][:, :-1].numpy())
    return {"heatmaps": maps[0], "boundary": planes[0], "landmarks": points * (images.shape[3] // maps[0].shape[3])}


def masks(fixture: Fixture) -> dict[str, Any]:
    """Masks of full heat maps, of a quarter of them, and the points of these."""
    maps = _bells(fixture.meta["inputs"][0])
    small = maps[:, :, ::4, ::4].contiguous()
    again = torch.nn.functional.interpolate(small, scale_factor=4, mode="bilinear", align_corners=True)
    found = dict(zip(("mask0", "mask1"), masks_of_maps(maps), strict=True))
    found |= dict(zip(("mask0_from64", "mask1_from64"), masks_of_maps(again), strict=True))
    return found | {"preds64": points_of_maps(small.numpy())[0]}


def _bells(spec: Any) -> torch.Tensor:
    number = r"([0-9.]+)"
    said = re.search(
        rf"random\(\((\d+),2\)\)\*{number}\+{number} .*?random\(\d+\)\*{number}\+{number};"
        rf".*?\(2\*{number}\^2\)\) on (\d+)x",
        spec["custom"],
    )
    if said is None:
        raise ParityError(f"input {spec['name']!r} is described in words: {spec['custom']}")
    count, spread, shift, much, least, sigma, side = (float(text) for text in said.groups())
    rng = generator(spec["seed"])
    middle = rng.random((int(count), 2)) * spread + shift
    height = rng.random(int(count)) * much + least
    rows, columns = np.mgrid[: int(side), : int(side)]
    apart = (columns - middle[:, 0, None, None]) ** 2 + (rows - middle[:, 1, None, None]) ** 2
    return torch.from_numpy((height[:, None, None] * np.exp(-apart / (2 * sigma**2))).astype(np.float32))[None]


def losses(fixture: Fixture) -> dict[str, Any]:
    """Every loss of one step with random styles and of one with references, and how long their gradients are."""
    config, given = fixture.meta["config"], make_inputs(fixture)
    networks = _networks(config)
    weights = Weights(*(config[f"lambda_{name}"] for name in ("reg", "sty", "ds", "cyc")))
    random = Wanted(given["y_trg"], z=(given["z"], given["z2"]))
    shown = Wanted(given["y_trg"], reference=(given["x_ref"], given["x_ref2"]))
    parts = {
        "gen": networks.generator,
        "sty": networks.style_encoder,
        "map": networks.mapping_network,
    }
    found: dict[str, Any] = {}
    with torch.enable_grad():
        for name, wanted in (("latent", random), ("ref", shown)):
            judged = discriminator_loss(networks, weights, given["x_real"], given["y_org"], wanted)
            found[f"d_{name}"] = torch.stack(list(judged))
            found[f"d_{name}_gradnorm"] = gradient_norm(judged.total, networks.judge)
            drawn = generator_loss(networks, weights, given["x_real"], given["y_org"], wanted)
            found[f"g_{name}"] = torch.stack(list(drawn))
            for part, network in parts.items():
                if f"g_{name}_gradnorm_{part}" in fixture.meta["outputs"]:
                    found[f"g_{name}_gradnorm_{part}"] = gradient_norm(drawn.total, network)
    return found


def _networks(config: Any) -> Networks:
    size, domains = config["img_size"], config["num_domains"]
    generator = build("StarGANv2.Generator", img_size=size, w_hpf=config["w_hpf"])
    mapping = build("StarGANv2.MappingNetwork", num_domains=domains)
    encoder = build("StarGANv2.StyleEncoder", img_size=size, num_domains=domains)
    judge = build("StarGANv2.Discriminator", img_size=size, num_domains=domains)
    made = [made_up(each) for each in (generator, mapping, encoder, judge)]
    return Networks(*made)  # type: ignore[arg-type]
