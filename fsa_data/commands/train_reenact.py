"""``fsa train-reenact``: networks that move faces, or change their style."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsa_data.commands.words import DONE, pairs
from fsa_data.errors import ConfigError, MissingWeightsError, WrongWeightsError

if TYPE_CHECKING:
    from torch import nn

    from fsa_data.engines.reenact.training import Training

KINDS = {
    "stargan2": "StarGAN v2, on faces of fsa prepare faces",
    "depth": "DaGAN's face-depth network, on clips of fsa prepare clips",
    "dagan": "DaGAN, on the same clips and with that depth network",
}


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "train networks that move a face as another does (DaGAN) or change its style (StarGAN v2)"
    command = commands.add_parser("train-reenact", help=text, description=f"{text[0].upper()}{text[1:]}.")
    kinds = command.add_subparsers(dest="kind", required=True, metavar="|".join(KINDS))
    for kind, about in KINDS.items():
        one = kinds.add_parser(kind, help=about)
        one.add_argument("data", type=Path, metavar="DIR", help="of fsa prepare")
        one.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="a new folder, or one to go on")
        one.add_argument(
            "--preset", default="", metavar="NAME|FILE", help="a name, or a JSON file (default: published)"
        )
        one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a field of the preset")
        one.add_argument("--until", type=int, metavar="N", help="stop at this step already, to go on another time")
        one.add_argument("--init-from", type=Path, metavar="DIR", help="a new training begins with the weights of this")
        one.add_argument("--seed", type=int, default=0, help="of weights and samples (default: %(default)s)")
        one.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
        one.add_argument("--snapshot-every", type=int, default=1000, metavar="N", help="(default: %(default)s)")
        one.add_argument("--sheet-every", type=int, default=1000, metavar="N", help="(default: %(default)s)")
        one.add_argument("--tensorboard", action="store_true", help="losses for TensorBoard as well")
        if kind == "depth":
            one.add_argument(
                "--encoder", type=Path, metavar="FILE", help="torchvision's ResNet of ImageNet to begin with"
            )
        if kind == "dagan":
            one.add_argument("--depth", type=Path, required=True, metavar="DIR", help="the trained depth network")
            one.add_argument("--perceptual", type=Path, metavar="FILE", help="torchvision's VGG19 of ImageNet")
        kept = "the last snapshot, if there is one, is kept, and the same command goes on from there"
        one.set_defaults(run=_run, interrupted=kept)


def _run(options: argparse.Namespace) -> int:
    from fsa_data.engines.reenact.loop import LoopOptions, train
    from fsa_data.engines.snapshots import snapshots

    for name in ("until", "snapshot_every"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} must be at least 1, got {value}.")
    training = {"stargan2": _stargan2, "depth": _depth, "dagan": _dagan}[options.kind](options)
    how = LoopOptions(
        options.device, options.snapshot_every, options.sheet_every, sys.stderr.isatty(), options.tensorboard
    )
    before = max((step for step, _ in snapshots(options.out)), default=0)
    report = train(training, options.out, options.init_from, options.until, how)
    print(f"trained on {', '.join(sorted(training.identities)[:12])}{' ...' if len(training.identities) > 12 else ''}")
    more = f" of {training.iterations}; the same command goes on" if report.iteration < training.iterations else ""
    if before == report.iteration:
        more = "; none is left, --set iterations=N gives more"
    losses = report.losses
    ends = [losses.mean("reconstruction", each) for each in (slice(0, 50), slice(-50, None))]
    print(
        f"{options.out}: {report.iteration} steps{more}, {report.seconds:.1f} s, reconstruction "
        f"{ends[0]:.4f} at first, {ends[1]:.4f} at last"
    )
    uses = {
        "stargan2": f"fsa swap --engine stargan2:{options.out} -s SOURCE -d VIDEO -o OUT",
        "depth": f"fsa train-reenact dagan {options.data} --depth {options.out} -o NETWORK",
        "dagan": f"fsa swap --engine dagan:{options.out} -s SOURCE -d VIDEO -o OUT",
    }
    print(f"use it: {uses[options.kind]}")
    return DONE


def _stargan2(options: argparse.Namespace) -> Training:
    from fsa_data.engines.reenact.pictures import read_domains
    from fsa_data.engines.reenact.presets import find_preset
    from fsa_data.engines.stargan2.networks import load_fan
    from fsa_data.engines.stargan2.preset import PRESETS
    from fsa_data.engines.stargan2.training import StarganTraining

    preset = find_preset(PRESETS, options.preset or "celeba_hq", pairs(options.set))
    faces = read_domains(options.data, preset.img_size)
    fan: Any = load_fan() if preset.w_hpf > 0 else None
    return StarganTraining(faces, preset, options.seed, fan)


def _depth(options: argparse.Namespace) -> Training:
    from fsa_data.engines.dagan.depth_training import DepthTraining
    from fsa_data.engines.dagan.preset import DEPTH_PRESETS
    from fsa_data.engines.reenact.pictures import read_clips
    from fsa_data.engines.reenact.presets import find_preset
    from fsa_data.nets.checkpoints import read_checkpoint

    preset = find_preset(DEPTH_PRESETS, options.preset or "vox", pairs(options.set))
    clips = read_clips(options.data, preset.size, 2 * preset.stride + 1)
    encoder = read_checkpoint(options.encoder) if options.encoder is not None else None
    return DepthTraining(clips, preset, options.seed, encoder)


def _dagan(options: argparse.Namespace) -> Training:
    from fsa_data.engines.dagan.networks import load_depth
    from fsa_data.engines.dagan.preset import PRESETS
    from fsa_data.engines.dagan.training import DaganTraining
    from fsa_data.engines.reenact.pictures import read_clips
    from fsa_data.engines.reenact.presets import find_preset

    preset = find_preset(PRESETS, options.preset or "vox", pairs(options.set))
    depth, seen = load_depth(options.depth)
    eyes = _perceptual(options.perceptual)
    return DaganTraining(read_clips(options.data, preset.size), preset, depth, options.seed, eyes, seen)


def _perceptual(path: Path | None) -> nn.Module | None:
    """VGG19 from a file or where it is usually kept; None, with a word about it, if it is nowhere."""
    from fsa_data.engines.dagan.perceptual import Vgg19
    from fsa_data.nets.checkpoints import load_checked, read_checkpoint
    from fsa_data.weights import users_file

    try:
        found = users_file("vgg19", path)
    except MissingWeightsError:
        if path is not None:
            raise
        print("VGG19's weights are not here (fsa train-reenact dagan --perceptual FILE): fixed filters serve instead.")
        return None
    net = Vgg19()
    own = net.state_dict()
    state = {key: value for key, value in read_checkpoint(found).items() if key in own}
    if not state:
        raise WrongWeightsError(f"{found} is no VGG19 of torchvision: it has no features.0.weight.")
    load_checked(net, state, "VGG19", found)
    return net
