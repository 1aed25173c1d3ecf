"""Source faces that take on the driver's expression: StarGAN v2 before the swap.

A source of few photos has few expressions. The driver's face in the frame is the reference whose style the donor's
photo takes on; what comes out is a new photo of the donor, which is then drawn on the driver's mesh as
:mod:`fsa_data.engines.mesh_warp` does it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fsa_data.engines.mesh_warp import MeshWarp, MeshWarpOptions
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces import load_landmarker
from fsa_data.faces.align import apply_3d, face_matrix, warp
from fsa_data.merge import MergeOptions, PasteOptions
from fsa_data.types import Face, FaceReference, Image, Json, Landmarker, SourceFace, Swap

if TYPE_CHECKING:
    from fsa_data.engines.stargan2.losses import Networks

ALGORITHM_VERSION = 1
"""Raised whenever equal inputs would give other pixels."""

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class StarganOptions(MeshWarpOptions):
    """Options of the engine: those of mesh_warp, and which style is taken."""

    domain: str = AUTO
    """In which domain the driver's face is seen; ``auto`` asks the discriminator, which published files lack."""
    domains: str = ""
    """Names of a published checkpoint's domains, separated by commas, by their number."""
    face_type: str = "whole_face"
    """How much of the head the network was trained on."""


class StarganEngine:
    """See the module.

    Args:
        where: folder of a training, or a published checkpoint.
        options: limits, choice of donors, domain.
        merge: how a face is put back, as for mesh_warp.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        DatasetNotFoundError: no training there.
        WrongWeightsError: something else lies there.
        UnknownNameError: no such domain.
        ConfigError: the domain is to be found out, but there is no discriminator.
    """

    def __init__(
        self,
        where: str,
        options: StarganOptions | None = None,
        merge: MergeOptions | PasteOptions | None = None,
        device: str = AUTO,
    ) -> None:
        from fsa_data.engines.stargan2.networks import find_stargan

        self.options, self.device = options or StarganOptions(), device
        names = tuple(name.strip() for name in self.options.domains.split(",") if name.strip())
        self.file = find_stargan(where, names)
        if self.options.domain not in (AUTO, *self.file.domains):
            raise UnknownNameError("domain", self.options.domain, self.file.domains)
        if self.options.domain == AUTO and not self.file.judges:
            raise ConfigError(
                f"{self.file.path} has no discriminator that could tell a domain; give the engine option domain=NAME, "
                f"one of {', '.join(self.file.domains)}."
            )
        self._warp = MeshWarp(self.options, merge)
        self.merge = self._warp.merge
        self._forget()

    def _forget(self) -> None:
        self._nets: Networks | None = None
        self._landmarker: Landmarker | None = None
        self._pid = -1

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_nets": None, "_landmarker": None, "_pid": -1}

    @property
    def fingerprint(self) -> Json:
        """Name, version, digest of the weights, options and merge options."""
        inner = self._warp.fingerprint
        return {
            **inner,
            "engine": "stargan2",
            "version": [ALGORITHM_VERSION, inner["version"]],
            "weights": self.file.digest,
        }

    @property
    def trained_on(self) -> frozenset[str]:
        """Everybody the weights have seen, as far as known: a published file does not tell."""
        return self.file.identities | self._warp.trained_on

    @property
    def uses_reference(self) -> bool:
        """As mesh_warp."""
        return self._warp.uses_reference

    def swap(
        self,
        frame: Image,
        target: Face,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None = None,
    ) -> Swap:
        """See :meth:`fsa_data.types.SwapEngine.swap`."""
        chosen = self._warp.choose(frame, target, donors, params, reference)
        if isinstance(chosen, Swap):
            return chosen
        donor, domain = self.restyled(frame, target, chosen.choice.donor)
        return self._warp.put(frame, target, replace(chosen, notes={**chosen.notes, "domain": domain}), donor, params)

    def restyled(self, frame: Image, target: Face, donor: SourceFace) -> tuple[SourceFace, str]:
        """The donor in the style of the target's face.

        Args:
            frame: ``(H, W, 3)`` uint8 RGB.
            target: the face that is the reference.
            donor: the face that is drawn anew.

        Returns:
            The new face, and the domain that the reference was seen in.
        """
        size, kind = self.file.img_size, self.options.face_type
        there = face_matrix(target.points_px, kind, size)
        own = face_matrix(donor.face.points_px, kind, size)
        drawn, domain = self.styled(
            warp(donor.image, own, size, size, edge=True), warp(frame, there, size, size, edge=True)
        )
        found = self._look(drawn)
        points = apply_3d(own, donor.face.points_px)
        face = found or replace(donor.face, points_px=points)
        digest = hashlib.blake2b(drawn.tobytes(), digest_size=16).hexdigest()
        return SourceFace(donor.identity, digest, drawn, face, donor.provenance), domain

    def styled(self, picture: Image, reference: Image) -> tuple[Image, str]:
        """A picture in the style of another; both ``(S, S, 3)`` uint8 RGB, aligned.

        Returns:
            ``(S, S, 3)`` uint8 RGB, and the domain that the reference was seen in.
        """
        import torch

        from fsa_data.engines.autoencoder.face_tensors import images_of

        nets = self._opened()
        device = next(nets.generator.parameters()).device
        both = np.stack([picture, reference]).transpose(0, 3, 1, 2)
        tensors = torch.from_numpy(np.ascontiguousarray(both)).to(device).float() / 127.5 - 1
        source, shown = tensors[:1], tensors[1:]
        with torch.inference_mode():
            number = self._domain(nets, shown)
            style = nets.style_encoder(shown, torch.tensor([number], device=device))
            made = nets.generator(source, style, nets.masks(source))
        return images_of(made / 2 + 0.5)[0], self.file.domains[number]

    def _domain(self, nets: Networks, shown: Any) -> int:
        if self.options.domain != AUTO:
            return self.file.domains.index(self.options.domain)
        logits = nets.judge.main(shown).flatten(1)
        return int(logits.argmax(1))

    def _look(self, picture: Image) -> Face | None:
        if self._landmarker is None or self._pid != os.getpid():
            self._landmarker, self._pid = load_landmarker(), os.getpid()
        found = self._landmarker(picture)
        return found[0] if found else None

    def _opened(self) -> Networks:
        """The networks in this process."""
        if self._nets is None or self._pid != os.getpid():
            from fsa_data.engines.autoencoder.train import pick_device
            from fsa_data.engines.stargan2.networks import load_stargan

            self._forget()
            nets, device = load_stargan(self.file), pick_device(self.device)
            for part in (nets.generator, nets.mapping_network, nets.style_encoder, nets.discriminator, nets.fan):
                if part is not None:
                    part.to(device)
            self._nets, self._pid = nets, os.getpid()
        return self._nets
