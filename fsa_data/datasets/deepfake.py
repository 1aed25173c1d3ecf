"""Real and swapped frames as one data set, with the guarded split."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import get_worker_info

from fsa_data.datasets.command import command_of
from fsa_data.datasets.lineage import Audit, carries, check_fold, excluded_rows, nothing_left
from fsa_data.datasets.maskdar import check_condition, check_subjects, labelled, of_subjects
from fsa_data.datasets.rows import Rows, StoredPixels
from fsa_data.datasets.view import FrameView, common_folder
from fsa_data.engines import load_engine
from fsa_data.errors import CacheMissError, ConfigError, LineageError, UnknownNameError
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.quality import gated
from fsa_data.sources import load_source
from fsa_data.store import STATUSES, SwapStore
from fsa_data.store.index import Entries, nothing
from fsa_data.store.keys import as_hex
from fsa_data.types import Image, Reason, Source, SwapEngine
from fsa_data.worker import (
    How,
    IdentityMap,
    MaterialiseReport,
    Plan,
    Recipe,
    checked_size,
    load_identity_map,
    materialise_plan,
    own_faces,
    person_of,
    plan,
)

Setup = Literal["real_only", "fake_only", "hybrid"]
SETUPS = ("real_only", "fake_only", "hybrid")
OWN = "own"
"""The source of which everybody wears their own face."""
ON_MISS = ("materialise", "error", "skip")
UNSWAPPABLE = ("drop", "keep_real")
_SWAPPED = STATUSES.index(str(Reason.SWAPPED))


class TestView(FrameView):
    """The real frames of a fold's test subjects; :attr:`fake` gives their fakes."""

    __test__ = False  # its name is no invitation to pytest
    _dataset: DeepfakeAugmentedMaskDAR | None = None
    _subjects: tuple[str, ...] = ()
    _condition: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_dataset": None}

    @property
    def fake(self) -> FrameView:
        """The fakes of the test subjects, made now if they are missing and may be made.

        Raises:
            CacheMissError: they are missing and may not be made.
            ConfigError: asked for in a copy that was sent to another process.
        """
        if self._dataset is None:
            raise ConfigError("The fakes of a test view can only be asked for where ds.split was called.")
        fakes = self._dataset.fakes(self._subjects)
        return fakes if self._condition is None else fakes.subset(fakes.conditions == self._condition)


