"""Scaled dot-product attention and its gradient.

Heads of up to 128 features are computed without a matrix of all pairs in memory, numbers of 16 bits
on tensor cores. Others, and float64, go through products of cuBLASLt, which CUDA graphs can hold.
"""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np
from tensorcore.kernels import attention_pairs
from tensorcore.kernels.attention_pairs import Pairs
from tensorcore.kernels.cuda import blas
from tensorcore.kernels.cuda.arrays import deliver, dense, result_for
from tensorcore.kernels.cuda.modules import Text

_KERNELS = ["attention", "attention_query_gradient", "attention_key_gradient"]
_DTYPES = ("float32", "float16", "bfloat16")
_texts = {
    features: Text(f"attention_{features}.cu", _KERNELS, [(name,) for name in _DTYPES])
    for features in (64, 128)
}

_MOST_GRID = 65535  # along y and z
_LARGEST = 2**31 - 1
_SIZES = np.dtype(
    [
        ("mask_steps", np.int64, 4),
        *((name, np.int32) for name in ("queries", "keys", "heads", "key_heads")),
        *((name, np.int32) for name in ("features", "value_features")),
        ("scale", np.float32),
        ("is_causal", np.int32),
    ]
)


def attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    *,
    scale: float,
    is_causal: bool,
    out: Any = None,
) -> Any:
    """The means of values, and the logarithms of the sums of exponentials."""
    pairs = Pairs(mask, scale, is_causal)
    text = _text_for(query, key, value)
    if text is None:
        found = attention_pairs.forward(cupy, blas.matmul, query, key, value, pairs)
        return _delivered(found, out)
    arrays, (masks, sizes) = _described(query, key, value, pairs)
    shapes = (*query.shape[:3], value.shape[3]), query.shape[:3]
    results = _results(out, shapes, (query.dtype, np.float32), (*arrays, *masks))
    _launch(text, "attention", query, *arrays, *masks, *results, sizes)
    return _delivered(results, out)


def attention_gradient(
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    *rest: Any,
    scale: float,
    is_causal: bool,
    out: Any = None,
) -> Any:
    """The gradients for query, key and value; `rest`: the mask if there is one, L, and D."""
    *mask, logs, delta = rest
    pairs = Pairs(*mask or (None,), scale, is_causal)
    text = _text_for(query, key, value)
    if text is None:
        arrays = (g, query, key, value, pairs, logs, delta)
        return _delivered(attention_pairs.gradient(cupy, blas.matmul, *arrays), out)
    arrays, (masks, sizes) = _described(query, key, value, pairs)
    rows = (dense(x.astype(np.float32, copy=False)) for x in (logs, delta))
    given = (dense(g), *arrays, *masks, *rows)
    dq, dk, dv = _results(out, (query.shape, key.shape, value.shape), (query.dtype,) * 3, given)
    _launch(text, "attention_query_gradient", query, *given, dq, sizes)
    _launch(text, "attention_key_gradient", key, *given, dk, dv, sizes)
    return _delivered((dq, dk, dv), out)


def _text_for(query: Any, key: Any, value: Any) -> Text | None:
    """The kernels for these arrays, if there are any."""
    features = max(query.shape[3], value.shape[3])
    fits = (
        query.dtype.name in _DTYPES
        and features <= 128
        and max(query.shape[0], query.shape[2]) <= _MOST_GRID
        and max(query.shape[1], key.shape[1]) <= _LARGEST - 64
    )
    if not fits or 0 in (*query.shape, *key.shape, *value.shape):
        return None
    return _texts[next(size for size in _texts if features <= size)]


def _launch(text: Text, name: str, rows: Any, *args: Any) -> None:
    """Launch a kernel whose blocks share out `rows` (batch, length, heads, features)."""
    threads, count = _block(rows, text)
    grid = (-(-rows.shape[1] // count), rows.shape[2], rows.shape[0])
    text.kernel(name, rows.dtype.name)(grid, (threads, 1, 1), *args)


def _block(query: Any, text: Text) -> tuple[int, int]:
    """Threads of a block and the rows that it keeps, as struct Plan has them."""
    warps = 2 if text is _texts[128] and query.itemsize == 4 else 4
    return 32 * warps, 16 * warps


def _described(query: Any, key: Any, value: Any, pairs: Pairs) -> tuple[Any, Any]:
    """Contiguous arrays; the mask as booleans or as floats to be added, and the struct of sizes."""
    allowed = added = None
    steps = (0, 0, 0, 0)
    if pairs.mask is not None:
        if pairs.mask.dtype == np.bool_:
            mask = allowed = dense(pairs.mask)
        else:
            mask = added = dense(pairs.mask.astype(np.float32, copy=False))
        steps = tuple(
            0 if n == 1 else step // mask.itemsize
            for n, step in zip(mask.shape, mask.strides, strict=True)
        )
    lengths = (query.shape[1], key.shape[1], query.shape[2], key.shape[2])
    features = (query.shape[3], value.shape[3])
    sizes = np.array((steps, *lengths, *features, pairs.scale, pairs.is_causal), _SIZES)
    return tuple(map(dense, (query, key, value))), ((allowed, added), sizes[()])


def _results(out: Any, shapes: Any, dtypes: Any, given: Any) -> list[Any]:
    inputs = [array for array in given if array is not None]
    targets = out or (None,) * len(shapes)
    return [
        result_for(target, shape, dtype, *inputs)
        for target, shape, dtype in zip(targets, shapes, dtypes, strict=True)
    ]


def _delivered(results: Any, out: Any) -> Any:
    if out is None:
        return tuple(results)
    return tuple(deliver(y, target) for y, target in zip(results, out, strict=True))
