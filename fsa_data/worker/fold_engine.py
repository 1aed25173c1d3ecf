"""A network for one fold: trained on everybody but the people whom the fold tests.

One network that has learnt from all drivers is worth nothing in a cross-validation: every fold tests somebody it has
seen. So each fold gets its own, of the architecture and preset of a training that is there already, with fresh weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fsa_data.engines.autoencoder.engine import AutoencoderEngine
from fsa_data.errors import ConfigError, LineageError
from fsa_data.frames import LabelledFrames, hash_frame
from fsa_data.store.keys import digest
from fsa_data.types import Landmarker, Source, SwapEngine
from fsa_data.worker.identities import IdentityMap, person_of
from fsa_data.worker.score_clips import clips_of_frames

FOLDER = "per-fold"
"""Where the networks of folds lie, inside the folder of the training that they are made after."""


def fold_engine(
    engine: SwapEngine,
    frames: LabelledFrames,
    test_subjects: Sequence[str],
    source: Source,
    landmarker: Landmarker,
    iterations: int | None = None,
    identities: IdentityMap | None = None,
    seed: int = 0,
    progress: bool = False,
) -> AutoencoderEngine:
    """An engine like ``engine``, whose weights have seen no test subject; trained now, or taken up where it stands.

    It learns the face of the same source, and as target every other subject of the frames. Its folder is named by the
    digest of all that it learns from, so that folds of other runs with the same people share it.

    Args:
        engine: ``saehd:DIR`` or ``quick96:DIR``: architecture, preset, source, options and merge are taken from it.
        frames: of all subjects.
        test_subjects: of the fold.
        source: holds pictures of the source.
        landmarker: finds the faces.
        iterations: steps of the training; None for the preset's.
        identities: which names are the same person.
        seed: of weights and samples.
        progress: show bars on stderr if that is a terminal.

    Raises:
        ConfigError: an engine that is not trained, or less than one iteration.
        LineageError: the source is a test subject, or nobody is left to learn from.
        SourceError: too few faces.
    """
    from fsa_data.engines.autoencoder.train import TrainOptions, train
    from fsa_data.engines.snapshots import snapshots
    from fsa_data.worker.training_faces import people_faces, source_faces, the_identity

    if not isinstance(engine, AutoencoderEngine):
        raise ConfigError("per_fold is for engines that are trained: engine=saehd:DIR or quick96:DIR.")
    if iterations is not None and iterations < 1:
        raise ConfigError(f"per_fold needs at least 1 iteration, got {iterations}.")
    preset = engine.preset if iterations is None else replace(engine.preset, iterations=iterations)
    identity = the_identity(source, engine.source)
    known = identities or {}
    tested = {person_of(name, known) for name in test_subjects}
    who = person_of(identity, known)
    if who in tested:
        raise LineageError(f"{identity}, whom the network puts on, is tested in this fold. Train it for another face.")
    # nobody is put on themselves, so the source is no target either
    usable = np.array([person_of(name, known) not in tested | {who} for name in frames.subject.tolist()])
    if not usable.any():
        raise LineageError(f"Nobody is left to train a network on when {', '.join(test_subjects)} is tested.")
    learnt = frames.subset(usable)
    folder = _training_folder(engine.snapshot) / FOLDER / _digest(engine, preset.json, learnt, source, landmarker, seed)
    if max((step for step, _ in snapshots(folder)), default=0) < preset.iterations:
        src = source_faces(source, identity, preset, landmarker, progress)
        dst = people_faces(clips_of_frames(learnt), preset, landmarker, progress)
        train(src.tensors, dst.tensors, folder, preset, seed, options=TrainOptions(engine.device, progress=progress))
    return AutoencoderEngine(preset.network, folder, engine.options, engine.merge, engine.device)


def _training_folder(snapshot: Path) -> Path:
    """The folder of a training; the snapshot itself if it lies by itself."""
    return snapshot.parent if snapshot.name.startswith("step-") else snapshot


def _digest(
    engine: AutoencoderEngine,
    preset: object,
    learnt: LabelledFrames,
    source: Source,
    landmarker: Landmarker,
    seed: int,
) -> str:
    photos = sorted(photo.digest for photo in source.photos if photo.identity == engine.source)
    shown = sorted((str(name), hash_frame(learnt.ref(i))) for i, name in enumerate(learnt.subject.tolist()))
    return digest(
        {
            "preset": preset,
            "source": [engine.source, photos],
            "targets": [list(pair) for pair in shown],
            "landmarker": landmarker.fingerprint,
            "seed": seed,
        }
    )