class DeepfakeAugmentedMaskDAR(FrameView):
    """Frames of drivers with new faces, real frames, or both; swaps are made once and kept in a store.

    Args:
        frames: labelled frames, or a MaskDAR folder.
        setup: ``real_only``, ``fake_only`` or ``hybrid``: which rows there are to train on. Tests are always on real
            frames.
        source: whose faces are put on (see :func:`fsa_data.load_source`); ``own`` puts everybody's own face back on,
            with the engine's traces and without a new identity.
        source_options: options of the source.
        engine: how (see :func:`fsa_data.load_engine`).
        engine_options: options of the engine.
        merge: options of putting the face back.
        store: directory of the swaps, or an open store.
        fakes_per_frame: how many fakes of each frame, each with another face as long as there are any.
        working_size: short side, ``(H, W)``, or None for the native size; frames are never enlarged.
        seed: of everything that is drawn.
        subjects: only these; default all.
        on_miss: what to do about swaps that are not in the store: ``materialise`` makes them now, ``error`` raises,
            ``skip`` leaves them out (and counts them).
        unswappable: frames that cannot be swapped: ``drop`` leaves them out of the fakes, ``keep_real`` puts the real
            frame there.
        identity_map: mapping, or CSV with ``identity,person``: which names are the same person.
        gate: limits beyond which a swap is rejected (see :class:`fsa_data.quality.GateOptions`); ``{}`` takes the
            usual ones, None lets everything through.
        preload: read all pixels into memory now; for small sets on slow disks. Forked workers share them; what is sent
            to another process reads from the disk again.
        transforms: joint transform of image and label; excludes the next two.
        transform: transform of the image.
        target_transform: transform of the label.
        return_meta: whether items have a third part (see :class:`FrameView`).

    Raises:
        DatasetNotFoundError: no frame there.
        CacheMissError: swaps are missing with ``on_miss="error"``, or inside a DataLoader worker.
        UnknownNameError: an unknown setup, source, engine or subject.
    """

    def __init__(
        self,
        frames: LabelledFrames | str | Path,
        setup: Setup = "hybrid",
        source: str | Sequence[str] | Source = "portraits",
        source_options: Mapping[str, Any] | None = None,
        engine: str | SwapEngine = "mesh_warp",
        engine_options: Mapping[str, Any] | None = None,
        merge: Mapping[str, Any] | None = None,
        store: str | Path | SwapStore = "cache/demo",
        fakes_per_frame: int = 1,
        working_size: int | tuple[int, int] | None = 240,
        seed: int = 0,
        subjects: Sequence[str] | None = None,
        on_miss: Literal["materialise", "error", "skip"] = "materialise",
        unswappable: Literal["drop", "keep_real"] = "drop",
        identity_map: IdentityMap | str | Path | None = None,
        gate: Mapping[str, Any] | None = None,
        preload: bool = False,
        transforms: Callable[..., Any] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        return_meta: bool = False,
    ) -> None:
        _check_choices(setup=(setup, SETUPS), on_miss=(on_miss, ON_MISS), unswappable=(unswappable, UNSWAPPABLE))
        if fakes_per_frame < 1:
            raise ConfigError(f"fakes_per_frame must be 1 or more, got {fakes_per_frame}; setup='real_only' has none.")
        everything = labelled(frames)
        chosen = of_subjects(everything, subjects)
        self.setup, self.on_miss, self.unswappable, self.preload = setup, on_miss, unswappable, preload
        landmarker = load_landmarker()
        self.recipe = Recipe(
            own_faces(everything) if source == OWN else load_source(source, source_options),
            gated(load_engine(engine, engine_options, merge), landmarker, gate),
            landmarker,
            checked_size(working_size),
            fakes_per_frame,
            seed,
            load_identity_map(identity_map),
        )
        # last: what is wrong with the rest leaves no new store behind
        self.store = store if isinstance(store, SwapStore) else SwapStore(store)
        options = {"source": source_options, "engine": engine_options, "merge": merge, "gate": gate}
        self._command = command_of(frames, source, engine, options, self.store, self.recipe)
        nothing_yet = Rows.real(np.zeros(0, np.int64))
        super().__init__(
            chosen,
            StoredPixels(self.store.reader, self.store.locate("frames", [])),
            nothing_yet,
            trained_on=frozenset(self.recipe.engine.trained_on) if self.recipe.engine else frozenset(),
            identities=self.recipe.identities,
            base=common_folder(everything),
            transforms=transforms,
            transform=transform,
            target_transform=target_transform,
            return_meta=return_meta,
        )
        self._make_or_refuse(self.frames, self._recipe_of_rows, self._plan)
        self._take_rows()

    def materialise(
        self,
        progress: bool = True,
        workers: int | Literal["auto"] = "auto",
        executor: Literal["local", "ray"] = "local",
    ) -> MaterialiseReport:
        """Make what is missing (and try again what failed), then take the new rows in.

        Args:
            progress: show a bar on stderr if that is a terminal.
            workers: processes, or actors (see :func:`fsa_data.worker.materialise`).
            executor: on this machine, or on a Ray cluster.

        Raises:
            StoreWriteError: the store cannot be written.
            TooManyFailedError: more than half of the frames fail; everything sealed is kept.
        """
        how = How(workers, progress, executor=executor)
        report = materialise_plan(self.frames, self._recipe_of_rows, self._plan, self.store, how)
        self._take_rows()
        return report

    def split(
        self, test_subjects: Sequence[str], train_condition: str | None = None, test_condition: str | None = None
    ) -> tuple[FrameView, TestView, Audit]:
        """Training and test rows of a fold that tests some subjects; the only road to a fold.

        A training row, real or fake, carries no test subject in its lineage: not as the person in the frame, not as
        the face it wears, not among those the engine was trained on; names of one person count as one. That holds
        whatever the condition: who is tested with a mask is not trained on without one.

        Args:
            test_subjects: at least one subject of the data.
            train_condition: train on frames of this condition only, e.g. ``unmasked``; default all.
            test_condition: test on frames of this condition only; default all.

        Returns:
            Training rows as ``setup`` says; the real frames of the test subjects, whose ``.fake`` are their fakes; and
            the audit.

        Raises:
            UnknownNameError: a subject that the data do not have.
            LineageError: nothing is left to train on.
            ConfigError: no row of a condition is left to train or to test on.
        """
        check_subjects(self.frames, test_subjects)
        names = tuple(dict.fromkeys(test_subjects))
        why = carries(self, names)
        train = self.subset(why == 0)
        if train_condition is not None and len(train):
            usable, train = train, train.subset(train.conditions == train_condition)
            check_condition("train", train_condition, train.conditions, usable.conditions, names)
        if not len(train):
            missing = {} if self.setup == "real_only" else self.coverage()["by_reason"]
            raise LineageError(nothing_left(names, why, int((~self._readable).sum()), missing))
        check_fold(train, names)
        test = self._test_view(names, test_condition)
        fakes = int(train.is_fake.sum())
        people = tuple(sorted({person_of(name, self.identities) for name in names}))
        seen = tuple(sorted(self.trained_on)) if fakes else ()
        return train, test, Audit(names, people, len(train) - fakes, fakes, len(test), excluded_rows(self, why), seen)

    def fakes(self, subjects: Sequence[str] | None = None) -> FrameView:
        """Every fake (of some subjects), whatever the setup; made now if it is missing and may be made.

        Raises:
            CacheMissError: some are missing and may not be made.
            UnknownNameError: a subject that the data do not have.
        """
        if subjects is not None:
            check_subjects(self.frames, subjects)
        rows, pixels = self._fake_rows(self._swaps), self._pixels
        if self.setup == "real_only":
            rows, pixels = self._fakes_on_request(subjects)
        view = FrameView(self.frames, pixels, rows, **self._settings())
        return view if subjects is None else view.subset(np.isin(view.groups, list(subjects)))

    def patch_bytes(self) -> int:
        """Bytes that the patches of all swaps take in the store."""
        return int(self._swaps["size"][(self._swaps["shard"] >= 0) & (self._swaps["status"] == _SWAPPED)].sum())

    def real_frame(self, frame: int) -> Image:
        """Working frame at a position among the frames, ``(H, W, 3)`` uint8 RGB; may be read-only."""
        return self._pixels.frame(frame)

    def coverage(self) -> dict[str, Any]:
        """What became of the swaps: ``swapped, skipped, by_reason, by_class, by_subject`` (plain JSON values)."""
        status, missing = self._swaps["status"].ravel(), self._swaps["shard"].ravel() < 0
        swapped = (status == _SWAPPED) & ~missing
        slots = self._swaps.shape[1]
        reasons = Counter(STATUSES[code] for code in status[~swapped & ~missing].tolist())
        if missing.any():
            reasons["missing"] = int(missing.sum())
        names = np.array(self.classes)[self.frames.label]
        return {
            "swapped": int(swapped.sum()),
            "skipped": int((~swapped).sum()),
            "by_reason": dict(sorted(reasons.items())),
            "by_class": _tally(np.repeat(names, slots), swapped),
            "by_subject": _tally(np.repeat(self.frames.subject, slots), swapped),
        }

    def extra_repr(self) -> str:
        """Lines for ``repr``."""
        kind = f"Setup: {self.setup}; source: {self.recipe.source.name if self.recipe.source else 'none'}"
        return f"{kind}\nStore: {self.store.path}\n{super().extra_repr()}"

    @property
    def _recipe_of_rows(self) -> Recipe:
        """The recipe without fakes when the setup has none: then nothing is detected or swapped."""
        if self.setup == "real_only":
            return replace(self.recipe, source=None, engine=None, fakes_per_frame=0)
        return self.recipe

    @cached_property
    def _plan(self) -> Plan:
        self.store.refresh()
        return plan(self.frames, self._recipe_of_rows, self.store)

    def _make_or_refuse(self, frames: LabelledFrames, recipe: Recipe, planned: Plan) -> None:
        """Make what is missing, or say that it is. What failed before is left to :meth:`materialise`."""
        self.store.refresh()
        gone_frames = self.store.locate("frames", planned.frame_keys)["shard"] < 0
        gone_swaps = self.store.locate("swaps", planned.swap_keys.ravel())["shard"] < 0
        in_worker = get_worker_info() is not None
        if self.on_miss == "materialise" and not in_worker:
            _warn_of_failures(materialise_plan(frames, recipe, planned, self.store, retry=False))
        elif (gone_frames.any() or gone_swaps.any()) and (in_worker or self.on_miss == "error"):
            keys = as_hex(planned.frame_keys[gone_frames]) + as_hex(planned.swap_keys.ravel()[gone_swaps])
            where = "A DataLoader worker may not make swaps. " if in_worker else ""
            raise CacheMissError(
                f"{int(gone_swaps.sum())} swaps and {int(gone_frames.sum())} frames are not in the store "
                f"{self.store.path} (first keys: {', '.join(keys[:3])}). {where}Make them with `{self._command}`, or "
                "build the data set once in the main process with on_miss='materialise'."
            )

    def _take_rows(self) -> None:
        """Look everything up and lay out the rows of the setup."""
        self.store.refresh()
        entries = self.store.locate("frames", self._plan.frame_keys)
        shape = self._plan.swap_keys.shape
        self._swaps: Entries = self.store.locate("swaps", self._plan.swap_keys.ravel()).reshape(shape)
        self._pixels = pixels = StoredPixels(self.store.reader, entries)
        self._readable = (entries["shard"] >= 0) & (entries["size"] > 0)
        failed = np.flatnonzero((entries["shard"] >= 0) & ~self._readable)
        if len(failed):
            warnings.warn(
                f"{len(failed)} of {len(entries)} frames cannot be read and are left out, real and fake; the first is "
                f"{self.frames.ref(int(failed[0]))}.",
                UserWarning,
                stacklevel=3,
            )
        real = Rows.real(np.flatnonzero(self._readable))
        fake = self._fake_rows(self._swaps, keep_real=self.unswappable == "keep_real")
        parts = {"real_only": [real], "fake_only": [fake], "hybrid": [real, fake]}
        self.rows = Rows.joined(parts[self.setup])
        if self.preload:
            pixels.preload(self.rows)

    def _fake_rows(self, swaps: Entries, keep_real: bool = False) -> Rows:
        """A row per swap; with ``keep_real`` the real frame where there is none."""
        swapped = (swaps["shard"] >= 0) & (swaps["status"] == _SWAPPED) & self._readable[:, None]
        frame, slot = np.nonzero(swapped)
        names = np.array([*self.store.index.names, ""], np.str_)
        found = swaps[frame, slot]
        fakes = Rows(frame.astype(np.int64), np.ones(len(frame), bool), names[found["source"]], found)
        if not keep_real:
            return fakes
        left = np.nonzero(~swapped & self._readable[:, None] & (swaps["shard"] >= 0))[0]
        return Rows.joined([fakes, Rows.real(left)])

    def _fakes_on_request(self, subjects: Sequence[str] | None) -> tuple[Rows, StoredPixels]:
        """Fakes in a setup without any: planned and made for these subjects only."""
        chosen = np.isin(self.frames.subject, list(subjects if subjects is not None else self.frames.subjects))
        frames = self.frames.subset(chosen)
        planned = plan(frames, self.recipe, self.store)
        self._make_or_refuse(frames, self.recipe, planned)
        self.store.refresh()
        slots = self.recipe.fakes_per_frame
        swaps = nothing(len(self.frames) * slots).reshape(-1, slots)
        swaps[chosen] = self.store.locate("swaps", planned.swap_keys.ravel()).reshape(-1, slots)
        pixels = StoredPixels(self.store.reader, self.store.locate("frames", self._plan.frame_keys))
        return self._fake_rows(swaps), pixels

    def _test_view(self, subjects: tuple[str, ...], condition: str | None) -> TestView:
        mine = self._readable & np.isin(self.frames.subject, list(subjects))
        wanted = mine if condition is None else mine & (self.frames.condition == condition)
        every, test = (
            TestView(self.frames, self._pixels, Rows.real(np.flatnonzero(at)), **self._settings())
            for at in (mine, wanted)
        )
        if condition is not None:
            check_condition("test", condition, test.conditions, every.conditions, subjects)
        test._dataset, test._subjects, test._condition = self, subjects, condition
        return test


def _warn_of_failures(report: MaterialiseReport) -> None:
    if report.failures:
        warnings.warn(
            f"{len(report.failures)} frames failed and are left out; the next run tries them again. The first: "
            f"{report.failures[0]}",
            UserWarning,
            stacklevel=4,
        )


def _check_choices(**given: tuple[str, tuple[str, ...]]) -> None:
    for option, (value, choices) in given.items():
        if value not in choices:
            raise UnknownNameError(option, value, choices)


def _tally(names: NDArray[np.str_], swapped: NDArray[np.bool_]) -> dict[str, dict[str, int]]:
    return {
        str(name): {"swapped": int(swapped[names == name].sum()), "skipped": int((~swapped[names == name]).sum())}
        for name in np.unique(names)
    }
