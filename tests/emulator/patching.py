"""Replaces C functions of a Cython module before other modules import them.

A Cython module offers its C functions to others in ``__pyx_capi__``: name -> capsule with a
pointer, where the name of the capsule is the C signature.  CuPy's modules take the pointers out of
these dicts when they are imported, so new capsules put there earlier redirect all their calls.
"""

import ctypes
import re
from types import ModuleType
from typing import Any

SIGNATURE = re.compile(r"(.*?) ?\((.*)\)$")
HIDDEN = "__pyx_skip_dispatch"  # an argument that only callers in C see

C_TYPES = {
    "int": ctypes.c_int,
    "unsigned int": ctypes.c_uint,
    "intptr_t": ctypes.c_ssize_t,
    "size_t": ctypes.c_size_t,
    "float": ctypes.c_float,
    "PyObject *": ctypes.py_object,
}

# Nothing here may be freed as long as CuPy's modules hold the pointers.
_kept: list[Any] = []

_api = ctypes.pythonapi
_api.PyCapsule_GetName.restype = ctypes.c_char_p
_api.PyCapsule_GetName.argtypes = [ctypes.py_object]
_api.PyCapsule_New.restype = ctypes.py_object
_api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


def replace_functions(module: ModuleType, library: ctypes.PyDLL, prefix: str) -> None:
    """Put the function ``prefix + name`` of ``library`` in place of each ``name`` of ``module``.

    What the library lacks stays as it is; without a CUDA driver it raises when it is called.
    """
    table = module.__pyx_capi__
    for name, capsule in list(table.items()):
        signature = _api.PyCapsule_GetName(capsule)
        parsed = SIGNATURE.match(signature.decode())
        if parsed is None or not hasattr(library, prefix + name):
            continue  # a variable, or not ours
        result, arguments = parsed[1], [text.strip() for text in parsed[2].split(",")]
        pointer = ctypes.cast(library[prefix + name], ctypes.c_void_p).value or 0
        _kept.append(signature)
        table[name] = _api.PyCapsule_New(pointer, signature, None)
        _replace_attribute(module, name, pointer, result, arguments)


def _c_prototype(result: str, arguments: list[str]) -> Any:
    return ctypes.PYFUNCTYPE(_c_type(result), *map(_c_type, _without_void(arguments)))


def _c_type(text: str) -> Any:
    if HIDDEN in text:
        return ctypes.c_int
    if text in C_TYPES:
        return C_TYPES[text]
    if text.startswith("struct __pyx_opt_args"):
        return ctypes.c_void_p
    return ctypes.py_object  # a Python object of a C class


def _without_void(arguments: list[str]) -> list[str]:
    return [text for text in arguments if text != "void"]


def _replace_attribute(
    module: ModuleType, name: str, pointer: int, result: str, arguments: list[str]
) -> None:
    """The attribute is what callers written in Python see."""
    if not hasattr(module, name):
        return
    c_function = _c_prototype(result, arguments)(pointer)
    visible = 0
    optional = 0
    for text in _without_void(arguments):
        if text.startswith("struct __pyx_opt_args"):
            optional += 1
        elif HIDDEN not in text:
            visible += 1

    def replacement(*given: Any) -> Any:
        return c_function(*given[:visible], 0, *[None] * optional)

    replacement.__name__ = name
    _kept.append(c_function)
    setattr(module, name, replacement)
