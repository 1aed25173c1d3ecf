"""Networks whose fixture is nothing but: build, fill, feed the inputs in order."""

from __future__ import annotations

from typing import Any

from tests.parity.recipe import Fixture, filled, make_inputs


def forward(fixture: Fixture) -> dict[str, Any]:
    """Outputs by name; several ones in the file's order, unless the network names them itself."""
    got = filled(fixture)(*make_inputs(fixture).values())
    if isinstance(got, dict):
        return got
    several = got if isinstance(got, tuple | list) else (got,)
    return dict(zip(fixture.meta["outputs"], several, strict=True))
