"""Optimizer states as bytes: the pickle that MXNet 1.x writes and reads, plus what resuming needs.

The pickle is a dict of key to state, where a state is None, an array or a tuple of states, and an array is
``mxnet.ndarray.ndarray.NDArray`` (or a class of sparse arrays) called with ``(None,)`` and given
``{'handle': bytearray(array record)}``.

`pickle` itself is used neither way. Writing needs no class of MXNet. Reading interprets the few instructions
such a file can hold, so that opening a file never runs code, never recurses and never allocates more than the
file's size times a small constant.

What MXNet does not keep (update counts, position of the learning-rate schedule, parameter names) follows the
pickle as JSON: ``pickle.loads`` stops at the end of the pickle, so MXNet reads the file as its own.
"""

from __future__ import annotations

import json
import pickletools
import struct
from io import BytesIO
from typing import Any, Callable

from .. import _core
from ..base import MXNetError
from ..ndarray import NDArray
from ..ndarray.sparse_array import wrap_any

__all__ = ["decode_states", "encode_states"]

_EXTRA_MAGIC = b"\n#symbind-resume-1\n"

_ARRAY_CLASSES = {
    "default": b"cmxnet.ndarray.ndarray\nNDArray\n",
    "row_sparse": b"cmxnet.ndarray.sparse\nRowSparseNDArray\n",
    "csr": b"cmxnet.ndarray.sparse\nCSRNDArray\n",
}
_BYTEARRAY_CLASS = b"cbuiltins\nbytearray\n"


# ---------------------------------------------------------------------------------------------------- writing


def encode_states(states: dict[Any, Any], extra: dict[str, Any]) -> bytes:
    """Bytes of a ``.states`` file.

    Parameters
    ----------
    states : dict
        int or str key to None, NDArray, or tuple or list of those.
    extra : dict
        JSON values to keep behind the pickle.
    """
    out = [b"\x80\x04}("]  # protocol 4, empty dict, mark
    for key, state in states.items():
        _encode_scalar(key, out)
        _encode_state(state, out)
    out.append(b"u.")  # set items, stop
    text = json.dumps(extra, separators=(",", ":"), sort_keys=True).encode()
    out += [_EXTRA_MAGIC, struct.pack("<Q", len(text)), text]
    return b"".join(out)


def _encode_scalar(value: Any, out: list[bytes]) -> None:
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        out += [b"X", struct.pack("<I", len(raw)), raw]
    elif isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(
            f"[save_optimizer_states] state key {value!r}: got {type(value).__name__}, expected int or str"
        )
    else:
        number = value.__index__()
        if -(2**31) <= number < 2**31:
            out += [b"J", struct.pack("<i", number)]
        else:
            raw = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
            out += [b"\x8a", bytes([len(raw)]), raw]


def _encode_state(state: Any, out: list[bytes]) -> None:
    if state is None:
        out.append(b"N")
    elif isinstance(state, NDArray):
        _encode_array(_core.ndarray_to_bytes(state.handle), _ARRAY_CLASSES[state.stype], out)
    elif isinstance(state, (tuple, list)):
        out.append(b"(")
        for item in state:
            _encode_state(item, out)
        out.append(b"t" if isinstance(state, tuple) else b"l")
    else:
        raise TypeError(
            f"[save_optimizer_states] cannot save a state of type {type(state).__name__}: expected None, an "
            "NDArray, or a tuple of them"
        )


def _encode_array(record: bytes, array_class: bytes, out: list[bytes]) -> None:
    if len(record) < 2**32:
        head = b"B" + struct.pack("<I", len(record))
    else:
        head = b"\x8e" + struct.pack("<Q", len(record))
    # NDArray(None), then its state {'handle': bytearray(record)}: N \x85 is (None,), R calls, s sets, b
    # builds.
    out += [array_class, b"N\x85R}X\x06\x00\x00\x00handle", _BYTEARRAY_CLASS, head, record, b"\x85Rsb"]


# ---------------------------------------------------------------------------------------------------- reading


def decode_states(data: bytes, source: str = "optimizer states") -> tuple[dict[Any, Any], dict[str, Any]]:
    """Reads what `encode_states` or MXNet 1.x (Python 2 or 3) wrote.

    Parameters
    ----------
    data : bytes
    source : str
        Name to use in errors, such as the file's.

    Returns
    -------
    (states, extra)
        `extra` is empty for files of MXNet.

    Raises
    ------
    MXNetError
        Naming the source, the byte and what is wrong, for anything else. No code in the file is ever run.
    """
    if not data:
        raise MXNetError(f"[load_optimizer_states] {source}: the file is empty")
    machine = _Machine(source)
    end = machine.run(bytes(data))
    states = machine.result
    if not isinstance(states, dict):
        raise machine.error(end, f"it holds a {type(states).__name__}, expected a dict of optimizer states")
    for key, _state in states.items():
        if isinstance(key, bool) or not isinstance(key, (int, str)):
            raise machine.error(end, f"state key {key!r}: got {type(key).__name__}, expected int or str")
    _check_states(machine, end, states)
    return states, _decode_extra(data, end, machine)


