"""Which colour transfer suits a pair of faces: T1 used one for all swaps and named the choice per pair as open.

The rule looks at two numbers (:func:`fsa_data.merge.follow_light.look`): how far the complexions are apart, and how
much the light over the two faces differs. ``python -m benchmarks.colour`` measures it against every fixed choice.
"""

from __future__ import annotations

from fsa_data.merge.follow_light import Looks, look
from fsa_data.types import Floats, Json

ALIKE_LIGHT = 5.0
"""Up to this difference of light (Lab units) the two faces' distributions of colour can be compared at all."""

ALIKE_TONE = 25.0
"""Up to this distance of complexions (Lab units) matching distributions in full does not blow up grain."""


def rule(looks: Looks) -> tuple[str, str]:
    """The transfer, a colour of :class:`fsa_data.merge.PasteOptions`, and why.

    Both that come into question follow the target's light, which a transfer that treats all pixels alike cannot: that
    matters most. Where light and complexion are alike, whole distributions are matched; where light differs, they are
    light more than skin, and where complexions do, matching them in full roughens the skin: there colours move as
    little as their mean and covariance ask for.
    """
    if looks.light_distance > ALIKE_LIGHT:
        return "mkl-l", "light differs"
    if looks.tone_distance > ALIKE_TONE:
        return "mkl-l", "complexions differ"
    return "idt-l", "alike"


def choose_colour(drawn: Floats, original: Floats, counts: Floats) -> tuple[str, Json]:
    """The colour transfer for a pair.

    Args:
        drawn: ``(h, w, 3)`` float32 RGB in 0..1, the new face in its frame.
        original: the same of the target.
        counts: ``(h, w)`` float32, at least a half where both show the face.

    Returns:
        A colour of :class:`fsa_data.merge.PasteOptions` other than ``auto``, and notes for the swap: why, and the two
        distances.
    """
    looks = look(drawn, original, counts)
    if looks is None:
        return "none", {"colour_why": "too little to see"}
    colour, why = rule(looks)
    distances = {
        "complexion_distance": round(looks.tone_distance, 1),
        "light_distance": round(looks.light_distance, 1),
    }
    return colour, {"colour_why": why, **distances}
