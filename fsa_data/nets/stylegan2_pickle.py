"""The official ``.pkl`` of stylegan2-ada-pytorch, read without running anything in it.

The file is a pickled dictionary with G, D and G_ema. Each network is a call of ``torch_utils.persistence`` with the
whole source text of its module, which the official loader executes; here it stays text and is dropped. Every tensor
lies in a second pickle inside of the first one, which is read by the same interpreter with a table of its own.
"""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import UnsafeFileError, WrongWeightsError
from fsa_data.nets.pickle_reader import Budget, Dialect, Global, Stream, read_pickle, scalar, shown

MOST_MODULES = 4096
MOST_DEPTH = 16
"""A generator has about 200 modules, three deep."""
MOST_DIMENSIONS = 8
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES: dict[str, str] = {
    **{"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BoolStorage": "|b1", "ByteStorage": "|u1"},
    **{"LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1"},
}
_NUMBERS = {"f8": float, "f4": float, "f2": float, "i8": int, "i4": int, "i2": int, "i1": int, "u8": int, "u4": int}
_NUMBERS |= {"u2": int, "u1": int, "b1": bool}
_LEGACY = (
    "It is a network of the TensorFlow version; convert it first with legacy.py of stylegan2-ada-pytorch "
    "(python legacy.py --source=OLD.pkl --dest=NEW.pkl)."
)


@dataclass(frozen=True, slots=True)
class StoredModule:
    """A network as it lies in the file.

    Attributes:
        class_name: of the class that it was.
        state: its attributes; nothing in it has been looked at.
    """

    class_name: str
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredNetwork:
    """A network with its tensors.

    Attributes:
        class_name: of the class that it was.
        arguments: what it was constructed with, positional ones under ``""``; plain data, not looked at.
        state: every tensor that its state dict has, by key.
    """

    class_name: str
    arguments: Mapping[str, Any]
    state: Mapping[str, NDArray[Any]]


@dataclass(slots=True)
class _Dtype:
    code: str
    order: str = "<"


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: str
    count: int


def read_network(path: Path, name: str = "G_ema") -> StoredNetwork:
    """One network of an official pickle.

    Args:
        path: the file.
        name: which of its networks; ``G_ema`` is the one that makes the good pictures.

    Raises:
        UnsafeFileError: the file is damaged or wants something to be run; the message names it.
        WrongWeightsError: it holds no such network.
    """
    size = path.stat().st_size
    if not size:
        raise WrongWeightsError(f"{path} is empty.")
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            data = _read(mapped)
        found = data.get(name) if type(data) is dict else None
        if type(found) is not StoredModule:
            holds = ", ".join(shown(key) for key in list(data)[:8]) if type(data) is dict else type(data).__name__
            raise WrongWeightsError(f"{path} holds no network {name!r}; it holds: {holds or 'nothing'}.")
        return _network(found, size)
    except UnsafeFileError as error:
        raise UnsafeFileError(f"{path} is refused, nothing in it was run. {error}") from error


def _read(stream: Stream) -> Any:
    budget = Budget()

    def storage(data: Any) -> NDArray[Any]:
        return _stored_array(data, budget)

    allowed = (
        Global("torch_utils.persistence", "_reconstruct_persistent_obj", _module),
        Global("dnnlib.util", "EasyDict", _empty_dict),
        Global("collections", "OrderedDict", _empty_dict),
        Global("builtins", "set", _set),
        Global("torch._utils", "_rebuild_tensor_v2", _tensor),
        Global("torch._utils", "_rebuild_parameter", _parameter),
        Global("torch.storage", "_load_from_bytes", storage),
        Global("numpy", "dtype", _dtype),
        Global("numpy.core.multiarray", "scalar", _number),
        Global("numpy._core.multiarray", "scalar", _number),
    )
    hints = {("dnnlib.tflib.network", "Network"): _LEGACY}
    names = {(each.module, each.name): each for each in allowed}
    return read_pickle(stream, Dialect(names, build={_Dtype: _set_dtype}, hints=hints), budget)


