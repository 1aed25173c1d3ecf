"""Shared by the tests of the sources."""

import socket

import pytest


@pytest.fixture(autouse=True)
def _this_machine_only(monkeypatch):
    """No name of another machine is even looked up, and no proxy stands between a test and its own server."""
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost", "::1", None):
            raise AssertionError(f"a test asked for the address of {host!r}")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setenv("no_proxy", "*")