def _check_states(machine: _Machine, end: int, states: dict[Any, Any]) -> None:
    # The memo lets a few bytes stand for tuples of tuples of tuples: never look at more values than the file
    # has instructions.
    pending = list(states.items())
    seen = 0
    while pending:
        key, value = pending.pop()
        seen += 1
        if isinstance(value, (tuple, list)) and seen + len(value) <= machine.steps:
            pending.extend((key, item) for item in value)
        elif value is not None and not isinstance(value, NDArray):
            raise machine.error(end, f"state {key!r} holds a {type(value).__name__}, expected arrays")


def _decode_extra(data: bytes, end: int, machine: _Machine) -> dict[str, Any]:
    if not data.startswith(_EXTRA_MAGIC, end):
        return {}
    start = end + len(_EXTRA_MAGIC) + 8
    if start > len(data):
        raise machine.error(end, "the file ends inside the section with update counts")
    (length,) = struct.unpack_from("<Q", data, start - 8)
    if length > len(data) - start:
        raise machine.error(
            start, f"the section with update counts is cut: {length} bytes, {len(data) - start} present"
        )
    try:
        extra = json.loads(data[start : start + length])
    except (ValueError, RecursionError) as err:
        raise machine.error(start, f"the section with update counts is damaged: {err}") from None
    if not isinstance(extra, dict):
        raise machine.error(
            start, f"the section with update counts holds a {type(extra).__name__}, expected an object"
        )
    return extra


class _Allowed:
    """A global that a states file may name; it stands for itself until it is called."""

    def __init__(self, name: str):
        self.name = name


_ARRAY = _Allowed("NDArray")
_BYTEARRAY = _Allowed("bytearray")
_ENCODE = _Allowed("_codecs.encode")

_GLOBALS = {
    ("mxnet.ndarray.ndarray", "NDArray"): _ARRAY,
    ("mxnet.ndarray", "NDArray"): _ARRAY,
    ("mxnet.ndarray.sparse", "RowSparseNDArray"): _ARRAY,
    ("mxnet.ndarray.sparse", "CSRNDArray"): _ARRAY,
    ("builtins", "bytearray"): _BYTEARRAY,
    ("__builtin__", "bytearray"): _BYTEARRAY,
    ("_codecs", "encode"): _ENCODE,
}


class _Blank:
    """An array that was named and called, and whose content follows."""

    def __init__(self) -> None:
        self.slots: list[int] = []  # memo entries that mean this array


_LATIN = ("latin-1", "latin1")  # how Python 2, and Python 3 for Python 2, spell bytes


class _Mark:
    pass


_MARK = _Mark()


