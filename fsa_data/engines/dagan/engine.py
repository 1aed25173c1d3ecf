"""Re-enactment: a source's photo moves as the driver's face does (DaGAN), then takes its place.

Both faces are cut out upright and of one size, so that what is left to move is pose and expression. How far the driver
has moved can be told from the picture alone (``absolute``), or from a start in which the driver looks as the source
does (``relative``, which keeps the source's proportions better). A start is known within a clip only.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fsa_data.engines.donors import Choice, Looks, PanelCache, Tone, choose_donor
from fsa_data.engines.limits import Limits
from fsa_data.engines.put_back import put_back
from fsa_data.engines.texture import TextureCache
from fsa_data.errors import ConfigError
from fsa_data.faces import oval_mask, points68
from fsa_data.faces.align import apply, face_matrix, warp
from fsa_data.merge import PasteOptions, Prediction, find_showing, merge_fingerprint
from fsa_data.merge.paste_masks import needed
from fsa_data.merge.paste_options import NEEDS_XSEG
from fsa_data.types import Box, Face, FaceReference, Image, Json, Reason, SourceFace, Swap

if TYPE_CHECKING:
    from torch import Tensor

    from fsa_data.engines.dagan.networks import Reenactor
    from fsa_data.nets.dagan_layers import KeyPoints

ALGORITHM_VERSION = 1
"""Raised whenever equal inputs would give other pixels."""

OWN_MERGE = PasteOptions(erode=10, blur=40)
"""How a face is put back unless told otherwise, as for the autoencoder."""

STARTS = "starts"
"""Key of a swap's parameters: key points of the driver's start, by digest of the source's photo."""

_SOURCES = 256


@dataclass(frozen=True, slots=True)
class DaganOptions(Limits):
    """Limits, and how motion is told."""

    motion: Literal["auto", "relative", "absolute"] = "auto"
    """``auto`` is relative where a clip gives a start, else absolute."""
    adapt_scale: bool = True
    """Whether relative motion is scaled by how much larger the source's face is."""
    face_type: str = "whole_face"
    """How much of the head is cut out."""
    tone: Tone = "near"
    """Whether a source of near skin tone is preferred."""

    def __post_init__(self) -> None:
        Limits.__post_init__(self)
        if self.motion not in ("auto", "relative", "absolute"):
            raise ConfigError(f"engine option motion must be auto, relative or absolute, got {self.motion!r}.")
        if self.tone not in ("near", "any"):
            raise ConfigError(f"engine option tone must be 'near' or 'any', got {self.tone!r}.")


