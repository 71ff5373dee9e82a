"""Entries: C functions (words, start, stop) that call a compiled loop with arguments out of words.

The first word is the address of the loop's machine code, and then come its arguments:

    whole number      itself
    number            the address of where it lies
    array             the address of its data, bytes of an element, lengths

An entry only unpacks and calls, so one serves all loops whose arguments are of the same kinds.  It
is written in LLVM's language directly, in a twentieth of the time that numba would need, and kept
on disk.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from tensorcore.kernels.cpu import jit, kept_code
from tensorcore.kernels.cpu.compiler import (
    cgutils,
    cpu_target,
    from_dtype,
    global_compiler_lock,
    types,
)

WORD = ir.IntType(64)
_BY_BYTES = {1: types.uint8, 2: types.uint16, 4: types.uint32, 8: types.uint64}
_libraries: list[Any] = []  # keep the machine code of the entries alive


class Kind(NamedTuple):
    """What an argument is: "word", "number" or "array", of which dtype and how many dimensions."""

    what: str
    dtype: np.dtype | None = None
    ndim: int = 0


def type_of(kind: Kind) -> Any:
    """numba's type of an argument."""
    if kind.what == "word":
        return types.int64
    element = from_dtype(kind.dtype)
    return element if kind.what == "number" else types.Array(element, kind.ndim, "C")


@functools.cache
def entry(loop: Any, kinds: tuple[Kind, ...]) -> tuple[int, int]:
    """The addresses of the entry and of the loop's machine code for arguments of these kinds."""
    arguments = (types.int64, types.int64, *map(type_of, kinds))
    machine_code = jit.compiled(loop, arguments, kinds)
    return entry_of(kinds), machine_code


def entry_of(kinds: tuple[Kind, ...]) -> int:
    """The address of the entry for arguments of these kinds."""
    return _entry_of(tuple(map(_in_bytes, kinds)))


def _in_bytes(kind: Kind) -> Kind:
    """The kind of arrays that are passed alike: only the size of their elements matters."""
    if kind.what != "array" or kind.dtype.itemsize not in _BY_BYTES:  # type: ignore[union-attr]
        return kind
    return kind._replace(dtype=np.dtype(f"uint{8 * kind.dtype.itemsize}"))  # type: ignore[union-attr]


@functools.cache
@global_compiler_lock
def _entry_of(kinds: tuple[Kind, ...]) -> int:
    context = cpu_target.target_context
    context.refresh()
    depends = (jit.digest(__file__), *kinds)
    name = f"entry_{hashlib.sha256(repr(depends).encode()).hexdigest()[:16]}"

    def make() -> Any:
        made = context.codegen().create_library(name)
        made.enable_object_caching()
        module = made.create_ir_module(name)
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [WORD] * 3), name)
        _Unpacking(context, function).call(kinds)
        made.add_ir_module(module)
        made.finalize()
        return made

    library = kept_code.library(jit.cache_folder(), name, context.codegen(), make)
    _libraries.append(library)
    return library.get_pointer_to_function(name)


class _Unpacking:
    """Writes the body of an entry."""

    def __init__(self, context: Any, function: Any) -> None:
        self.context = context
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.words, self.start, self.stop = function.args
        self.words = self.builder.inttoptr(self.words, WORD.as_pointer())
        self.place = 0

    def call(self, kinds: Sequence[Kind]) -> None:
        """Call the loop, which returns nothing and whose errors are those of the program."""
        convention = self.context.call_conv
        given = (types.int64, types.int64, *map(type_of, kinds))
        form = convention.get_function_type(types.none, given)
        loop = self.builder.inttoptr(self.word(), form.as_pointer())
        values = [self.start, self.stop, *map(self.value, kinds)]
        packed = self.context.get_arg_packer(given).as_arguments(self.builder, values)
        result, error = (
            cgutils.alloca_once(self.builder, place.pointee) for place in form.args[:2]
        )
        self.builder.call(loop, [result, error, *packed])
        self.builder.ret_void()

    def word(self) -> Any:
        """The next word."""
        place = self.builder.gep(self.words, [ir.Constant(WORD, self.place)])
        self.place += 1
        return self.builder.load(place)

    def value(self, kind: Kind) -> Any:
        """The next argument."""
        if kind.what == "word":
            return self.word()
        argument = type_of(kind)
        if kind.what == "array":
            return self._array(argument)
        pointer = self.context.get_data_type(argument).as_pointer()
        address = self.builder.inttoptr(self.word(), pointer)
        return self.context.unpack_value(self.builder, argument, address)

    def _array(self, argument: Any) -> Any:
        array = self.context.make_array(argument)(self.context, self.builder)
        element = self.context.get_data_type(argument.dtype)
        data = self.builder.inttoptr(self.word(), element.as_pointer())
        size = self.word()
        lengths = [self.word() for _ in range(argument.ndim)]
        strides = [size]
        for length in reversed(lengths[1:]):
            strides.insert(0, self.builder.mul(strides[0], length))
        self.context.populate_array(
            array,
            data=data,
            shape=cgutils.pack_array(self.builder, lengths),
            strides=cgutils.pack_array(self.builder, strides),
            itemsize=size,
            meminfo=None,
        )
        return array._getvalue()
