"""Words of the command line as values."""

from typing import Any

import pytest

from fsa_data.commands.words import pairs
from fsa_data.errors import ConfigError


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("text", "text"),
        ("", ""),
        ("a=b", "a=b"),
        ("[a,b]", ["a", "b"]),
        ("[1, 2.5]", [1, 2.5]),
        ("[-30,0,30]", [-30, 0, 30]),
        ("[ a , 2 ]", ["a", 2]),
        ("[]", []),
        ('{"mode": "seamless"}', {"mode": "seamless"}),
        ('["a,b"]', ["a,b"]),
    ],
)
def test_a_word_is_json_a_list_or_itself(word: str, value: Any) -> None:
    assert pairs([f"key={word}"]) == {"key": value}


def test_a_word_without_a_key_is_told() -> None:
    with pytest.raises(ConfigError, match="KEY=VALUE, got 'views'"):
        pairs(["views"])