def _of(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise UnsafeFileError(f"The pickle has a {type(value).__name__} as {what}; a {kind.__name__} belongs there.")
    return value


def _empty_dict() -> dict[Any, Any]:
    return {}  # filled by opcodes, which check the keys


def _module(meta: Any) -> StoredModule:
    _of(meta, dict, "description of a network")
    if meta.get("type") != "class":
        raise UnsafeFileError("The pickle describes something persistent that is no class.")
    return StoredModule(
        _of(meta.get("class_name"), str, "name of a class"), _of(meta.get("state"), dict, "state of a network")
    )


def _set(values: Any = ()) -> set[Any]:
    if type(values) not in (list, tuple):
        raise UnsafeFileError(f"The pickle makes a set of a {type(values).__name__}.")
    return {scalar(value) for value in values}


def _dtype(code: Any, align: Any = False, copy: Any = True) -> _Dtype:
    del align, copy
    if type(code) is not str or code not in _NUMBERS:
        raise UnsafeFileError(f"The pickle has numbers of the type {shown(code)}.")
    return _Dtype(code)


def _set_dtype(dtype: _Dtype, state: Any) -> None:
    order = state[1] if type(state) is tuple and len(state) >= 2 else None
    if type(order) is not str or order not in ("<", ">", "|", "="):
        raise UnsafeFileError("The pickle has numbers of an unknown byte order.")
    dtype.order = "<" if order == "=" else order


def _number(dtype: Any, data: Any) -> float | int | bool:
    _of(dtype, _Dtype, "type of a number")
    numpy_dtype = np.dtype(f"{dtype.order}{dtype.code}")
    if len(_of(data, bytes, "number")) != numpy_dtype.itemsize:
        raise UnsafeFileError("The pickle has a number of the wrong length.")
    value: float | int | bool = np.frombuffer(data, numpy_dtype)[0].item()
    return value


def _refer(name: Any) -> _Storage:
    """A persistent id of torch: ('storage', type, key, location, count, view)."""
    _of(name, tuple, "reference to a storage")
    if len(name) != 6 or name[0] != "storage" or type(name[1]) is not Global or name[5] is not None:
        raise UnsafeFileError("The pickle refers to something that is no storage of its own.")
    count = _of(name[4], int, "length of a storage")
    return _Storage(_of(name[2], str, "name of a storage"), _DTYPES[name[1].name], count)


_STORAGES = Dialect({("torch", name): Global("torch", name) for name in _DTYPES}, _refer)


def _stored_array(data: Any, budget: Budget) -> NDArray[Any]:
    """The numbers in what ``torch.save`` wrote in its old format: four pickles and the bare bytes."""
    stream = io.BytesIO(_of(data, bytes, "storage"))

    def following() -> Any:
        return read_pickle(stream, _STORAGES, budget)

    if following() != _MAGIC or following() != _PROTOCOL:
        raise UnsafeFileError("The pickle has a storage that is not in torch's old format.")
    if _of(following(), dict, "description of a system").get("little_endian") is not True:
        raise UnsafeFileError("The pickle has a storage of a big-endian machine.")
    storage = _of(following(), _Storage, "storage")
    keys = _of(following(), list, "list of storages")
    if len(keys) != 1 or type(keys[0]) is not str or keys[0] != storage.key:
        raise UnsafeFileError("The pickle has several storages where one belongs.")
    start = stream.tell() + 8
    count = int.from_bytes(data[start - 8 : start], "little")
    if count != storage.count or len(data) - start != count * np.dtype(storage.dtype).itemsize:
        raise UnsafeFileError("The pickle has a storage of another length than it says.")
    return np.frombuffer(data, storage.dtype, offset=start) if count else np.empty(0, storage.dtype)


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> NDArray[Any]:
    """A view of a storage that stays inside of it and is no larger than it."""
    del requires_grad, hooks, metadata
    _of(storage, np.ndarray, "storage of a tensor")
    _of(size, tuple, "size of a tensor")
    _of(stride, tuple, "stride of a tensor")
    if len(size) != len(stride) or len(size) > MOST_DIMENSIONS:
        raise UnsafeFileError("The pickle has a tensor whose size and stride do not fit.")
    if any(type(number) is not int or number < 0 for number in (offset, *size, *stride)):
        raise UnsafeFileError("The pickle has a tensor whose size is made of other things than natural numbers.")
    count = 1
    for side in size:
        count *= side
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    if storage.ndim != 1 or count > storage.size or (count and last >= storage.size):
        raise UnsafeFileError("The pickle has a tensor that is larger than its storage.")
    if not count:
        return np.empty(size, storage.dtype)
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps, writeable=False)


def _parameter(data: Any, requires_grad: Any, hooks: Any) -> NDArray[Any]:
    del requires_grad, hooks
    array: NDArray[Any] = _of(data, np.ndarray, "parameter")
    return array


def _network(module: StoredModule, file_bytes: int) -> StoredNetwork:
    """Follow a network's parts; copies its tensors, but never more than the file can hold."""
    state: dict[str, NDArray[Any]] = {}
    copied = 0
    for count, (prefix, part) in enumerate(_parts(module, "", 0)):
        if count >= MOST_MODULES:
            raise UnsafeFileError("The pickle has a network with more parts than any generator.")
        for name, array in _tensors(part, prefix):
            copied += array.nbytes
            if copied > file_bytes:
                raise UnsafeFileError("The pickle has a network that is larger than the file.")
            state[f"{prefix}{name}"] = np.array(array, order="C")
    arguments = _entries(module, "_init_kwargs")
    return StoredNetwork(module.class_name, {"": module.state.get("_init_args", ()), **arguments}, state)


def _entries(module: StoredModule, name: str) -> dict[str, Any]:
    """A dictionary among the attributes of a network; empty if it is not there."""
    found: dict[Any, Any] = _of(module.state.get(name, {}), dict, f"{name} of a network")
    if len(found) > MOST_MODULES or any(type(key) is not str for key in found):
        raise UnsafeFileError(f"The pickle has a network whose {name} has other keys than names, or too many.")
    return found


def _parts(module: StoredModule, prefix: str, depth: int) -> Iterator[tuple[str, StoredModule]]:
    if depth > MOST_DEPTH:
        raise UnsafeFileError("The pickle has a network that is nested deeper than any generator.")
    yield prefix, module
    for name, child in _entries(module, "_modules").items():
        if child is not None:
            yield from _parts(_of(child, StoredModule, "part of a network"), f"{prefix}{name}.", depth + 1)


def _tensors(module: StoredModule, prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Parameters, then buffers, as a state dict has them."""
    passing = _of(module.state.get("_non_persistent_buffers_set", set()), set, "names of buffers")
    for kind in ("_parameters", "_buffers"):
        for name, array in _entries(module, kind).items():
            if array is None or (kind == "_buffers" and name in passing):
                continue
            if "." in name:
                raise UnsafeFileError(f"The pickle has a tensor named {shown(prefix + name)}.")
            yield name, _of(array, np.ndarray, "tensor")
