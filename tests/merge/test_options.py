import json

import pytest

from fsa_data.errors import ConfigError
from fsa_data.merge import MergeOptions, merge_options


def test_options_are_json_and_come_back():
    options = MergeOptions(feather=0.2, sharpness=False)
    assert merge_options(json.loads(json.dumps(options.json))) == options
    assert merge_options(None) == MergeOptions() == merge_options({})
    assert merge_options(options) is options


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"feathers": 0.1}, "merge has no option 'feathers'. Known: colour"),
        ({"feather": 0.6}, r"merge.feather must lie in 0..0.5, got 0.6"),
        ({"colour": -1}, r"merge.colour must lie in 0..1, got -1"),
        ({"shading": "much"}, r"merge.shading must lie in 0..1, got 'much'"),
    ],
)
def test_wrong_options(given, message):
    with pytest.raises(ConfigError, match=message):
        merge_options(given)
