"""Pickles that do harm when an ordinary loader opens them, and some that only try to exhaust it.

Each is made around a command that writes a canary file. ``HOSTILE`` says what the refusal must name.
"""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import torch

from tests.nets.official_pickle import networks, pickled

PERSISTENT = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"
EASY = b"cdnnlib.util\nEasyDict\n"
LOAD = b"ctorch.storage\n_load_from_bytes\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


class Deed:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def binary(data: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(data)) + data


def run(command: str) -> bytes:
    """Opcodes that run a command, the classical way."""
    return b"cos\nsystem\n" + text(command) + b"\x85R"


def storage_bytes(numbers: int = 4) -> bytes:
    """What torch.save writes for a storage inside an official pickle."""
    return torch.zeros(numbers).__reduce_ex__(2)[1][0].__reduce__()[1][0]


def storage_parts(numbers: int = 4) -> list[bytes]:
    """Its four pickles before the last part, and then the rest."""
    stream = io.BytesIO(storage_bytes(numbers))
    parts, start = [], 0
    for _ in range(5):
        pickle_end(stream)
        parts.append(stream.getvalue()[start : stream.tell()])
        start = stream.tell()
    return [*parts, stream.getvalue()[start:]]


def pickle_end(stream: io.BytesIO) -> None:
    for _ in pickletools.genops(stream):
        pass


def with_tensor(
    storage: bytes, offset: bytes = b"K\x00", size: bytes = b"K\x04\x85", stride: bytes = b"K\x01\x85"
) -> bytes:
    """A tensor over a storage, as opcodes: three of its parts are opcodes themselves."""
    return REBUILD + b"(" + LOAD + binary(storage) + b"\x85R" + offset + size + stride + b"\x89N" + b"tR"


def as_network(state: bytes) -> bytes:
    """A file whose G_ema has this state, given as opcodes that leave a dictionary."""
    meta = b"}(" + text("type") + text("class") + text("class_name") + text("Generator") + text("state") + state + b"u"
    return b"\x80\x03}" + text("G_ema") + PERSISTENT + meta + b"\x85Rs."


def _inner(at: int) -> Callable[[str], bytes]:
    def make(command: str) -> bytes:
        parts = storage_parts()
        parts[at] = b"\x80\x02" + run(command) + b"."
        return b"\x80\x03" + with_tensor(b"".join(parts)) + b"."

    return make


def _inner_zip(command: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + run(command) + b".")
        archive.writestr("archive/version", "3")
    return b"\x80\x03" + with_tensor(file.getvalue()) + b"."


def _in_network(command: str) -> bytes:
    return pickled(networks(augment_pipe=Deed(os.system, command)))


def _in_network_stack_global(command: str) -> bytes:
    return pickled(networks(augment_pipe=Deed(os.system, command)), protocol=4)


def _getattr_chain(command: str) -> bytes:
    import builtins
    import functools
    import operator

    inner = Deed(getattr, Deed(__import__, "os"), "system")
    call = Deed(operator.methodcaller("__call__", command), inner)
    return pickled(networks(augment_pipe=[call, functools.partial(builtins.eval, "1")]))


def _attribute_of_allowed(command: str) -> bytes:
    name = text("torch_utils.persistence") + text("_reconstruct_persistent_obj.__globals__") + b"\x93"
    return b"\x80\x04" + name + text(command) + b"\x85R."


def _old_instance(command: str) -> bytes:
    return b"(" + text(command) + b"ios\nsystem\n."


def _old_object(command: str) -> bytes:
    return b"(cos\nsystem\n" + text(command) + b"o."


def _text_protocol(command: str) -> bytes:
    return f"cposix\nsystem\n(S{command!r}\ntR.".encode()


def _build_on_global(command: str) -> bytes:
    return b"\x80\x03" + EASY + b"N}" + text("__init__") + text(command) + b"s\x86b."


