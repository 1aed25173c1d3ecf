"""Reading pickles from strangers: data only, nothing is imported, nothing is called.

A pickle is a program. This interpreter knows the opcodes that build plain data, and a table of the globals that a file
may name; a global is never looked up in Python, the table's own function takes its place. Every other opcode, every
other global and every object that is no plain data is refused, and so is a file that makes too much of too little.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fsa_data.errors import UnsafeFileError

MOST_OPCODES = 2_000_000
"""A generator of 1024 px, its discriminator and its mean take about 100,000."""
MOST_INTEGER_BITS = 128
_MARK = object()


class Stream(Protocol):
    """What is read from: an open binary file, bytes, a memory map."""

    def read(self, n: int, /) -> bytes: ...  # noqa: D102
    def readline(self) -> bytes: ...  # noqa: D102
    def tell(self) -> int: ...  # noqa: D102


Make = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Global:
    """A name that a file may use; on its own it is data.

    Attributes:
        module: as written in the file.
        name: as written in the file.
        make: takes the place of calling it; None if it may only be named.
    """

    module: str
    name: str
    make: Make | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a kind of file may contain besides plain data.

    Attributes:
        globals: by module and name.
        persistent: makes the object of a persistent id; None where there are none.
        build: by exact type, takes an object and the state that the file gives it.
        hints: what to tell about some globals that are refused, by module and name.
        reader: who needs what is in such a file, for messages.
    """

    globals: Mapping[tuple[str, str], Global]
    persistent: Callable[[Any], Any] | None = None
    build: Mapping[type, Callable[[Any, Any], None]] | None = None
    hints: Mapping[tuple[str, str], str] | None = None
    reader: str = "generator"


class Budget:
    """How much work a file may cause, all pickles inside it together.

    Args:
        opcodes: how many.
    """

    def __init__(self, opcodes: int = MOST_OPCODES) -> None:
        self.left = opcodes

    def spend(self) -> None:
        """Count one opcode."""
        self.left -= 1
        if self.left < 0:
            raise UnsafeFileError("The pickle takes more steps than any network needs.")


def read_pickle(stream: Stream, dialect: Dialect, budget: Budget) -> Any:
    """The data of one pickle; the stream stands behind it afterwards.

    Args:
        stream: stands at the pickle's first byte.
        dialect: what may be in it.
        budget: shared by everything read from one file.

    Returns:
        Plain data, and what the dialect's functions return. Nothing in it is safe to follow without a limit: it may
        contain itself.

    Raises:
        UnsafeFileError: it is damaged, or contains something else than the dialect allows; the message names it.
    """
    machine = _Machine(dialect)
    try:
        for opcode, argument, _ in pickletools.genops(stream):  # type: ignore[arg-type]
            budget.spend()
            if opcode.name == "STOP":
                return machine.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise UnsafeFileError(f"The pickle uses {opcode.name}, which no {dialect.reader} needs.")
            step(machine, argument)
    except UnsafeFileError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, EOFError, MemoryError, RecursionError) as error:
        raise UnsafeFileError(f"The pickle is damaged ({type(error).__name__}).") from error
    raise UnsafeFileError("The pickle is damaged: it has no end.")


def shown(text: object) -> str:
    """A name from a file, fit to be printed: short, and without control characters."""
    return ascii(text[:80])[1:-1] if isinstance(text, str) else f"<{type(text).__name__}>"


