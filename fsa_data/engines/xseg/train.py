"""Training XSeg: from outlines to one file, resumable to the very step.

The samples of a step depend on the seed and the number of the step alone, so weights, moments and that number are all
that a training needs to go on.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from fsa_data.engines.autoencoder.optim import Optimiser
from fsa_data.engines.autoencoder.train import pick_device
from fsa_data.engines.xseg.labels import Outlined
from fsa_data.engines.xseg.samples import UNIFORMS, make_samples
from fsa_data.errors import ConfigError, DivergedError, OutputError, WrongWeightsError, of_system
from fsa_data.nets.xseg import XSeg
from fsa_data.paths import write_atomic

FORMAT = "fsa-xseg-1"


@dataclass(frozen=True, slots=True)
class XSegOptions:
    """What is trained and how.

    Attributes:
        iterations: steps in all.
        resolution: side of the pictures, a multiple of 64.
        base: channels of the first level; 32 is DeepFaceLab's.
        batch_size: pictures of a step.
        lr: learning rate of RMSprop.
        lr_dropout: probability that a weight moves in a step.
        seed: of weights and samples.
        device: ``auto``, ``cpu`` or ``cuda``.
        save_every: steps between writes of the file; it is always written at the end.
        progress: show a progress line.
    """

    iterations: int = 5000
    resolution: int = 256
    base: int = 32
    batch_size: int = 4
    lr: float = 1e-4
    lr_dropout: float = 0.3
    seed: int = 0
    device: str = "auto"
    save_every: int = 500
    progress: bool = False

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_size", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True)
class Saved:
    """What a file of XSeg holds.

    Attributes:
        resolution: of the network.
        base: of the network.
        iteration: steps done.
        identities: everybody it has seen, as far as known.
        weights: of the network.
        moments: of the optimiser.
    """

    resolution: int
    base: int
    iteration: int
    identities: frozenset[str]
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]

    def network(self) -> XSeg:
        """The network, on the CPU.

        Raises:
            WrongWeightsError: the weights are not those of such a network.
        """
        net = XSeg(self.resolution, self.base)
        try:
            net.load_state_dict(self.weights)
        except RuntimeError as error:
            raise WrongWeightsError(f"These are no weights of XSeg: {error}") from error
        return net


@dataclass(frozen=True, slots=True)
class XSegReport:
    """What a run did: steps in all, mean loss of the last hundred, seconds, and how well it knows the outlines.

    Attributes:
        iteration: steps in all.
        loss: binary cross-entropy, mean of this run's last hundred steps.
        overlap: mean intersection over union of its masks and the outlines, on the pictures as they are.
        seconds: of this run.
    """

    iteration: int
    loss: float
    overlap: float
    seconds: float


def train_xseg(outlines: Sequence[Outlined], out: str | Path, options: XSegOptions | None = None) -> XSegReport:
    """Train until ``options.iterations`` steps are done in all.

    Args:
        outlines: of :func:`fsa_data.engines.xseg.labels.read_outlines`.
        out: the file, ``.safetensors``; if it is there the training goes on from it.
        options: what and how.

    Raises:
        BadImageError, FaceSetError: a picture that cannot be used.
        WrongWeightsError: the file is of another architecture, or damaged.
        DivergedError: the loss is no number.
        OutputError: the file cannot be written.
    """
    options, out = options or XSegOptions(), Path(out)
    if out.suffix != ".safetensors":
        raise ConfigError(f"The model is a file NAME.safetensors, got {out}.")
    device = pick_device(options.device)
    saved = read_xseg(out) if out.is_file() else None
    if saved is not None and (saved.resolution, saved.base) != (options.resolution, options.base):
        raise WrongWeightsError(
            f"{out} is {saved.resolution} px, base {saved.base}, but {options.resolution} px, base {options.base} is "
            "wanted. Choose another file, or the sizes of this one."
        )
    pictures = [each.load(options.resolution) for each in outlines]
    images = torch.from_numpy(np.stack([image for image, _ in pictures])).permute(0, 3, 1, 2).contiguous().to(device)
    masks = torch.from_numpy(np.stack([mask for _, mask in pictures]))[:, None].to(device)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        net = (saved.network() if saved is not None else XSeg(options.resolution, options.base)).to(device)
    dropped = torch.Generator(device)
    parameters = dict(net.named_parameters())
    optimiser = Optimiser(parameters, "rmsprop", options.lr, options.lr_dropout, generator=dropped)
    if saved is not None:
        optimiser.moments.update({name: value.to(device) for name, value in saved.moments.items()})
    identities = {each.identity for each in outlines if each.identity} | (saved.identities if saved else set())
    first, started, losses = saved.iteration if saved else 0, time.perf_counter(), []
    steps = range(first, options.iterations)
    for step in tqdm(steps, disable=not options.progress, unit="it", initial=first, total=options.iterations):
        drawn = torch.Generator().manual_seed(options.seed * 1_000_003 + step)
        dropped.manual_seed(options.seed * 1_000_003 + step)
        index, others = torch.randint(len(images), (2, options.batch_size), generator=drawn).to(device)
        rows = torch.rand(options.batch_size, UNIFORMS, generator=drawn).to(device)
        picture, mask = make_samples(images, masks, index, others, rows)
        loss = functional.binary_cross_entropy_with_logits(net(picture), mask)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimiser.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise DivergedError(f"The loss is no number at step {step + 1}; {out} is as it was last written. Lower lr.")
        if (step + 1) % options.save_every == 0 or step + 1 == options.iterations:
            _write(out, net, optimiser, options, step + 1, identities)
    end = max(first, options.iterations)
    recent = losses[-100:]
    mean = sum(recent) / len(recent) if recent else math.nan
    return XSegReport(end, mean, _overlap(net, images, masks), time.perf_counter() - started)


@torch.inference_mode()
def _overlap(net: XSeg, images: Tensor, masks: Tensor) -> float:
    shares = []
    for image, mask in zip(torch.split(images, 8), torch.split(masks, 8), strict=True):
        got, wanted = net(image.float() / 255) > 0, mask > 127
        both, either = (got & wanted).sum((1, 2, 3)), (got | wanted).sum((1, 2, 3))
        shares.append(both / either.clamp_min(1))
    return float(torch.cat(shares).mean())


def read_xseg(path: str | Path) -> Saved:
    """A file that :func:`train_xseg` has written.

    Raises:
        WrongWeightsError: no such file, damaged, or another one.
    """
    try:
        with safe_open(str(path), "pt") as file:
            said = file.metadata() or {}
            if FORMAT not in said:
                raise WrongWeightsError(f"{path} is no XSeg model of this version ({FORMAT}).")
            state = json.loads(said[FORMAT])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no mapping
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        if isinstance(error, WrongWeightsError):
            raise
        raise WrongWeightsError(f"{path} cannot be read as an XSeg model: {error}.") from error
    parts = [{key[4:]: value for key, value in tensors.items() if key.startswith(kind)} for kind in ("net.", "rms.")]
    return Saved(state["resolution"], state["base"], state["iteration"], frozenset(state["identities"]), *parts)


def _write(
    out: Path, net: XSeg, optimiser: Optimiser, options: XSegOptions, iteration: int, identities: set[str]
) -> None:
    state = {
        "resolution": options.resolution,
        "base": options.base,
        "iteration": iteration,
        "identities": sorted(identities),
    }
    tensors = {f"net.{key}": value for key, value in net.state_dict().items()}
    tensors |= {f"rms.{key}": value for key, value in optimiser.moments.items()}
    content = save(
        {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
        {FORMAT: json.dumps(state)},  # one entry: the order of several differs from process to process
    )
    try:
        write_atomic(out, content)
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {of_system(error)}.") from error