def _build_on_network(command: str) -> bytes:
    return as_network(b"}")[:-2] + b"}" + text("__class__") + text(command) + b"sbs."


def _build_on_dict(command: str) -> bytes:
    return b"\x80\x03" + EASY + b")\x81}" + text("__setstate__") + text(command) + b"sb."


def _extension(command: str) -> bytes:
    return b"\x80\x02\x82\x01" + text(command) + b"\x85R."


def _new_with_keywords(command: str) -> bytes:
    return b"\x80\x04" + EASY + b")}" + text("x") + text(command) + b"s\x92."


def _persistent_id(command: str) -> bytes:
    return b"\x80\x03" + text(command) + b"Q."


def _call_data(command: str) -> bytes:
    return b"\x80\x03" + text(command) + b")R."


def _call_storage_type(command: str) -> bytes:
    parts = storage_parts()
    parts[3] = b"\x80\x02ctorch\nFloatStorage\n" + text(command) + b"\x85R."
    return b"\x80\x03" + with_tensor(b"".join(parts)) + b"."


def _object_dtype(command: str) -> bytes:
    scalar = b"cnumpy.core.multiarray\nscalar\n" + b"cnumpy\ndtype\n" + text("O") + b"\x89\x88\x87R"
    return b"\x80\x03" + scalar + binary(b"\x80\x02" + run(command) + b".") + b"\x86R."


def _dict_with_arguments(command: str) -> bytes:
    return b"\x80\x03" + EASY + b"](" + text(command) + b"K\x01\x86e\x85R."


HOSTILE: dict[str, tuple[Callable[[str], bytes], str]] = {
    "global": (lambda c: b"\x80\x03" + run(c) + b".", "os.system"),
    "global in a good file": (_in_network, "posix.system"),
    "stack global in a good file": (_in_network_stack_global, "posix.system"),
    "getattr": (_getattr_chain, "which no generator needs"),
    "eval": (lambda c: pickled(Deed(eval, f"__import__('os').system({c!r})")), "builtins.eval"),
    "exec": (lambda c: pickled(Deed(exec, f"__import__('os').system({c!r})")), "builtins.exec"),
    "torch.load": (lambda c: pickled(Deed(torch.load, Deed(io.BytesIO, pickle.dumps(Deed(os.system, c))))), "torch"),
    "pickle.loads": (lambda c: pickled(Deed(pickle.loads, pickle.dumps(Deed(os.system, c)))), "_pickle.loads"),
    "attribute of an allowed global": (_attribute_of_allowed, "__globals__"),
    "INST": (_old_instance, "INST"),
    "OBJ": (_old_object, "os.system"),
    "text protocol": (_text_protocol, "posix.system"),
    "BUILD on a global": (_build_on_global, "a Global a state"),
    "BUILD on a network": (_build_on_network, "a StoredModule a state"),
    "BUILD on a dictionary": (_build_on_dict, "a dict a state"),
    "extension": (_extension, "EXT1"),
    "NEWOBJ_EX": (_new_with_keywords, "NEWOBJ_EX"),
    "persistent id": (_persistent_id, "outside of it"),
    "text called": (_call_data, "calls a str"),
    "storage type called": (_call_storage_type, "calls torch.FloatStorage"),
    "object dtype": (_object_dtype, "numbers of the type O"),
    "dictionary with arguments": (_dict_with_arguments, "damaged"),
    **{f"inner {at}": (_inner(at), "os.system") for at in range(5)},
    "inner zip": (_inner_zip, "is damaged"),
}


def _tensor_file(*parts: bytes) -> bytes:
    return b"\x80\x03" + with_tensor(storage_bytes(), *parts) + b"."


def _int(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def _key_of_tuples() -> bytes:
    return b"\x80\x03})" + b"\x85" * 200_000 + b"Ns."


def _doubled_tuples() -> bytes:
    return b"\x80\x03})" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(100)) + b"Ns."