class _Machine:
    """Interprets the pickle instructions that states files are made of, with an explicit stack."""

    def __init__(self, source: str):
        self.source = source
        self.result: Any = None
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.position = 0
        self.steps = 0

    def error(self, position: int, what: str) -> MXNetError:
        return MXNetError(f"[load_optimizer_states] {self.source}: byte {position}: {what}")

    def run(self, data: bytes) -> int:
        """Runs until STOP; returns the number of bytes read."""
        try:
            for opcode, arg, position in pickletools.genops(BytesIO(data)):
                self.position = position = position or 0
                self.steps += 1
                if opcode.name == "STOP":
                    self.result = self._pop()
                    if self.stack:
                        raise self.error(position, "values are left over")
                    return position + 1
                action = _ACTIONS.get(opcode.name)
                if action is None:
                    raise self.error(
                        position, f"pickle instruction {opcode.name} is not part of a states file"
                    )
                action(self, arg)
        except MXNetError:
            raise
        except (ValueError, UnicodeError, struct.error, OverflowError) as err:
            raise self.error(self.position, f"not a states file, or damaged: {err}") from None
        raise self.error(len(data), "the file ends before the states do")

    # ---- stack

    def _pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise self.error(self.position, "an instruction lacks its operand")
        return self.stack.pop()

    def _top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise self.error(self.position, f"expected a {kind.__name__} before this instruction")
        return self.stack[-1]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop_to_mark(self) -> list[Any]:
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is _MARK:
                items = self.stack[i + 1 :]
                del self.stack[i:]
                return items
        raise self.error(self.position, "an instruction lacks its mark")

    # ---- containers

    def tuple_of(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def set_items(self, items: list[Any]) -> None:
        target = self._top(dict)
        if len(items) % 2:
            raise self.error(self.position, "a key without a value")
        for key, value in zip(items[::2], items[1::2]):
            # Only flat keys: hashing a deeply nested tuple would overflow the stack.
            if not isinstance(key, (int, str)):
                raise self.error(self.position, f"dict key of type {type(key).__name__}, expected int or str")
            if key in target:
                raise self.error(self.position, f"duplicate key {key!r}")
            target[key] = value

    def append_items(self, items: list[Any]) -> None:
        self._top(list).extend(items)

    # ---- memo

    def put(self, index: int) -> None:
        if not self.stack:
            raise self.error(self.position, "nothing to remember")
        value = self.memo[index] = self.stack[-1]
        if isinstance(value, _Blank):
            value.slots.append(index)

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise self.error(self.position, f"memo entry {index} does not exist")
        self.push(self.memo[index])

    # ---- globals, calls and object state

    def global_named(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise self.error(self.position, "a global without a name")
        allowed = _GLOBALS.get((module, name))
        if allowed is None:
            if module.startswith("mxnet.") and "optimizer" in module:
                raise self.error(
                    self.position,
                    f"it holds a pickled optimizer, {module}.{name} (saved with dump_optimizer=True), which "
                    "only code from the file could restore; save the states without it",
                )
            raise self.error(self.position, f"it names {module}.{name}, which a states file may not use")
        self.push(allowed)

    def call(self) -> None:
        args, function = self._pop(), self._pop()
        if not isinstance(function, _Allowed) or not isinstance(args, tuple):
            raise self.error(self.position, "a call of something that is not a known global")
        if function is _ARRAY and (not args or (len(args) == 1 and args[0] is None)):
            self.push(_Blank())
        elif function is _BYTEARRAY or (function is _ENCODE and len(args) == 2):
            self.push(self._to_bytes(args))
        else:
            raise self.error(self.position, f"{function.name} is called with unexpected arguments")

    def _to_bytes(self, args: tuple) -> bytes:
        if not args:
            return b""
        if len(args) == 1 and isinstance(args[0], bytes):
            return args[0]
        if len(args) == 2 and isinstance(args[0], str) and isinstance(args[1], str) and args[1] in _LATIN:
            return args[0].encode("latin-1")
        raise self.error(self.position, "array bytes in an unexpected form")

    def build(self) -> None:
        state, blank = self._pop(), self._pop()
        if not isinstance(blank, _Blank) or not isinstance(state, dict) or set(state) != {"handle"}:
            raise self.error(self.position, "object state that is not an array's")
        record = state["handle"]
        if not isinstance(record, bytes):
            raise self.error(self.position, f"array content is a {type(record).__name__}, expected bytes")
        try:
            array = wrap_any(_core.ndarray_from_bytes(record))
        except MXNetError as err:
            raise self.error(self.position, f"damaged array: {err}") from None
        for index in blank.slots:  # a later reference to the blank means the array
            if self.memo[index] is blank:
                self.memo[index] = array
        self.push(array)


def _push(machine: _Machine, arg: Any) -> None:
    machine.push(arg)


def _global(machine: _Machine, arg: str) -> None:
    module, _, name = arg.partition(" ")
    machine.global_named(module, name)


def _stack_global(machine: _Machine, _arg: Any) -> None:
    name, module = machine._pop(), machine._pop()
    machine.global_named(module, name)


def _set_item(machine: _Machine, _arg: Any) -> None:
    value, key = machine._pop(), machine._pop()
    machine.set_items([key, value])


def _dict(machine: _Machine, _arg: Any) -> None:
    items = machine.pop_to_mark()
    machine.push({})
    machine.set_items(items)


def _nothing(machine: _Machine, _arg: Any) -> None:
    pass


_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys(
        ("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"), _push
    ),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _push),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _push),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _push),
    "BYTEARRAY8": lambda m, a: m.push(bytes(a)),
    "NONE": lambda m, a: m.push(None),
    "NEWTRUE": lambda m, a: m.push(True),
    "NEWFALSE": lambda m, a: m.push(False),
    "MARK": lambda m, a: m.push(_MARK),
    "EMPTY_DICT": lambda m, a: m.push({}),
    "EMPTY_LIST": lambda m, a: m.push([]),
    "EMPTY_TUPLE": lambda m, a: m.push(()),
    "TUPLE": lambda m, a: m.push(tuple(m.pop_to_mark())),
    "TUPLE1": lambda m, a: m.tuple_of(1),
    "TUPLE2": lambda m, a: m.tuple_of(2),
    "TUPLE3": lambda m, a: m.tuple_of(3),
    "LIST": lambda m, a: m.push(m.pop_to_mark()),
    "APPEND": lambda m, a: m.append_items([m._pop()]),
    "APPENDS": lambda m, a: m.append_items(m.pop_to_mark()),
    "DICT": _dict,
    "SETITEM": _set_item,
    "SETITEMS": lambda m, a: m.set_items(m.pop_to_mark()),
    "PUT": lambda m, a: m.put(a),
    "BINPUT": lambda m, a: m.put(a),
    "LONG_BINPUT": lambda m, a: m.put(a),
    "MEMOIZE": lambda m, a: m.put(len(m.memo)),
    "GET": lambda m, a: m.get(a),
    "BINGET": lambda m, a: m.get(a),
    "LONG_BINGET": lambda m, a: m.get(a),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": lambda m, a: m.call(),
    "BUILD": lambda m, a: m.build(),
}
