"""The networks of the house at their published sizes, and one whole training step of those that are trained here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from fsa_data.engines.profile.measure import Inputs
from fsa_data.nets import build
from fsa_data.nets.dagan_layers import KeyPoints


@dataclass(frozen=True, slots=True)
class Case:
    """One network.

    Attributes:
        build: makes it.
        inputs: its arguments.
        about: what it sees, one line.
        reenactment: whether it moves faces, as T2's networks do.
    """

    build: Callable[[], nn.Module]
    inputs: Inputs
    about: str
    reenactment: bool = False


def _images(count: int, side: int, *more: int, channels: int = 3, width: int = 0) -> Inputs:
    """Pictures, then integers of these ranges."""

    def make(batch: int, device: torch.device) -> tuple[Any, ...]:
        shape = batch, channels, side, width or side
        pictures = [torch.rand(shape, device=device) for _ in range(count)]
        return *pictures, *(torch.zeros(batch, dtype=torch.long, device=device) for _ in more)

    return make


def _styled(masked: bool) -> Inputs:
    def make(batch: int, device: torch.device) -> tuple[Any, ...]:
        image, style = torch.rand(batch, 3, 256, 256, device=device), torch.rand(batch, 64, device=device)
        masks = [torch.rand(batch, 1, 256, 256, device=device) for _ in range(2)]
        return (image, style, masks) if masked else (image, style)

    return make


def _latent(length: int) -> Inputs:
    def make(batch: int, device: torch.device) -> tuple[Any, ...]:
        return torch.rand(batch, length, device=device), torch.zeros(batch, dtype=torch.long, device=device)

    return make


def key_points(batch: int, count: int, device: torch.device) -> KeyPoints:
    """Key points at random."""
    turned = torch.eye(2, device=device).expand(batch, count, 2, 2)
    return KeyPoints(torch.rand(batch, count, 2, device=device), turned)


def _moved(count: int) -> Inputs:
    def make(batch: int, device: torch.device) -> tuple[Any, ...]:
        points = key_points(batch, count, device)
        image, depth = torch.rand(batch, 3, 256, 256, device=device), torch.rand(batch, 1, 256, 256, device=device)
        return image, points, points, depth

    return make


class _Judge(nn.Module):
    """DaGAN's discriminator, called with the image itself."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.inner = build("DaGAN.MultiScaleDiscriminator", num_kp=count)
        self.count = count

    def forward(self, image: Tensor) -> Tensor:
        said = self.inner({1: image}, key_points(len(image), self.count, image.device))
        out: Tensor = said[1].prediction_map
        return out


class _Pose(nn.Module):
    """Encoder and decoder of the camera's motion."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = build("DaGAN.ResnetEncoder", num_layers=18, num_input_images=2)
        self.decoder = build("DaGAN.PoseDecoder", num_ch_enc=self.encoder.num_ch_enc)

    def forward(self, pair: Tensor) -> Any:
        return self.decoder([self.encoder(pair)])


class _Driven(nn.Module):
    """What one driving frame costs: depth, key points, picture; the source's are known."""

    def __init__(self, generator: str) -> None:
        super().__init__()
        self.depth, self.detector = build("DaGAN.DepthNet"), build("DaGAN.KPDetector")
        self.generator = build(f"DaGAN.{generator}")

    def forward(self, driving: Tensor, source: Tensor, source_depth: Tensor) -> Tensor:
        points = self.detector(torch.cat([driving, self.depth(driving)], 1))
        out: Tensor = self.generator(
            source, key_points(len(source), 15, source.device), points, source_depth
        ).prediction
        return out


def _driven(batch: int, device: torch.device) -> tuple[Any, ...]:
    pictures = [torch.rand(batch, 3, 256, 256, device=device) for _ in range(2)]
    return *pictures, torch.rand(batch, 1, 256, 256, device=device)


def _vgg() -> nn.Module:
    from fsa_data.engines.dagan.perceptual import Vgg19

    return Vgg19()


def _classifier() -> nn.Module:
    import timm

    made: nn.Module = timm.create_model("efficientnet_b1", num_classes=15)
    return made


class _StyleGan(nn.Module):
    def __init__(self, resolution: int, base: int) -> None:
        super().__init__()
        synthesis = {"channel_base": base}
        self.inner = build(
            "StyleGAN2.Generator",
            **{"z_dim": 512, "c_dim": 0, "w_dim": 512, "img_resolution": resolution, "img_channels": 3},
            synthesis_kwargs=synthesis,
        )

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.inner(z, None)
        return out


def _z(batch: int, device: torch.device) -> tuple[Any, ...]:
    return (torch.rand(batch, 512, device=device),)


