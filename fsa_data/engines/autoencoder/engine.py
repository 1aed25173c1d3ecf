"""Swapping with a trained autoencoder: align, predict, merge.

An autoencoder puts on the one face it was trained to put on. The target's aligned face goes through the encoder and
comes out of the source's side, with its pose, expression and light; the learnt masks of both sides say what of it is
face.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fsa_data.engines.limits import Limits
from fsa_data.engines.put_back import put_back
from fsa_data.errors import WrongWeightsError
from fsa_data.faces.align import face_matrix, warp
from fsa_data.merge import PasteOptions, Prediction, find_showing, merge_fingerprint
from fsa_data.merge.paste_masks import needed
from fsa_data.merge.paste_options import NEEDS_XSEG
from fsa_data.types import Face, FaceReference, Floats, Image, Json, Reason, SourceFace, Swap

if TYPE_CHECKING:
    from fsa_data.nets.saehd import SAEHD

ALGORITHM_VERSION = 1
"""Raised whenever equal inputs would give other pixels."""


OWN_MERGE = PasteOptions(erode=10, blur=40)
"""How a face is put back unless told otherwise. T1 shrinks its masks by 80, which leaves much of the target's face."""


class AutoencoderEngine:
    """Puts on the face that a training's source was; see the module.

    Args:
        network: ``saehd`` or ``quick96``, as the training must be.
        folder: of the training, or one snapshot of it.
        options: limits.
        merge: how the face is put back.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        DatasetNotFoundError: no training there.
        WrongWeightsError: it is of another network, damaged, or only pretrained.
    """

    def __init__(
        self,
        network: str,
        folder: str | Path,
        options: Limits | None = None,
        merge: PasteOptions = OWN_MERGE,
        device: str = "auto",
    ) -> None:
        from fsa_data.engines.autoencoder.snapshot import read_state
        from fsa_data.engines.snapshots import find_snapshot

        self.options, self.merge = options or Limits(), merge
        self.snapshot, self.device = find_snapshot(folder), device
        state = read_state(self.snapshot)
        # not the state itself: it holds tensors, and an engine is sent to other processes
        self.preset, self.source, self.iteration = state.preset, state.source, state.iteration
        self.identities = state.identities
        found = self.preset.network
        if found != network:
            raise WrongWeightsError(f"{self.snapshot} holds a {found}, not a {network}: say {found}:{folder}.")
        if not self.source:
            raise WrongWeightsError(
                f"{self.snapshot} is only pretrained and has no face of its own. Train on from it (init_from)."
            )
        if merge.mask_mode >= NEEDS_XSEG:
            needed(merge, self.options.segmenter)
        self._net: SAEHD | None = None
        self._pid = -1

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_net": None, "_pid": -1}

    @property
    def fingerprint(self) -> Json:
        """Name, version, architecture, digest of the weights, and options."""
        from fsa_data.engines.snapshots import weights_digest

        return {
            "engine": self.preset.network,
            "version": ALGORITHM_VERSION,
            "architecture": dict(self.preset.architecture),
            "weights": weights_digest(self.snapshot),
            "options": self.options.fingerprint,
            "merge": merge_fingerprint(self.merge),
        }

    @property
    def uses_reference(self) -> bool:
        """Whether a person's usual look tells what lies in front of the face."""
        return self.merge.occluders

    @property
    def trained_on(self) -> frozenset[str]:
        """Everybody the weights have ever seen, earlier trainings included."""
        segmenter = self.options.segmenter
        return self.identities | (segmenter.identities if segmenter is not None else frozenset())

    def swap(
        self,
        frame: Image,
        target: Face,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None = None,
    ) -> Swap:
        """See :meth:`fsa_data.types.SwapEngine.swap`; declines with ``no_donor`` if its own source is not offered."""
        if (reason := self.options.reason(frame, target)) is not None:
            return Swap(reason)
        if self.source not in {donor.identity for donor in donors}:
            return Swap(Reason.NO_DONOR, notes={"trained_for": self.source})
        preset = self.preset
        size = preset.resolution
        matrix = face_matrix(target.points_px, preset.face_type, size)
        face, mask, target_mask = self.predict(warp(frame, matrix, size, size, edge=True))
        predicted = Prediction(face, matrix, mask, target_mask)
        showing = find_showing(frame, target, reference) if self.merge.occluders else None
        notes = {"iteration": self.iteration}
        segmenter = self.options.segmenter
        return put_back(frame, target, predicted, self.merge, params, self.source, showing, segmenter, notes)

    def predict(self, picture: Image) -> tuple[Image, Floats, Floats]:
        """The source in the target's place.

        Args:
            picture: ``(R, R, 3)`` uint8 RGB, the target's aligned face.

        Returns:
            The face, ``(R, R, 3)`` uint8 RGB, and ``(R, R)`` float32 in 0..1 where it is, and where the target's is.
        """
        import torch

        from fsa_data.engines.autoencoder.face_tensors import images_of

        net = self._opened()
        device = next(net.parameters()).device
        batch = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].to(device).float() / 255
        with torch.inference_mode():
            other, own = net(batch)
        mask, target_mask = (np.asarray(side.mask[0, 0].float().cpu().numpy(), np.float32) for side in (other, own))
        return images_of(other.face)[0], mask, target_mask

    def _opened(self) -> SAEHD:
        """The network in this process."""
        if self._net is None or self._pid != os.getpid():
            import torch

            from fsa_data.engines.autoencoder.train import pick_device
            from fsa_data.engines.snapshots import read_tensors

            with torch.device("meta"):
                net = self.preset.build()
            given = read_tensors(self.snapshot)
            weights = {key.removeprefix("net."): value for key, value in given.items() if key.startswith("net.")}
            try:
                net.load_state_dict(weights, assign=True)
            except RuntimeError as error:
                raise WrongWeightsError(f"{self.snapshot} lacks weights of its own network: {error}") from error
            self._net, self._pid = net.to(pick_device(self.device)).eval().requires_grad_(False), os.getpid()
        return self._net
