import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsa_data.errors import ConfigError
from fsa_data.store.keys import as_hex, canonical, digest, packed

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_digest_is_pinned():
    # Changing this value means that every store in the world is recomputed.
    value = {"frame": "ab", "n": [1, 2.5, None, True], "ü": {"z": 1, "a": "x"}}
    assert digest(value) == "d00b7b34ec07c88d31aded911e54d5c3"
    text = '{"frame":"ab","n":[1,2.5,null,true],"\\u00fc":{"a":"x","z":1}}'
    assert digest(value) == hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@given(st.dictionaries(st.text(), plain, max_size=5), st.randoms())
def test_order_of_keys_does_not_matter(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(value)


@given(plain, plain)
def test_different_values_have_different_texts(a, b):
    assert (canonical(a) == canonical(b)) == (repr(a) == repr(b) or _same(a, b))


def _same(a, b):
    """Equal as JSON values: same types all the way, dictionaries in any order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1, np.float32(2)]}, r"\$\.a\[1\] is a numpy\.float32"),
        ({"a": np.float64(2)}, "numpy.float64"),
        ((1, 2), "builtins.tuple"),
        ({1: 2}, "keys must be str"),
        ([math.nan], "finite"),
        ({"x": math.inf}, "finite"),
        (b"x", "bytes"),
        ({1, 2}, "set"),
    ],
)
def test_refuses_what_has_no_one_text(value, where):
    with pytest.raises(ConfigError, match=where):
        digest(value)


@given(st.lists(st.binary(min_size=16, max_size=16)))
def test_packed_keys_round_trip(raw):
    keys = [one.hex() for one in raw]
    assert as_hex(packed(keys)) == keys


@pytest.mark.parametrize("wrong", ["", "ab", "g" * 32, "é" * 32])
def test_packed_refuses_what_is_no_key(wrong):
    with pytest.raises(ConfigError, match="32 hex digits"):
        packed(["0" * 32, wrong])
