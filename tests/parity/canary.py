"""Watches whether reading a file makes the interpreter do anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_DEEDS = {
    *("exec", "compile", "import", "pickle.find_class", "code.__new__", "function.__new__", "builtins.input"),
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.remove", "os.rename", "os.mkdir"),
    *("os.rmdir", "os.chmod", "os.putenv", "subprocess.Popen", "shutil.rmtree", "socket.__new__", "socket.connect"),
    *("ctypes.dlopen", "marshal.loads", "webbrowser.open", "urllib.Request"),
}
_watching: list[list[str]] = []
_installed: list[bool] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _watching:
        return
    if event in _DEEDS or (event == "open" and _for_writing(arguments[1], arguments[2])):
        _watching[-1].append(f"{event} {str(arguments[0] if arguments else '')[:60]}")


def _for_writing(mode: object, flags: object) -> bool:
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


@contextmanager
def watched() -> Iterator[list[str]]:
    """Meanwhile everything that a program could do, and data cannot, is noted in the list.

    Import what is needed before: importing is among it.
    """
    if not _installed:
        sys.addaudithook(_hook)  # cannot be taken away again, but sleeps
        _installed.append(True)
    deeds: list[str] = []
    _watching.append(deeds)
    try:
        yield deeds
    finally:
        _watching.remove(deeds)
