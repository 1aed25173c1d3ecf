"""Handing a store's rows out as plain files: folders by class with a table, or WebDataset tar files.

Nothing is swapped here: what the store lacks is left out and counted. A frame and its fakes are encoded alike, so that
nobody can tell them apart by the compression.
"""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fsa_data._version import __version__
from fsa_data.errors import CacheMissError, ConfigError
from fsa_data.frames import LabelledFrames
from fsa_data.frames.frame_folder import encoded, new_folder, safe_name, whole_folder
from fsa_data.store import STATUSES, SwapStore
from fsa_data.store.keys import as_hex
from fsa_data.types import Image, Json, Reason
from fsa_data.worker.plan import Plan, Recipe, plan
from fsa_data.worker.work import unusable

Format = Literal["folders", "webdataset"]
FORMATS = ("folders", "webdataset")
ENCODINGS = ("png", "jpg")
TAR_SAMPLES = 1000
"""Samples in one tar file."""
_SWAPPED = STATUSES.index(str(Reason.SWAPPED))


@dataclass(frozen=True, slots=True)
class Sample:
    """What is said of an image that is handed out.

    Attributes:
        label: name of the class.
        cls: its number.
        subject: person in the frame.
        is_fake: whether they wear another face.
        source_identity: whose; empty for a real frame. A fake carries both: who leaves one person out of training must
            leave out what wears them as well.
        key: of the swap, or of the real frame, in the store.
        frame: key of the real frame below.
    """

    label: str
    cls: int
    subject: str
    is_fake: bool
    source_identity: str
    key: str
    frame: str
    session: str
    view: str
    condition: str
    time_s: float | None
    licence: str
    consent: str


COLUMNS = ("path", *Sample.__dataclass_fields__)
"""Columns of ``frames.csv`` in a folder that was exported."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        real: real frames.
        fakes: fakes.
        left_out: swaps that are none, by reason; ``missing`` for those that the store does not have.
        frames_left_out: frames that the store does not have, or that could not be read.
    """

    real: int
    fakes: int
    left_out: dict[str, int]
    frames_left_out: int


def export_frames(
    frames: LabelledFrames,
    recipe: Recipe,
    store: SwapStore,
    out: Path,
    form: Format = "folders",
    fakes_only: bool = False,
    image: Literal["png", "jpg"] = "png",
    shuffle: int | None = None,
) -> ExportReport:
    """Write what a store has of some frames.

    Args:
        frames: which frames, with their labels.
        recipe: which swaps of them.
        store: where they are.
        out: a new folder; it appears when everything is written.
        form: ``folders``: a folder per class (numbered, so that their order is that of the labels) and ``frames.csv``,
            which :meth:`LabelledFrames.from_csv` reads; ``webdataset``: tar files whose samples are an image,
            a ``.json`` with the fields of :class:`Sample` and a ``.cls`` with the number of the class.
        fakes_only: no frame as it is: those without a swap are left out.
        image: ``png`` is lossless; ``jpg`` has quality 95.
        shuffle: seed of a random order; None for that of the frames.

    Raises:
        CacheMissError: the store has nothing of this.
        ConfigError: an unknown format, or ``out`` holds something already.
        OutputError: ``out`` cannot be written.
        DamagedShardError: a row is not what was sealed.
    """
    if form not in FORMATS or image not in ENCODINGS:
        raise ConfigError(f"A form is one of {FORMATS}, an image one of {ENCODINGS}; got {form!r}, {image!r}.")
    store.refresh()
    planned = plan(frames, recipe, store)
    rows = _Rows(frames, planned, store)
    chosen = rows.chosen(fakes_only, shuffle)
    if not chosen:
        raise CacheMissError(
            f"The store {store.path} has nothing of these {len(frames)} frames with these options "
            f"({', '.join(f'{reason} {count}' for reason, count in rows.left_out.items()) or 'no frame'}). "
            "Make it with fsa materialise, with the same options."
        )
    write = _write_folders if form == "folders" else _write_tars
    write(rows, chosen, out, image, _about(frames, recipe, fakes_only, image))
    fakes = sum(slot >= 0 for _, slot in chosen)
    return ExportReport(len(chosen) - fakes, fakes, rows.left_out, rows.frames_left_out)


