import os

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st

from train.overrides import LITERAL, prepare, quoted

PARSER = OverridesParser.create()
# What a shell can hand over, without control characters (the grammar has none) and interpolations (kept alive).
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30).filter(lambda text: "${" not in text)


def parse(argument):
    override = PARSER.parse_override(argument)
    assert not override.is_sweep_override()
    return override.key_or_group, override.value()


@given(words)
@example("a'b\\'c\\\\'\\")
@example("\\")
@example("'")
def test_a_quoted_string_is_read_back_as_it_was(text):
    assert parse(f"store={quoted(text)}") == ("store", text)


@given(st.sampled_from(LITERAL), words)
@example("source", "folder:../a b/c=1,2")
@example("data.csv", "données/été?(1)[2]{3}.csv")
@example("hydra.run.dir", "runs/a=b,c")
def test_values_of_paths_are_literal(key, text):
    if text == "null" or text[:1] in ("'", '"', "[") or text.startswith("~/") or ":~/" in text:
        return
    assert parse(prepare([f"{key}={text}"])[0]) == (key, text)


@given(st.sampled_from(LITERAL), words)
def test_preparing_twice_changes_nothing_more(key, text):
    once = prepare([f"{key}={text}"])
    assert prepare(once) == once


plain = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=",'\"~$"), max_size=12)


@given(st.lists(plain.map(str.strip), min_size=1, max_size=4))
def test_a_list_of_sources_stays_a_list(parts):
    assert parse(prepare([f"source=[{','.join(parts)}]"])[0]) == ("source", parts)


def test_null_and_quoted_values_stay():
    assert prepare(["store=null", "source='a,b'", 'source=["a,b",c]'])[:2] == ["store=null", "source='a,b'"]


def test_the_home_directory_is_put_in(monkeypatch):
    monkeypatch.setenv("HOME", "/elsewhere/x y")
    assert prepare(["data.root=~/d"]) == ["data.root='/elsewhere/x y/d'"]
    assert prepare(["source=[portraits,folder:~/f]"]) == ["source=['portraits','folder:/elsewhere/x y/f']"]
    assert os.environ["HOME"] == "/elsewhere/x y"


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("source_options.limit=3", "++source_options.limit=3"),
        ("++engine_options.a.b=x", "++engine_options.a.b=x"),
        ("merge.feather=0.2", "++merge.feather=0.2"),
        ("experiment=quick", "+experiment=quick"),
        ("+experiment=quick", "+experiment=quick"),
        ("debug=fdr", "+debug=fdr"),
        ("setup=real_only,hybrid", "setup=real_only,hybrid"),
        ("fit.epochs=3", "fit.epochs=3"),
        ("--multirun", "--multirun"),
        ("-m", "-m"),
        ("~logger", "~logger"),
    ],
)
def test_everything_else(given_, expected):
    assert prepare([given_]) == [expected]
