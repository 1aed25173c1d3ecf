"""Donors for tests."""

from dataclasses import replace

from fsa_data.types import SourceFace


def renamed(donor: SourceFace, identity: str, **face: float) -> SourceFace:
    """The same face under another name, perhaps in another pose."""
    return replace(
        donor, identity=identity, digest=f"{identity}{sorted(face.items())}", face=replace(donor.face, **face)
    )