class _Rows:
    """What the store has of a plan, by frame and slot; slot -1 is the real frame."""

    def __init__(self, frames: LabelledFrames, planned: Plan, store: SwapStore) -> None:
        self.frames, self.planned, self.store = frames, planned, store
        self.packed = store.locate("frames", planned.frame_keys)
        self.swaps = store.locate("swaps", planned.swap_keys.ravel()).reshape(planned.swap_keys.shape)
        self.usable = ~unusable(store.statuses("frames", planned.frame_keys))
        self.swapped = (self.swaps["shard"] >= 0) & (self.swaps["status"] == _SWAPPED) & self.usable[:, None]
        reasons = Counter(
            STATUSES[int(swap["status"])] if swap["shard"] >= 0 else "missing" for swap in self.swaps[~self.swapped]
        )
        self.left_out = dict(sorted(reasons.items()))
        self.frames_left_out = int((~self.usable).sum())

    def chosen(self, fakes_only: bool, shuffle: int | None) -> list[tuple[int, int]]:
        """Frame and slot of everything that is written, in order."""
        pairs: list[tuple[int, int]] = []
        for i, (usable, slots) in enumerate(zip(self.usable.tolist(), self.swapped, strict=True)):
            pairs += [(i, -1)] * (usable and not fakes_only) + [(i, int(k)) for k in np.flatnonzero(slots)]
        if shuffle is None:
            return pairs
        return [pairs[at] for at in np.random.default_rng(shuffle).permutation(len(pairs)).tolist()]

    def image(self, i: int, slot: int) -> Image:
        reader = self.store.reader
        return reader.image(self.packed[i]) if slot < 0 else reader.pasted(self.packed[i], self.swaps[i, slot])

    def sample(self, i: int, slot: int) -> Sample:
        frames, frame = self.frames, as_hex(self.planned.frame_keys[i : i + 1])[0]
        time_s = float(frames.time_s[i])
        source = self.store.index.names[int(self.swaps[i, slot]["source"])] if slot >= 0 else ""
        return Sample(
            label=frames.labels.names[int(frames.label[i])],
            cls=int(frames.label[i]),
            subject=str(frames.subject[i]),
            is_fake=slot >= 0,
            source_identity=source,
            key=as_hex(self.planned.swap_keys[i, slot : slot + 1])[0] if slot >= 0 else frame,
            frame=frame,
            time_s=None if math.isnan(time_s) else time_s,
            **{name: str(getattr(frames, name)[i]) for name in ("session", "view", "condition", "licence", "consent")},
        )


def _write_folders(rows: _Rows, chosen: Sequence[tuple[int, int]], out: Path, image: str, about: Json) -> None:
    with new_folder(out, COLUMNS) as folder:
        for number, (i, slot) in enumerate(chosen):
            sample = rows.sample(i, slot)
            path = f"{sample.cls:02d}-{safe_name(sample.label)}/{number:08d}.{image}"
            facts = {name: "" if value is None else str(value) for name, value in asdict(sample).items()}
            folder.add({"path": path, **facts}, rows.image(i, slot))
        (folder.root / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _write_tars(rows: _Rows, chosen: Sequence[tuple[int, int]], out: Path, image: str, about: Json) -> None:
    with whole_folder(out) as folder:
        tars: list[dict[str, Any]] = []
        for first in range(0, len(chosen), TAR_SAMPLES):
            part = chosen[first : first + TAR_SAMPLES]
            tars.append({"file": f"fsa-{len(tars):06d}.tar", "samples": len(part)})
            with tarfile.open(folder / tars[-1]["file"], "w", format=tarfile.USTAR_FORMAT) as tar:
                for number, (i, slot) in enumerate(part, start=first):
                    for suffix, content in _files(rows, i, slot, image):
                        entry = tarfile.TarInfo(f"{number:08d}.{suffix}")
                        entry.size = len(content)
                        tar.addfile(entry, io.BytesIO(content))
        text = json.dumps({**about, "tars": tars}, indent=1)
        (folder / "about.json").write_text(text + "\n", encoding="utf-8")


def _files(rows: _Rows, i: int, slot: int, image: str) -> Iterator[tuple[str, bytes]]:
    sample = rows.sample(i, slot)
    yield image, encoded(rows.image(i, slot), f".{image}")
    yield "json", json.dumps(asdict(sample)).encode()
    yield "cls", str(sample.cls).encode()


def _about(frames: LabelledFrames, recipe: Recipe, fakes_only: bool, image: str) -> Json:
    size = recipe.working_size
    return {
        "made_by": f"fsa-data {__version__}",
        "classes": list(frames.labels.names),
        "fakes_only": fakes_only,
        "image": image,
        "source": recipe.source.name if recipe.source is not None else "",
        "engine": recipe.engine_fingerprint,
        "trained_on": sorted(recipe.engine.trained_on) if recipe.engine is not None else [],
        "working_size": list(size) if isinstance(size, tuple) else size,
        "seed": recipe.seed,
    }