_STYLE = "256 px, style of 64 numbers"
CASES: dict[str, Case] = {
    "StarGAN v2 generator, w_hpf=0": Case(
        partial(build, "StarGANv2.Generator", w_hpf=0), _styled(masked=False), _STYLE, True
    ),
    "StarGAN v2 generator, w_hpf=1": Case(
        partial(build, "StarGANv2.Generator", w_hpf=1), _styled(masked=True), f"{_STYLE}, masks", True
    ),
    "StarGAN v2 mapping network": Case(
        partial(build, "StarGANv2.MappingNetwork"), _latent(16), "16 numbers, 2 domains", True
    ),
    "StarGAN v2 mapping network, 7 domains": Case(
        partial(build, "StarGANv2.MappingNetwork", num_domains=7), _latent(16), "16 numbers", True
    ),
    "StarGAN v2 style encoder": Case(
        partial(build, "StarGANv2.StyleEncoder"), _images(1, 256, 2), "256 px, 2 domains", True
    ),
    "StarGAN v2 discriminator": Case(
        partial(build, "StarGANv2.Discriminator"), _images(1, 256, 2), "256 px, 2 domains", True
    ),
    "StarGAN v2 landmarks (FAN)": Case(
        partial(build, "StarGANv2.wing.FAN"), _images(1, 256), "256 px, 98 points", True
    ),
    "DaGAN depth, ResNet-18": Case(partial(build, "DaGAN.DepthNet", num_layers=18), _images(1, 256), "256 px", True),
    "DaGAN depth, ResNet-50": Case(partial(build, "DaGAN.DepthNet", num_layers=50), _images(1, 256), "256 px", True),
    "DaGAN camera motion": Case(_Pose, _images(1, 256, channels=6), "two frames of 256 px", True),
    "DaGAN key points": Case(
        partial(build, "DaGAN.KPDetector"), _images(1, 256, channels=4), "256 px with depth, 15 points", True
    ),
    "DaGAN key points, 10": Case(
        partial(build, "DaGAN.KPDetector", num_kp=10), _images(1, 256, channels=4), "256 px with depth", True
    ),
    "DaGAN generator, DepthAware": Case(
        partial(build, "DaGAN.DepthAwareGenerator"), _moved(15), "256 px, 15 points", True
    ),
    "DaGAN generator, DepthAware, 10": Case(
        partial(build, "DaGAN.DepthAwareGenerator", num_kp=10), _moved(10), "256 px, 10 points", True
    ),
    "DaGAN generator, SPADE": Case(
        partial(build, "DaGAN.SPADEDepthAwareGenerator"), _moved(15), "256 px, 15 points", True
    ),
    "DaGAN discriminator": Case(partial(_Judge, 15), _images(1, 256), "256 px, 15 points", True),
    "DaGAN discriminator, 10": Case(partial(_Judge, 10), _images(1, 256), "256 px, 10 points", True),
    "DaGAN, a driving frame, DepthAware": Case(
        partial(_Driven, "DepthAwareGenerator"), _driven, "256 px, 15 points, depth by ResNet-18", True
    ),
    "DaGAN, a driving frame, SPADE": Case(
        partial(_Driven, "SPADEDepthAwareGenerator"), _driven, "256 px, 15 points, depth by ResNet-18", True
    ),
    "VGG19 to relu5_1": Case(_vgg, _images(1, 256), "256 px; DaGAN's perceptual loss", True),
    "StyleGAN2 generator, 64 px": Case(partial(_StyleGan, 64, 32768), _z, "512 numbers"),
    "StyleGAN2 generator, 256 px": Case(partial(_StyleGan, 256, 32768), _z, "512 numbers"),
    "StyleGAN2 generator, 1024 px": Case(partial(_StyleGan, 1024, 32768), _z, "512 numbers"),
    "Deep3DFaceReconstruction, ResNet-50": Case(
        partial(build, "Deep3DFaceRecon.ReconNetWrapper"), _images(1, 224), "224 px"
    ),
    "S3FD": Case(partial(build, "face_alignment.s3fd"), _images(1, 128, width=160), "160 x 128 px"),
    "FAN, 4 stacks": Case(partial(build, "face_alignment.FAN", num_modules=4), _images(1, 256), "256 px, 68 points"),
    "ResNetDepth": Case(
        partial(build, "face_alignment.ResNetDepth"), _images(1, 256, channels=71), "256 px, 71 channels"
    ),
    "SAEHD liae-ud": Case(
        partial(build, "DeepFaceLab.SAEHD", **{"resolution": 128, "archi": "liae-ud"}), _images(1, 128), "128 px"
    ),
    "Quick96": Case(partial(build, "DeepFaceLab.Quick96"), _images(1, 96), "96 px"),
    "XSeg": Case(partial(build, "DeepFaceLab.XSeg"), _images(1, 256), "256 px"),
    "EfficientNet-B1": Case(_classifier, _images(1, 240), "240 px, 15 classes"),
}
"""Every network by its name in the table."""