class DaganEngine:
    """See the module.

    Args:
        where: folder of a training, or a published checkpoint with its depth files.
        options: limits and motion.
        merge: how the face is put back.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        DatasetNotFoundError: no training there.
        WrongWeightsError: something else lies there.
        MissingWeightsError: a checkpoint without its depth files.
    """

    def __init__(
        self,
        where: str,
        options: DaganOptions | None = None,
        merge: PasteOptions = OWN_MERGE,
        device: str = "auto",
    ) -> None:
        from fsa_data.engines.dagan.networks import find_dagan

        self.options, self.merge, self.device = options or DaganOptions(), merge, device
        self.file = find_dagan(where)
        if merge.mask_mode >= NEEDS_XSEG:
            needed(merge, self.options.segmenter)
        self._texture, self._panel = TextureCache(occluders=True), PanelCache()
        self._forget()

    def _forget(self) -> None:
        self._net: Reenactor | None = None
        self._sources: OrderedDict[str, tuple[Tensor, KeyPoints, Tensor]] = OrderedDict()
        self._pid = -1

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_net": None, "_sources": OrderedDict(), "_pid": -1}

    @property
    def fingerprint(self) -> Json:
        """Name, version, digest of the weights, options and merge options."""
        own = {name: value for name, value in asdict(self.options).items() if name in DaganOptions.__annotations__}
        return {
            "engine": "dagan",
            "version": ALGORITHM_VERSION,
            "weights": self.file.digest,
            "options": {**self.options.fingerprint, **own},
            "merge": merge_fingerprint(self.merge),
        }

    @property
    def trained_on(self) -> frozenset[str]:
        """Everybody the weights have seen, as far as known: a published file does not tell."""
        segmenter = self.options.segmenter
        return self.file.identities | (segmenter.identities if segmenter is not None else frozenset())

    @property
    def uses_reference(self) -> bool:
        """Whether a person's usual look tells what lies in front of the face."""
        return self.merge.occluders

    @property
    def wants_start(self) -> bool:
        """Whether a clip should give a start."""
        return self.options.motion != "absolute"

    def begin(self, sights: Sequence[tuple[Image, Face]], donors: Sequence[SourceFace]) -> Json:
        """Parameters of every swap of a clip: for each photo the start in which the driver looks most like it.

        Args:
            sights: cut-outs that show the driver, each with the face in its own pixels. One alone is no start: nothing
                would ever have moved since.
            donors: the photos that may be put on.
        """
        import torch

        from fsa_data.engines.dagan.motion import alike

        if len(sights) < 2:
            return {}
        faces = torch.tensor(np.stack([points68(face.points_px)[:, :2] for _, face in sights]), dtype=torch.float32)
        known: dict[int, Json] = {}
        starts: dict[str, Json] = {}
        for donor in donors:
            own = torch.tensor(points68(donor.face.points_px)[:, :2], dtype=torch.float32)
            best = int(alike(own, faces).argmin())
            if best not in known:
                points, _ = self._opened().detect(self._tensor([self._cut(*sights[best])]))
                jacobian = None if points.jacobian is None else points.jacobian.tolist()
                known[best] = {"value": points.value.tolist(), "jacobian": jacobian}
            starts[donor.digest] = known[best]
        return {STARTS: starts}

    def swap(
        self,
        frame: Image,
        target: Face,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None = None,
    ) -> Swap:
        """See :meth:`fsa_data.types.SwapEngine.swap`."""
        if (reason := self.options.reason(frame, target)) is not None:
            return Swap(reason)
        choice = self._choice(frame, target, donors, params)
        if choice is None:
            return Swap(Reason.NO_DONOR)
        donor = choice.donor
        start = params.get(STARTS, {}).get(donor.digest) if self.wants_start else None
        if start is None and self.options.motion == "relative":
            raise ConfigError("Relative motion needs a clip to start from; pictures take motion=absolute (or auto).")
        size, kind = self.file.size, self.options.face_type
        matrix = face_matrix(target.points_px, kind, size)
        drawn = self.predict(donor, [warp(frame, matrix, size, size, edge=True)], start)[0]
        inside = np.asarray(apply(matrix, target.points_px[:, :2]), np.float32)
        mask = oval_mask(inside, Box(0, 0, size, size))
        showing = find_showing(frame, target, reference) if self.merge.occluders else None
        notes = {
            "donor": donor.digest,
            "motion": "absolute" if start is None else "relative",
            "pose_distance_deg": round(choice.pose_distance_deg, 1),
            "tone_distance": round(choice.tone_distance, 1),
        }
        predicted = Prediction(drawn, matrix, mask, mask)
        segmenter = self.options.segmenter
        return put_back(frame, target, predicted, self.merge, params, donor.identity, showing, segmenter, notes)

    def predict(self, donor: SourceFace, pictures: Sequence[Image], start: Json | None = None) -> list[Image]:
        """A source as each of several driving pictures moves it.

        Args:
            donor: the source.
            pictures: ``(S, S, 3)`` uint8 RGB, the driver's aligned face.
            start: key points of the driver's start; None is absolute motion.

        Returns:
            As many, ``(S, S, 3)`` uint8 RGB.
        """
        import torch

        from fsa_data.engines.autoencoder.face_tensors import images_of
        from fsa_data.engines.dagan.motion import relative
        from fsa_data.nets.dagan_layers import KeyPoints

        net = self._opened()
        with torch.inference_mode():
            source, points, depth = self._source(donor)
            wanted, _ = net.detect(self._tensor(pictures))
            if start is not None:
                turned = None if start["jacobian"] is None else torch.tensor(start["jacobian"], device=source.device)
                begun = KeyPoints(torch.tensor(start["value"], device=source.device), turned)
                wanted = relative(points, wanted, begun, self.options.adapt_scale)
            count = len(pictures)
            made = net.move(
                source.expand(count, -1, -1, -1), points.expand(count), depth.expand(count, -1, -1, -1), wanted
            )
        return images_of(made)

    def _choice(self, frame: Image, target: Face, donors: Sequence[SourceFace], params: Json) -> Choice | None:
        from fsa_data.engines.drawing import read_canvas

        canvas = read_canvas(frame, target, None, occluders=False)
        return choose_donor(target, self._panel(donors, self._looks_of), params, canvas.tone, self.options.tone)

    def _looks_of(self, donor: SourceFace) -> Looks:
        texture = self._texture(donor)
        return Looks(texture.tone, texture.bare, texture.glasses)

    def _cut(self, image: Image, face: Face) -> Image:
        size = self.file.size
        return warp(image, face_matrix(face.points_px, self.options.face_type, size), size, size, edge=True)

    def _tensor(self, pictures: Sequence[Image]) -> Tensor:
        import torch

        stacked = np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2))
        device = next(self._opened().parameters()).device
        return torch.from_numpy(stacked).to(device).float() / 255

    def _source(self, donor: SourceFace) -> tuple[Tensor, KeyPoints, Tensor]:
        """A source's picture, key points and depth, found once."""
        net = self._opened()
        if donor.digest not in self._sources:
            picture = self._tensor([self._cut(donor.image, donor.face)])
            self._sources[donor.digest] = (picture, *net.detect(picture))
            if len(self._sources) > _SOURCES:
                self._sources.popitem(last=False)
        self._sources.move_to_end(donor.digest)
        return self._sources[donor.digest]

    def _opened(self) -> Reenactor:
        """The networks in this process."""
        if self._net is None or self._pid != os.getpid():
            from fsa_data.engines.autoencoder.train import pick_device
            from fsa_data.engines.dagan.networks import load_dagan

            self._forget()
            self._net, self._pid = load_dagan(self.file).to(pick_device(self.device)), os.getpid()
        return self._net
