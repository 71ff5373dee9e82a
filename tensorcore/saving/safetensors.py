"""Weights in the safetensors format: a header in JSON, then the plain bytes of the arrays.

Source: https://huggingface.co/docs/safetensors.  Names are `<path of the layer>/<variable>`, with
the paths of `weights.py`.
"""

from __future__ import annotations

import io
import json
import math
import struct
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from tensorcore import dtypes
from tensorcore.saving.archive import parse_json
from tensorcore.saving.refusals import damaged, hostile, of_another_model
from tensorcore.saving.weights import parts_of

MAX_HEADER_BYTES = 100 * 2**20
MAX_ARRAYS = 1_000_000
METADATA = "__metadata__"
CODES = {
    "F64": dtypes.float64,
    "F32": dtypes.float32,
    "F16": dtypes.float16,
    "BF16": dtypes.bfloat16,
    "I64": dtypes.int64,
    "I32": dtypes.int32,
    "I16": dtypes.int16,
    "I8": dtypes.int8,
    "U64": dtypes.uint64,
    "U32": dtypes.uint32,
    "U16": dtypes.uint16,
    "U8": dtypes.uint8,
    "BOOL": dtypes.bool,
}
_CODE_OF = {dtype: code for code, dtype in CODES.items()}


def named_variables(model: Any) -> dict[str, Any]:
    """Name in files -> variable, of all weights of a model."""
    found: dict[str, Any] = {}
    for path, _, variables in parts_of(model):
        for number, variable in enumerate(variables):
            name = f"{path}/{variable.name}" if path else variable.name
            found[f"{name}_{number}" if name in found else name] = variable
    return found


def named_arrays(model: Any) -> dict[str, np.ndarray]:
    """Name in files -> values, of all weights of a model."""
    return {name: variable.numpy() for name, variable in named_variables(model).items()}


def write(file: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays; each has the SHA-256 of its bytes in the file's metadata."""
    import hashlib

    header: dict[str, Any] = {METADATA: {"format": "tensorcore", "version": "1"}}
    start = 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array)
        header[METADATA][f"sha256:{name}"] = hashlib.sha256(raw.view(np.uint8).data).hexdigest()
        header[name] = {
            "dtype": _CODE_OF[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, start + raw.nbytes],
        }
        start += raw.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of 8
    file.write(struct.pack("<Q", len(text)) + text)
    for array in arrays.values():
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def read_header(file: IO[bytes], what: str) -> tuple[dict[str, Any], int]:
    """(entries with checked places, where the arrays begin).

    Raises:
        FileFormatError: the header is no header, or arrays overlap, leave holes, or exceed the
            file.
    """
    file.seek(0, io.SEEK_END)
    size = file.tell()
    file.seek(0)
    first = file.read(8)
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else -1
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        raise damaged(f"{what} cannot be read as a safetensors file")
    header = parse_json(file.read(length), f"{what}: the header")
    if not isinstance(header, dict) or len(header) > MAX_ARRAYS:
        raise damaged(f"{what}: the header is no JSON object of arrays")
    entries = {name: entry for name, entry in header.items() if name != METADATA}
    for name, entry in entries.items():
        problem = _problem_of(entry)
        if problem is not None:
            raise hostile(f'{what}: the array "{name}" is refused: {problem}')
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        if entry["data_offsets"][0] != end:
            raise hostile(f'{what}: the array "{name}" overlaps another or leaves a hole')
        end = entry["data_offsets"][1]
    if 8 + length + end != size:
        raise damaged(
            f"{what}: the header speaks of {end} bytes of arrays, the file has {size - 8 - length}"
        )
    return header, 8 + length


def _problem_of(entry: Any) -> str | None:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return "its entry needs dtype, shape and data_offsets"
    shape, offsets = entry["shape"], entry["data_offsets"]
    whole = [x for x in (*_list(shape), *_list(offsets)) if type(x) is int and x >= 0]
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        return "shape and data_offsets must be lists"
    if len(whole) != len(shape) + 2:
        return "shape and data_offsets must hold whole numbers from 0 on"
    if entry["dtype"] not in CODES:
        return f"the dtype {entry['dtype']!r} is unknown"
    if offsets[1] - offsets[0] != math.prod(shape) * CODES[entry["dtype"]].itemsize:
        return "its bytes do not fit its shape"
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def read(file: IO[bytes], what: str) -> dict[str, np.ndarray]:
    """All arrays of a file by name, with their checksums compared where the file has some."""
    header, begin = read_header(file, what)
    return {name: _array(file, what, header, begin, name) for name in header if name != METADATA}


def _array(file: IO[bytes], what: str, header: Any, begin: int, name: str) -> np.ndarray:
    import hashlib

    entry = header[name]
    start, end = entry["data_offsets"]
    file.seek(begin + start)
    raw = file.read(end - start)
    known = header.get(METADATA)
    expected = known.get(f"sha256:{name}") if isinstance(known, dict) else None
    if expected is not None and hashlib.sha256(raw).hexdigest() != expected:
        raise damaged(f'{what}: the array "{name}" has another checksum than its header says')
    return np.frombuffer(raw, CODES[entry["dtype"]]).reshape(entry["shape"])


def load(model: Any, file: IO[bytes], what: str) -> None:
    """Read the weights of a model; nothing is changed unless all of them fit."""
    header, begin = read_header(file, what)
    variables = named_variables(model)
    missing = [name for name in variables if name not in header]
    if missing:
        raise of_another_model(f"{what} has no arrays {missing[:5]}")
    for name, variable in variables.items():
        if tuple(header[name]["shape"]) != variable.shape:
            raise of_another_model(
                f'{what}: the array "{name}" has shape {tuple(header[name]["shape"])}; the model '
                f"expects {variable.shape}"
            )
    values = {name: _array(file, what, header, begin, name) for name in variables}
    for name, variable in variables.items():
        variable.assign(values[name].astype(variable.dtype, copy=False))
