"""``fsa profile``: what the networks cost on this machine, beside what T2 printed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsa_data.commands.words import DONE
from fsa_data.errors import ConfigError, OutputError, UnknownNameError, of_system

if TYPE_CHECKING:
    import torch

COLUMNS = ("network", "sees", "parameters", "GMAC", "batch", "ms", "MiB", "images/s", "GMAC/s")

_COUNTED = """GMAC: billions of multiplications with accumulation of a sample's forward pass, in convolutions and
matrix products; a FLOP count is twice that. Not counted: normalisation, activations, sampling, resizing, and in
training steps the penalty R1. MiB: the most that tensors made in between take at a time, without parameters and
input."""

_THESIS = """T2's table 10 gives StarGAN v2 2,902,834.73 GFLOP forward in 1.95 s and DaGAN 103,490,221.33 GFLOP in
5.89 s, the latter 35.7 times the former. At batch 8 a step forward of the published code takes {stargan:,.0f} and
{dagan:,.0f} GFLOP: the table holds {stargan_steps:,.0f} and {dagan_steps:,.0f} steps of counting, but the time of one.
So its rates (1,488.63 and, a hundred times too large by its own figures, 1,757,049.59 TFLOP/s) are beyond any one
device, and its ratio compares how long was counted. Step for step DaGAN takes {ratio:.2f} times the operations of
StarGAN v2 forward (its SPADE generator {spade:.2f} times)."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "parameters, operations, time and memory of the networks on this device"
    command = commands.add_parser("profile", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("network", nargs="*", help="names as in the table (default: those that move faces)")
    command.add_argument("--all", action="store_true", help="every network of the house")
    command.add_argument("--batch", type=int, default=1, metavar="N", help="samples at once (default: %(default)s)")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    command.add_argument(
        "-o", "--out", type=Path, metavar="DIR", help="write profile.csv and profile.png there as well"
    )
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from fsa_data.engines.autoencoder.train import pick_device
    from fsa_data.engines.profile.cases import CASES
    from fsa_data.engines.profile.measure import measure, peak_gmacs_per_s

    if options.batch < 1:
        raise ConfigError(f"--batch must be at least 1, got {options.batch}.")
    for name in options.network:
        if name not in CASES:
            raise UnknownNameError("network", name, CASES)
    chosen = options.network or [name for name, case in CASES.items() if options.all or case.reenactment]
    device = pick_device(options.device)
    peak = peak_gmacs_per_s(device)
    print(f"{_named(device)}: at most {peak:,.0f} GMAC/s, by products of large float32 matrices\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}", flush=True)
    rows = []
    for name in chosen:
        case = CASES[name]
        found = measure(case.build, case.inputs, device, options.batch)
        rate = found.gmacs_per_s or 0.0
        told = [f"{rate:,.0f}" if rate <= peak else "above the peak: not told"]
        size = [f"{found.macs / 1e9:,.3f}", str(found.batch), f"{found.ms:,.1f}", f"{found.mib:,.0f}"]
        row = [name, case.about, f"{found.parameters:,}", *size, f"{found.images_per_s:,.1f}", *told]
        rows.append(row)
        print(f"| {' | '.join(row)} |", flush=True)
    print(f"\n{_COUNTED}\n")
    if options.all or not options.network:
        _print_steps()
    if options.out is not None:
        _write(options.out, rows)
    return DONE


def _print_steps() -> None:
    from fsa_data.engines.profile.steps import dagan_step, stargan_step

    steps = {
        "StarGAN v2, w_hpf=0": stargan_step(0.0),
        "StarGAN v2, w_hpf=1": stargan_step(1.0),
        "DaGAN, DepthAware": dagan_step(),
        "DaGAN, SPADE": dagan_step("SPADEDepthAwareGenerator"),
    }
    print("| one training step, per sample | GMAC forward | GMAC forward and backward |\n| --- | --- | --- |")
    for name, cost in steps.items():
        print(f"| {name} | {cost.forward / 1e9:,.2f} | {cost.both / 1e9:,.2f} |")
    flop = {name: 16 * cost.forward / 1e9 for name, cost in steps.items()}
    stargan, dagan, spade = (flop[name] for name in ("StarGAN v2, w_hpf=1", "DaGAN, DepthAware", "DaGAN, SPADE"))
    print()
    print(
        _THESIS.format(
            stargan=stargan,
            dagan=dagan,
            stargan_steps=2_902_834.73 / stargan,
            dagan_steps=103_490_221.33 / dagan,
            ratio=dagan / stargan,
            spade=spade / stargan,
        )
    )


def _named(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def _write(folder: Path, rows: list[list[str]]) -> None:
    from matplotlib.figure import Figure

    from fsa_data.faces.prepared import write_rows

    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / "profile.csv", COLUMNS, [[cell.replace(",", "") for cell in row] for row in rows])
        figure = Figure(figsize=(8, 1 + 0.28 * len(rows)), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        names = [row[0] for row in rows]
        for axis, at, label in zip(axes, (3, 5), ("GMAC per sample", "ms per batch"), strict=True):
            axis.barh(names, [float(row[at].replace(",", "")) for row in rows], color="0.4")
            axis.set_xscale("log")
            axis.set_xlabel(label)
        axes[0].invert_yaxis()
        figure.savefig(folder / "profile.png", dpi=120)
    except OSError as error:
        raise OutputError(f"Cannot write to {folder}: {of_system(error)}.") from error