def _module_graph(depth: int, itself: bool = False) -> bytes:
    """A module whose two children are one, whose two children are one, ...; or one that is its own child."""
    state = b"}"
    for i in range(depth):
        child = (
            PERSISTENT + b"}(" + text("type") + text("class") + text("class_name") + text("M") + text("state") + state
        )
        child += b"u\x85R" + b"q" + bytes([i])
        children = b"}(" + text("a") + child + text("b") + b"h" + bytes([i]) + b"u"
        state = b"}" + text("_modules") + children + b"s"
    if itself:  # the state is remembered, given to the module, and then gets that module as a child
        meta = b"}(" + text("type") + text("class") + text("class_name") + text("M") + text("state") + b"}q\x00u"
        child = PERSISTENT + meta + b"\x85Rq\x01"
        state = child + b"0h\x00" + text("_modules") + b"}" + text("a") + b"h\x01ss"
    return as_network(state)


def _same_tensor(times: int) -> bytes:
    """Very many tensors over one storage: together more than the file could hold."""
    storage = LOAD + binary(storage_bytes(4096)) + b"\x85Rq\x00"
    view = REBUILD + b"(h\x00K\x00M\x00\x10\x85K\x01\x85\x89NtR"
    entries = b"".join(text(f"t{i}") + view for i in range(times))
    return as_network(storage + b"0}" + text("_parameters") + b"}(" + entries + b"us")


EXHAUSTING: dict[str, tuple[Callable[[], bytes], str]] = {
    "tensor without strides": (lambda: _tensor_file(b"K\x00", _int(10**9) * 2 + b"\x86", b"K\x00K\x00\x86"), "larger"),
    "tensor of absurd size": (lambda: _tensor_file(b"K\x00", _int(2**62) + b"\x85"), "larger than its storage"),
    "tensor beyond its storage": (lambda: _tensor_file(b"K\x01"), "larger than its storage"),
    "tensor before its storage": (lambda: _tensor_file(_int(-1)), "natural numbers"),
    "stride beyond its storage": (lambda: _tensor_file(b"K\x00", b"K\x02\x85", _int(10**15) + b"\x85"), "larger than"),
    "negative stride": (lambda: _tensor_file(b"K\x03", b"K\x04\x85", _int(-1) + b"\x85"), "natural numbers"),
    "truth as a size": (lambda: _tensor_file(b"K\x00", b"\x88\x85", b"K\x01\x85"), "natural numbers"),
    "storage longer than said": (lambda: b"\x80\x03" + with_tensor(storage_bytes() + b"\0") + b".", "another length"),
    "storage shorter than said": (lambda: b"\x80\x03" + with_tensor(storage_bytes()[:-1]) + b".", "another length"),
    "bytes of absurd length": (lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.", "damaged"),
    "integer of absurd length": (
        lambda: b"\x80\x02\x8b" + struct.pack("<I", 10**6) + b"\x7f" * 10**6 + b".",
        "integer",
    ),
    "nested tuples as a key": (_key_of_tuples, "a tuple as a key"),
    "doubled tuples as a key": (_doubled_tuples, "a tuple as a key"),
    "modules that double": (lambda: _module_graph(40), "nested deeper"),
    "module inside itself": (lambda: _module_graph(0, itself=True), "nested deeper"),
    "modules that double, less deep": (lambda: _module_graph(14), "more parts"),
    "one tensor many times": (lambda: _same_tensor(2000), "larger than the file"),
    "no end": (lambda: b"\x80\x03N", "damaged"),
    "nothing on the stack": (lambda: b"\x80\x03.", "has not put there"),
    "unknown memory": (lambda: b"\x80\x03h\x07.", "has not seen"),
    "no pickle": (lambda: b"\xff\xd8\xff\xe0 a picture", "damaged"),
}
"""Files that would take memory or time without end, and plainly damaged ones."""
