import pytest

from fsa_data.evaluate import FAKE, concatenate
from tests.evaluate.tables import make_table


@pytest.fixture
def table():
    return concatenate([make_table(), make_table(domain=FAKE, seed=1)])
