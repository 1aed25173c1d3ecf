"""StyleGAN2: the generator, and the generator in an official pickle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from fsa_data.nets.stylegan2_files import load_generator
from tests.parity.recipe import (
    Fixture,
    ParityError,
    check_hash,
    check_state,
    expected_shapes,
    fill,
    filled,
    make_inputs,
)


@dataclass(frozen=True)
class Use:
    """How an output is asked for."""

    psi: float = 0.7
    cutoff: int | None = None
    noise: str = "const"


_USUAL = {"w_psi1": Use(psi=1.0), "image_nonoise": Use(psi=1.0, noise="none"), "image_cutoff4": Use(psi=0.5, cutoff=4)}
"""What the names mean where the file's note does not say so."""


def use_of(fixture: Fixture, output: str) -> Use:
    """From the clause ``output: ...`` of the note."""
    usual = _USUAL.get(output, Use())
    clauses = dict(re.findall(r"(?:^|;\s*)(\w+):\s*([^;]*)", fixture.meta.get("note") or ""))
    said = clauses.get(output, "")
    psi = re.search(r"psi\s*=?\s*([0-9.]*[0-9])", said)
    cutoff = re.search(r"cutoff\s*=?\s*(\d+)", said) or re.search(r"cutoff(\d+)", output)
    noise = re.search(r"noise(?:_mode)?\s*=?\s*(const|none|random)", said)
    return Use(
        float(psi[1]) if psi else usual.psi,
        int(cutoff[1]) if cutoff else usual.cutoff,
        noise[1] if noise else usual.noise,
    )


def generator(fixture: Fixture) -> dict[str, Any]:
    """Every output that the file names."""
    return _outputs(fixture, filled(fixture))


def pickled(fixture: Fixture) -> dict[str, Any]:
    """The generator of a pickle beside the fixture: its weights are the recipe's, bit for bit."""
    model = load_generator(fixture.path.parent / fixture.meta["config"]["pickle"])
    state = model.state_dict()
    check_state(state, expected_shapes(fixture))
    check_hash(fixture, state)
    wrong = [key for key, tensor in fill(state, fixture.meta["fill"]).items() if not torch.equal(tensor, state[key])]
    if wrong:
        raise ParityError(f"{len(wrong)} tensors are not those of the recipe: {', '.join(wrong[:4])}")
    return _outputs(fixture, model)


def _outputs(fixture: Fixture, model: Any) -> dict[str, Any]:
    given = make_inputs(fixture)
    z, c = given.get("z"), _label(given.get("c"), model.c_dim)
    found: dict[str, Any] = {}
    for output in fixture.meta["outputs"]:
        use = use_of(fixture, output)
        if output == "image_ws":
            found[output] = model.synthesis(given["ws"], use.noise)
        elif output.startswith("image"):
            found[output] = model(z, c, use.psi, use.cutoff, use.noise)
        elif output.startswith("w"):
            found[output] = model.mapping(z, c, use.psi, use.cutoff)[:, 0]
    return found


def _label(c: Tensor | None, count: int) -> Tensor | None:
    return F.one_hot(c, count).float() if c is not None and c.ndim == 1 else c
