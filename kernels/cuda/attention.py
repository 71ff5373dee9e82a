"""Scaled dot-product attention and its gradient.

Heads of up to 128 features are computed without a matrix of all pairs in memory, numbers of 16 bits
on tensor cores. Others, and float64, go through products of cuBLASLt, which CUDA graphs can hold.
"""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np
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
    query: Any, key: Any, value: Any, *, scale: float, is_causal: bool, out: Any = None
) -> Any:
    """The means of values, and the logarithms of the sums of exponentials."""
    return _forward(query, key, value, None, scale, is_causal, out)


def masked_attention(
    query: Any, key: Any, value: Any, mask: Any, *, scale: float, is_causal: bool, out: Any = None
) -> Any:
    """The same with a mask of booleans, or of floats that are added to the scores."""
    return _forward(query, key, value, mask, scale, is_causal, out)


def attention_gradient(
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    logs: Any,
    delta: Any,
    *,
    scale: float,
    is_causal: bool,
    out: Any = None,
) -> Any:
    """The gradients for query, key and value."""
    return _backward(g, query, key, value, None, logs, delta, scale, is_causal, out)


def masked_attention_gradient(
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    logs: Any,
    delta: Any,
    *,
    scale: float,
    is_causal: bool,
    out: Any = None,
) -> Any:
    """The same with a mask."""
    return _backward(g, query, key, value, mask, logs, delta, scale, is_causal, out)


# Without a matrix of pairs ------------------------------------------------------------------------


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


