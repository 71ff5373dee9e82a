"""`tf.train.Example`s turned into tensors: what each name should hold, and `parse_example`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorcore import dtypes
from tensorcore.data.examples import BytesList, FloatList, Int64List, kind_and_content, messages
from tensorcore.data.sparse import SparseTensor
from tensorcore.data.texts import Texts, as_bytes, is_text, string
from tensorcore.errors import CheckpointError, DTypeError, FileFormatError, InvalidArgumentError
from tensorcore.tensor import as_tensor


class FixedLenFeature(NamedTuple):
    """A feature of one shape; `default_value` stands for a missing one."""

    shape: Any
    dtype: Any
    default_value: Any = None


class VarLenFeature(NamedTuple):
    """A feature of any length, which becomes a `SparseTensor`."""

    dtype: Any


class FixedLenSequenceFeature(NamedTuple):
    """Any number of values of one shape; in a batch short ones are filled up."""

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


_LISTS = {"bytes_list": "string", "float_list": "float32", "int64_list": "int64"}


def parse_single_example(
    serialized: Any,
    features: Mapping[str, Any],
    example_names: Any = None,
    name: str | None = None,
) -> dict[str, Any]:
    """The tensors of one example.

    Args:
        serialized: what `tf.train.Example.SerializeToString` gave.
        features: name -> FixedLenFeature, VarLenFeature or FixedLenSequenceFeature, with dtypes
            float32, int64 or string.

    Raises:
        InvalidArgumentError: a feature is missing, or of another type or length.
        FileFormatError: the bytes are no example.
    """
    found = _values(as_bytes(serialized).item(), _checked(features), "")
    return {key: _single(spec, found[key]) for key, spec in features.items()}


def parse_example(
    serialized: Any,
    features: Mapping[str, Any],
    example_names: Any = None,
    name: str | None = None,
) -> dict[str, Any]:
    """The same for a vector of examples: tensors with one row an example."""
    specs = _checked(features)
    rows = [
        _values(text, specs, f"Name: <unknown>, Index: {number}. ")
        for number, text in enumerate(as_bytes(serialized).ravel())
    ]
    return {key: _stacked(spec, [row[key] for row in rows]) for key, spec in features.items()}


def _checked(features: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """name -> (specification, name of its dtype)."""
    if not features:
        raise InvalidArgumentError("parse_example: features must name at least one feature")
    checked = {}
    for key, spec in features.items():
        if not isinstance(spec, (FixedLenFeature, VarLenFeature, FixedLenSequenceFeature)):
            raise InvalidArgumentError(
                f"parse_example: {key!r} must be a tf.io.FixedLenFeature, VarLenFeature or "
                f"FixedLenSequenceFeature, received {spec!r}"
            )
        wanted = _dtype_name(spec.dtype)
        if wanted not in _LISTS.values():
            raise DTypeError(
                f"parse_example: {key!r} must be float32, int64 or string, received {wanted}; "
                "convert it afterwards with tf.cast"
            )
        checked[key] = spec, wanted
    return checked


def _dtype_name(dtype: Any) -> str:
    return "string" if dtype in (string, str, bytes, "string") else dtypes.as_dtype(dtype).name


def _values(serialized: bytes, specs: Mapping[str, Any], where: str) -> dict[str, np.ndarray]:
    """The values of each wanted feature of an example."""
    given = {key: message for key, message in messages(serialized) if key in specs}
    found = {}
    for key, (spec, wanted) in specs.items():
        values = _decoded(where, key, given[key], wanted) if key in given else None
        if isinstance(spec, VarLenFeature):
            found[key] = _array((), wanted) if values is None else values
        else:
            found[key] = _shaped(where, key, spec, wanted, values)
    return found


def _decoded(where: str, key: str, message: bytes, wanted: str) -> np.ndarray | None:
    """The values in a feature's message; None if there are none."""
    try:
        kind, content = kind_and_content(message)
        if kind is None:
            return None
        if _LISTS[kind] != wanted:
            raise InvalidArgumentError(
                f"{where}Key: {key}.  Data types don't match. Data type: {_LISTS[kind]} but "
                f"expected type: {wanted}"
            )
        if kind == "bytes_list":
            return _array(BytesList.decoded(content).value, wanted)
        return (FloatList if kind == "float_list" else Int64List).numbers(content)
    except CheckpointError as error:
        raise FileFormatError(
            f"{where}Key: {key}.  Could not parse example input: {error}"
        ) from None


def _shaped(where: str, key: str, spec: Any, wanted: str, values: Any) -> np.ndarray:
    shape = tuple(int(size) for size in np.atleast_1d(np.asarray(spec.shape, np.int64)))
    count = math.prod(shape)
    many = isinstance(spec, FixedLenSequenceFeature)
    if values is None and many:
        if not spec.allow_missing:
            raise InvalidArgumentError(
                f"{where}Key: {key}: a FixedLenSequenceFeature needs allow_missing=True here"
            )
        return _array((), wanted).reshape(0, *shape)
    if values is None:
        if spec.default_value is None:
            raise InvalidArgumentError(
                f"{where}Feature: {key} (data type: {wanted}) is required but could not be found. "
                "Give it a default_value, or write it into every example"
            )
        return np.broadcast_to(_array(spec.default_value, wanted), shape)
    if (count and len(values) % count) if many else len(values) != count:
        raise InvalidArgumentError(
            f"{where}Key: {key}.  Number of {wanted} values != expected.  values size: "
            f"{len(values)} but output shape: {list(shape)}. Use VarLenFeature or "
            "FixedLenSequenceFeature for lists of different lengths"
        )
    return values.reshape((-1, *shape) if many else shape)


def _array(values: Any, wanted: str) -> np.ndarray:
    if wanted != "string":
        return np.asarray(values, wanted)
    return as_bytes(values) if is_text(values) or len(values) else np.empty(0, object)


def _tensor(values: np.ndarray) -> Any:
    return Texts(values) if values.dtype == object else as_tensor(values)


def _single(spec: Any, values: np.ndarray) -> Any:
    if isinstance(spec, VarLenFeature):
        places = np.arange(len(values))[:, None]
        return SparseTensor(places, _tensor(values), (len(values),))
    return _tensor(values)


def _stacked(spec: Any, rows: Sequence[np.ndarray]) -> Any:
    if isinstance(spec, VarLenFeature):
        numbers = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        steps = np.concatenate([np.arange(len(row)) for row in rows] or [np.empty(0, np.int64)])
        values = np.concatenate(rows) if rows else _array((), _dtype_name(spec.dtype))
        longest = max((len(row) for row in rows), default=0)
        places = np.stack([numbers, steps], axis=1)
        return SparseTensor(places, _tensor(values), (len(rows), longest))
    if isinstance(spec, FixedLenSequenceFeature):
        rows = _filled_up(spec, rows)
    return _tensor(np.stack(rows))


def _filled_up(spec: Any, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    longest = max((len(row) for row in rows), default=0)
    default = spec.default_value
    if default is None:
        default = b"" if _dtype_name(spec.dtype) == "string" else 0
    result = []
    for row in rows:
        full = np.empty((longest, *row.shape[1:]), row.dtype)
        full[...] = default
        full[: len(row)] = row
        result.append(full)
    return result
