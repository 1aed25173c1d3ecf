"""``fsa train-engine``: an autoencoder that puts one person's face on another."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsa_data.commands.words import DONE, add_frames, frames_of, listed, pairs
from fsa_data.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from fsa_data.engines.autoencoder.preset import Preset
    from fsa_data.engines.autoencoder.train import Report
    from fsa_data.worker import Clip
    from fsa_data.worker.training_faces import TrainingFaces


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "train an autoencoder that puts the face of one person on another"
    command = commands.add_parser("train-engine", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument(
        "-s", "--source", action="append", required=True, help="whose face to put on; give it again to mix several"
    )
    command.add_argument("--source-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--identity", default="", metavar="NAME", help="who of the source, if it shows several people")
    command.add_argument("-d", "--target", type=Path, metavar="VIDEO|DIR", help="the person who will wear it")
    add_frames(command, required=False)
    command.add_argument(
        "--subject", default="", metavar="NAME", help="who the target is (default: the file's name, the only subject)"
    )
    command.add_argument(
        "--every", type=int, default=1, metavar="N", help="every how many-th frame of the target (default: all)"
    )
    command.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="a new folder, or one to go on")
    how = command.add_argument_group("how")
    how.add_argument("--preset", default="thesis", metavar="NAME|FILE", help="thesis, quick, tiny or a JSON file")
    how.add_argument("--iterations", type=int, metavar="N", help="steps in all (default: the preset's)")
    how.add_argument("--until", type=int, metavar="N", help="stop at this step already, to go on another time")
    how.add_argument("--init-from", type=Path, metavar="DIR", help="a new training begins with the weights of this")
    how.add_argument("--seed", type=int, default=0, help="of weights and samples (default: %(default)s)")
    how.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    how.add_argument(
        "--snapshot-every", type=int, default=1000, metavar="N", help="steps between snapshots (default: %(default)s)"
    )
    how.add_argument("--tensorboard", action="store_true", help="losses for TensorBoard as well, in DIR/tensorboard")
    kept = "the last snapshot, if there is one, is kept, and the same command goes on from there"
    command.set_defaults(run=_run, interrupted=kept)


def _run(options: argparse.Namespace) -> int:
    from fsa_data.engines.autoencoder.train import TrainOptions, pick_device, train
    from fsa_data.engines.snapshots import snapshots
    from fsa_data.faces import load_landmarker
    from fsa_data.sources import load_source
    from fsa_data.worker.training_faces import source_faces, target_faces, the_identity

    for name in ("until", "snapshot_every", "every"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} must be at least 1, got {value}.")
    pick_device(options.device)
    preset = _preset(options)
    clip, subject = _target(options)
    source = load_source(options.source, pairs(options.source_option))
    identity = the_identity(source, options.identity)
    if identity == subject:
        raise ConfigError(f"Source and target are both {identity!r}: nobody is put on themselves. Name them apart.")
    landmarker = load_landmarker()
    src = source_faces(source, identity, preset, landmarker, progress=True)
    _print_faces("source", src)
    dst = target_faces(clip, subject, preset, landmarker, options.every, progress=True)
    _print_faces("target", dst)
    before = max((step for step, _ in snapshots(options.out)), default=0)
    report = train(
        src.tensors,
        dst.tensors,
        options.out,
        preset,
        options.seed,
        options.init_from,
        options.until,
        TrainOptions(
            options.device,
            options.snapshot_every,
            progress=sys.stderr.isatty(),
            tensorboard=options.tensorboard,
        ),
    )
    _print_report(options, preset, report, before)
    return DONE


def _preset(options: argparse.Namespace) -> Preset:
    """The preset; whether it can go on from what is there is found out before faces are looked for."""
    from fsa_data.engines.autoencoder.preset_file import find_preset
    from fsa_data.engines.autoencoder.snapshot import check_architecture, read_state
    from fsa_data.engines.snapshots import find_snapshot, snapshots

    preset = find_preset(options.preset)
    if options.iterations is not None:
        preset = replace(preset, iterations=options.iterations)
    begin = options.out if snapshots(options.out) else options.init_from
    if begin is not None:
        snapshot = find_snapshot(begin)
        check_architecture(snapshot, read_state(snapshot).preset, preset)
    return preset


def _target(options: argparse.Namespace) -> tuple[Clip, str]:
    """The target's frames and who is in them."""
    from fsa_data.worker import clips_of_frames, clips_of_paths

    tables = any((options.csv, options.maskdar, options.state_farm, options.simdrive))
    if options.target is not None:
        if tables or options.root:
            raise ConfigError("Give either -d or labelled frames (--csv, --maskdar, --state-farm, --simdrive).")
        (clip,) = clips_of_paths([options.target])
        path = options.target.resolve()
        return clip, options.subject or (path.name if path.is_dir() else path.stem)
    if not tables:
        raise ConfigError("Say whose face is replaced: -d VIDEO|DIR, or labelled frames with --subject.")
    clips = {clip.subject: clip for clip in clips_of_frames(frames_of(options))}
    if not options.subject and len(clips) > 1:
        raise ConfigError(f"The frames show {len(clips)} subjects: {', '.join(clips)}. Choose with --subject NAME.")
    subject = options.subject or next(iter(clips))
    if subject not in clips:
        raise UnknownNameError("subject", subject, clips)
    return clips[subject], subject


def _print_faces(side: str, faces: TrainingFaces) -> None:
    print(f"{side} {faces.name}: {len(faces.tensors)} faces{listed('; left out: ', faces.dropped)}", flush=True)


def _print_report(options: argparse.Namespace, preset: Preset, report: Report, before: int) -> None:
    from fsa_data.engines.autoencoder.snapshot import read_state

    more = ""
    if report.iteration < preset.iterations:
        more = f" of {preset.iterations}; the same command without --until goes on"
    elif before == report.iteration:
        more = "; none is left, --iterations gives more"
    back = f", {report.rollbacks} returns to a snapshot" if report.rollbacks else ""
    print(
        f"{options.out}: {report.iteration} steps{more}, {report.seconds:.1f} s, loss source {report.losses[0]:.4f}, "
        f"target {report.losses[1]:.4f}{back}"
    )
    print(f"trained on {', '.join(sorted(read_state(report.snapshot).identities))}")
    if options.target is not None and not options.subject:
        print("If your data call the target otherwise, train with --subject NAME: folds that test them leave it out.")
    words = [part for source in options.source for part in ("-s", source)]
    words += [part for option in options.source_option for part in ("--source-option", option)]
    target = str(options.target) if options.target is not None else "VIDEO"
    engine = f"{preset.network}:{options.out}"
    print("use it: " + shlex.join(["fsa", "swap", "--engine", engine, *words, "-d", target, "-o", "OUT"]))
