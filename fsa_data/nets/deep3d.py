"""The regressor of Deep3DFaceRecon: from a face image to the coefficients of a morphable model.

Deng et al., "Accurate 3D Face Reconstruction with Weakly-Supervised Learning" (CVPRW 2019), PyTorch edition
(sicxu/Deep3DFaceRecon_pytorch). A ResNet without its classifier and seven linear heads on the pooled features. Keys
equal those of ``net_recon`` in the published checkpoint: ``backbone.`` names the ResNet as torchvision does,
``final_layers.i`` are 1 x 1 convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models import resnet

from fsa_data.errors import UnknownNameError

SPLIT = (80, 64, 80, 3, 27, 2, 1)
"""Outputs of the heads: identity, expression, albedo, angles (radians), lighting (3 colours x 9), x and y, z."""

BACKBONES = {"resnet18": resnet.resnet18, "resnet50": resnet.resnet50}
"""Trunks by their name in the original's options; ResNet-50 has its stride in the 3 x 3 convolution (v1.5)."""


class ReconNetWrapper(nn.Module):
    """ResNet with seven heads.

    Args:
        net_recon: a key of :data:`BACKBONES`.
        use_last_fc: one linear layer ``backbone.fc`` instead of the heads (keys then have no ``final_layers``).
        fc_dim: number of coefficients.
        split: outputs of each head; together ``fc_dim``.

    Raises:
        UnknownNameError: no such backbone.
        ValueError: the heads do not give ``fc_dim`` numbers.
    """

    def __init__(
        self,
        net_recon: str = "resnet50",
        use_last_fc: bool = False,
        fc_dim: int = 257,
        split: Sequence[int] = SPLIT,
    ) -> None:
        super().__init__()
        if net_recon not in BACKBONES:
            raise UnknownNameError("backbone", net_recon, BACKBONES)
        if not use_last_fc and sum(split) != fc_dim:
            raise ValueError(f"The heads give {sum(split)} numbers ({list(split)}), but fc_dim is {fc_dim}.")
        self.backbone = BACKBONES[net_recon](weights=None, num_classes=fc_dim)
        self.use_last_fc = use_last_fc
        layers: list[nn.Module] = [self.backbone.fc] if use_last_fc else []
        if not use_last_fc:
            width = self.backbone.fc.in_features
            self.backbone.fc = nn.Identity()
            self.final_layers = nn.ModuleList(nn.Conv2d(width, outputs, 1) for outputs in split)
            layers.extend(self.final_layers)
        for layer in layers:  # untrained, every face is the mean face
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, image: Tensor) -> Tensor:
        """Coefficients of faces that are aligned as :mod:`fsa_data.recon.align` does it.

        Args:
            image: ``(B, 3, 224, 224)`` float RGB in 0..1, with no mean or deviation taken off.

        Returns:
            ``(B, fc_dim)``.
        """
        features: Tensor = self.backbone(image)
        if self.use_last_fc:
            return features
        return torch.cat([head(features[..., None, None]) for head in self.final_layers], dim=1).flatten(1)