def _forward(
    query: Any, key: Any, value: Any, mask: Any, scale: float, is_causal: bool, out: Any
) -> Any:
    text = _text_for(query, key, value)
    if text is None:
        return _delivered(_by_products(query, key, value, mask, scale, is_causal), out)
    query, key, value = map(dense, (query, key, value))
    masks, sizes = _described(query, key, value, mask, scale, is_causal)
    given = (query, key, value, *masks)
    shapes = (*query.shape[:3], value.shape[3]), query.shape[:3]
    y, logs = _results(out, shapes, (query.dtype, np.float32), given)
    threads, rows = _block(query, text)
    grid = (-(-query.shape[1] // rows), query.shape[2], query.shape[0])
    kernel = text.kernel("attention", query.dtype.name)
    kernel(grid, (threads, 1, 1), *given, y, logs, sizes)
    return _delivered((y, logs), out)


def _backward(
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    logs: Any,
    delta: Any,
    scale: float,
    is_causal: bool,
    out: Any,
) -> Any:
    text = _text_for(query, key, value)
    if text is None:
        found = _gradient_by_products(g, query, key, value, mask, logs, delta, scale, is_causal)
        return _delivered(found, out)
    g, query, key, value = map(dense, (g, query, key, value))
    logs, delta = (dense(x.astype(np.float32, copy=False)) for x in (logs, delta))
    masks, sizes = _described(query, key, value, mask, scale, is_causal)
    given = (g, query, key, value, *masks, logs, delta)
    shapes = query.shape, key.shape, value.shape
    dq, dk, dv = _results(out, shapes, (query.dtype,) * 3, given)
    threads, rows = _block(query, text)
    grid = (-(-query.shape[1] // rows), query.shape[2], query.shape[0])
    kernel = text.kernel("attention_query_gradient", query.dtype.name)
    kernel(grid, (threads, 1, 1), *given, dq, sizes)
    grid = (-(-key.shape[1] // rows), key.shape[2], key.shape[0])
    kernel = text.kernel("attention_key_gradient", query.dtype.name)
    kernel(grid, (threads, 1, 1), *given, dk, dv, sizes)
    return _delivered((dq, dk, dv), out)


def _block(query: Any, text: Text) -> tuple[int, int]:
    """Threads of a block and the rows that it keeps, as struct Plan has them."""
    warps = 2 if text is _texts[128] and query.itemsize == 4 else 4
    return 32 * warps, 16 * warps


def _described(
    query: Any, key: Any, value: Any, mask: Any, scale: float, is_causal: bool
) -> tuple[tuple[Any, Any], Any]:
    """The mask as booleans or as floats to be added, and the struct of sizes."""
    allowed = added = None
    steps = (0, 0, 0, 0)
    if mask is not None:
        if mask.dtype == np.bool_:
            mask = allowed = dense(mask)
        else:
            mask = added = dense(mask.astype(np.float32, copy=False))
        steps = tuple(
            0 if n == 1 else step // mask.itemsize
            for n, step in zip(mask.shape, mask.strides, strict=True)
        )
    sizes = np.array(
        (
            steps,
            query.shape[1],
            key.shape[1],
            query.shape[2],
            key.shape[2],
            query.shape[3],
            value.shape[3],
            scale,
            is_causal,
        ),
        _SIZES,
    )
    return (allowed, added), sizes[()]


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


# By products of matrices --------------------------------------------------------------------------


def _turned(x: Any, heads: int, dtype: Any) -> Any:
    """(batch, length, heads, features) -> (batch, heads, heads for each, length, features)"""
    x = x.astype(dtype, copy=False)
    parts = x.reshape(*x.shape[:2], heads, x.shape[2] // heads, x.shape[3])
    return parts.transpose(0, 2, 3, 1, 4)


def _back(x: Any, like: Any) -> Any:
    """The heads at their place again."""
    return x.transpose(0, 3, 1, 2, 4).reshape(like.shape[:3] + x.shape[-1:]).astype(like.dtype)


def _scores(query: Any, key: Any, mask: Any, scale: float, is_causal: bool) -> Any:
    """(batch, key heads, heads for each, queries, keys), minus infinity where a pair is not."""
    scores = blas.matmul(query, key, transpose_b=True) * query.dtype.type(scale)
    if mask is not None:
        batch, heads, group, queries, keys = scores.shape
        mask = cupy.broadcast_to(mask, (batch, heads * group, queries, keys)).reshape(scores.shape)
        if mask.dtype == np.bool_:
            scores = cupy.where(mask, scores, scores.dtype.type(-np.inf))
        else:
            scores = scores + mask.astype(scores.dtype, copy=False)
    if is_causal:
        queries, keys = (cupy.arange(n) for n in scores.shape[-2:])
        scores = cupy.where(queries[:, None] >= keys, scores, scores.dtype.type(-np.inf))
    return scores


def _compute(x: Any) -> Any:
    return np.float64 if x.dtype == np.float64 else np.float32


def _by_products(
    query: Any, key: Any, value: Any, mask: Any, scale: float, is_causal: bool
) -> tuple[Any, Any]:
    dtype, heads = _compute(query), key.shape[2]
    rows = query.shape[:3]
    if not key.shape[1] or not query.size:
        return cupy.zeros((*rows, value.shape[3]), query.dtype), cupy.zeros(rows, dtype)
    k, v = (_turned(x, heads, dtype) for x in (key, value))
    scores = _scores(_turned(query, heads, dtype), k, mask, scale, is_causal)
    largest = scores.max(axis=-1, keepdims=True)
    largest = cupy.where(largest == -np.inf, largest.dtype.type(0), largest)
    weights = cupy.exp(scores - largest)
    total = weights.sum(axis=-1, keepdims=True)
    total = cupy.where(total == 0, total.dtype.type(1), total)
    y = _back(blas.matmul(weights / total, v), query)
    logs = (largest + cupy.log(total))[..., 0]
    return y, cupy.ascontiguousarray(logs.transpose(0, 3, 1, 2)).reshape(rows)


def _gradient_by_products(
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    logs: Any,
    delta: Any,
    scale: float,
    is_causal: bool,
) -> tuple[Any, Any, Any]:
    dtype, heads = _compute(query), key.shape[2]
    if 0 in (*query.shape, *key.shape, *value.shape):
        return tuple(cupy.zeros(x.shape, query.dtype) for x in (query, key, value))
    arrays = (_turned(x, heads, dtype) for x in (g, query, key, value))
    arriving, q, k, v = arrays
    logs, delta = (_turned(x[..., None], heads, dtype) for x in (logs, delta))
    weights = cupy.exp(_scores(q, k, mask, scale, is_causal) - logs)
    inner = blas.matmul(arriving, v, transpose_b=True) - delta
    slopes = weights * inner * dtype(scale)
    of_query = _back(blas.matmul(slopes, k), query)
    of_key = blas.matmul(slopes, q, transpose_a=True).sum(axis=2, keepdims=True)
    of_value = blas.matmul(weights, arriving, transpose_a=True).sum(axis=2, keepdims=True)
    return of_query, _back(of_key, key), _back(of_value, value)