class _Machine:
    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnsafeFileError("The pickle is damaged: it takes what it has not put there.")
        return self.stack.pop()

    def top(self, kind: type) -> Any:
        """The topmost object, which must be exactly of this type; anything else might have code of its own."""
        value = self.pop()
        if type(value) is not kind:
            raise UnsafeFileError(f"The pickle treats a {type(value).__name__} as a {kind.__name__}.")
        self.push(value)
        return value

    def pop_to_mark(self) -> list[Any]:
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is _MARK:
                values = self.stack[at + 1 :]
                del self.stack[at:]
                return values
        raise UnsafeFileError("The pickle is damaged: it closes what it has not opened.")

    def remember(self, at: int) -> None:
        value = self.pop()
        self.push(value)
        self.memo[at] = value

    def recall(self, at: int) -> None:
        if at not in self.memo:
            raise UnsafeFileError("The pickle is damaged: it remembers what it has not seen.")
        self.push(self.memo[at])

    def name_global(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise UnsafeFileError("The pickle names a global by something that is no text.")
        found = self.dialect.globals.get((module, name))
        if found is None:
            hint = (self.dialect.hints or {}).get((module, name), "")
            raise UnsafeFileError(
                f"The pickle asks for {shown(module)}.{shown(name)}, which no {self.dialect.reader} needs."
                f"{hint and ' '}{hint}"
            )
        self.push(found)

    def call(self, new: bool) -> None:
        arguments, made = self.pop(), self.pop()
        if type(made) is not Global or made.make is None or type(arguments) is not tuple:
            what = f"{made.module}.{made.name}" if type(made) is Global else f"a {type(made).__name__}"
            raise UnsafeFileError(f"The pickle calls {what}.")
        if new and arguments:
            raise UnsafeFileError(f"The pickle calls {made.module}.{made.name} with arguments where none belong.")
        self.push(made.make(*arguments))

    def give_state(self) -> None:
        state, value = self.pop(), self.pop()
        build = (self.dialect.build or {}).get(type(value))
        if build is None:
            raise UnsafeFileError(f"The pickle gives a {type(value).__name__} a state of its own.")
        build(value, state)
        self.push(value)

    def refer(self, name: Any) -> None:
        if self.dialect.persistent is None:
            raise UnsafeFileError("The pickle refers to something outside of it.")
        self.push(self.dialect.persistent(name))

    def set_items(self, flat: list[Any]) -> None:
        if len(flat) % 2:
            raise UnsafeFileError("The pickle is damaged: a key without a value.")
        target = self.top(dict)
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            target[scalar(key)] = value

    def add_items(self, values: list[Any]) -> None:
        self.top(set).update(scalar(value) for value in values)

    def push_tuple(self, count: int) -> None:
        self.push(tuple(reversed([self.pop() for _ in range(count)])))

    def push_integer(self, value: int) -> None:
        if value.bit_length() > MOST_INTEGER_BITS:
            raise UnsafeFileError("The pickle has an integer of absurd length.")
        self.push(value)


def scalar(key: Any) -> Any:
    """A key of a dictionary or a member of a set: only what is hashed at once.

    Raises:
        UnsafeFileError: anything else; nested tuples, for one, may take forever.
    """
    if type(key) not in (str, int, float, bool, type(None)):
        raise UnsafeFileError(f"The pickle uses a {type(key).__name__} as a key.")
    return key


_VALUES = ("BININT", "BININT1", "BININT2", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8")
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda m, a: None,
    "FRAME": lambda m, a: None,
    **dict.fromkeys((*_VALUES, *_BYTES), _Machine.push),
    **dict.fromkeys(("LONG1", "LONG4"), _Machine.push_integer),
    "NONE": lambda m, a: m.push(None),
    "NEWTRUE": lambda m, a: m.push(True),
    "NEWFALSE": lambda m, a: m.push(False),
    "EMPTY_LIST": lambda m, a: m.push([]),
    "EMPTY_DICT": lambda m, a: m.push({}),
    "EMPTY_SET": lambda m, a: m.push(set()),
    "EMPTY_TUPLE": lambda m, a: m.push(()),
    "MARK": lambda m, a: m.push(_MARK),
    "POP": lambda m, a: _forget(m),
    "POP_MARK": lambda m, a: _forget(m, to_mark=True),
    "TUPLE": lambda m, a: m.push(tuple(m.pop_to_mark())),
    "TUPLE1": lambda m, a: m.push_tuple(1),
    "TUPLE2": lambda m, a: m.push_tuple(2),
    "TUPLE3": lambda m, a: m.push_tuple(3),
    "APPEND": lambda m, a: _append(m, [m.pop()]),
    "APPENDS": lambda m, a: _append(m, m.pop_to_mark()),
    "SETITEM": lambda m, a: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, a: m.set_items(m.pop_to_mark()),
    "ADDITEMS": lambda m, a: m.add_items(m.pop_to_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.remember),
    "MEMOIZE": lambda m, a: m.remember(len(m.memo)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine.recall),
    "GLOBAL": lambda m, a: m.name_global(*a.split(" ", 1)),
    "STACK_GLOBAL": lambda m, a: m.name_global(*[m.pop(), m.pop()][::-1]),
    "REDUCE": lambda m, a: m.call(new=False),
    "NEWOBJ": lambda m, a: m.call(new=True),
    "BUILD": lambda m, a: m.give_state(),
    "BINPERSID": lambda m, a: m.refer(m.pop()),
}
"""What each opcode does; those that are not here are refused."""


def _append(machine: _Machine, values: list[Any]) -> None:
    machine.top(list).extend(values)


def _forget(machine: _Machine, to_mark: bool = False) -> None:
    _ = machine.pop_to_mark() if to_mark else machine.pop()
