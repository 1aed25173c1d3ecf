"""One registry; nothing heavy before it is used."""

import subprocess
import sys

import pytest
from torch import nn

from fsa_data.errors import UnknownNameError
from fsa_data.nets import NETWORKS, build
from tests.nets.official_pickle import TINY


def test_a_network_by_name() -> None:
    made = build("StyleGAN2.Generator", **TINY)
    assert isinstance(made, nn.Module)
    assert made.training


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown network 'StyleGAN2\.Generater'. Did you mean 'StyleGAN2"):
        build("StyleGAN2.Generater")


def test_every_entry_can_be_imported() -> None:
    import importlib

    for home, name in NETWORKS.values():
        assert issubclass(getattr(importlib.import_module(home), name), nn.Module)


def test_the_registry_needs_no_torch() -> None:
    code = "import sys, fsa_data.nets; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False"
