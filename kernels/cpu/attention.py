"""Scaled dot-product attention and its gradient, without a matrix of all pairs in memory.

A step takes a block of queries and walks over the blocks of keys, with everything in the nearest
caches: the scores of a block, their exponentials, and the sums that these are factors of, which are
scaled again when a greater score comes (Milakov and Gimelshein, 2018; Dao, 2023).

Scores are kept by keys, with queries side by side: then maxima and sums over keys go from row to
row, whole vectors at a time, and only the queries have to be turned for the products.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.attention_pairs import ALL_FORBIDDEN, FORBIDDEN, Pairs, compute_dtype
from tensorcore.kernels.cpu.intrinsics import select
from tensorcore.kernels.cpu.jit import inline, kernel
from tensorcore.kernels.cpu.piece import Piece
from tensorcore.kernels.cpu.register_products import add_product, multiply, turn_block
from tensorcore.kernels.cpu.rows import exp_of_negative, log
from tensorcore.kernels.cpu.vectors import VECTOR_BYTES

QUERIES = 64  # of a block: as many as the columns that registers hold
KEYS = 64
KEYS_OF_PART = 512  # in the gradient: these, their values and both gradients stay in a near cache
OPERATIONS_A_THREAD = 1 << 18  # what is worth giving to a thread that waits for work


# Blocks -------------------------------------------------------------------------------------------


@inline
def _turn(x, start, step, count, width, depth, factor, result):
    """result[d, r] = factor x[r, d], and 0 from r = count to the width."""
    turn_block(x, start, step, count, depth, result, width)
    for d in range(depth):
        for r in range(count, width):
            result[d * width + r] = 0
    if factor != 1:
        for i in range(np.uintp(depth * width)):
            result[i] *= factor


@inline
def _gather(x, start, step, count, depth, factor, result):
    """result[r, d] = factor x[r, d], the rows side by side."""
    for r in range(count):
        line = x[start + r * step : start + r * step + depth]
        row = result[r * depth : (r + 1) * depth]
        for d in range(np.uintp(depth)):
            row[d] = line[d] * factor


@inline
def _scatter(x, count, depth, result, start, step):
    """result[r, d] = x[r, d], from rows side by side."""
    for r in range(count):
        row = x[r * depth : (r + 1) * depth]
        line = result[start + r * step : start + r * step + depth]
        for d in range(np.uintp(depth)):
            line[d] = row[d]


@inline
def _padded(count, itemsize):
    """The next whole number of vectors."""
    lanes = VECTOR_BYTES // itemsize
    return (count + lanes - 1) // lanes * lanes


# Scores -------------------------------------------------------------------------------------------


@inline
def _scores(
    rows_k, turned, width, count, first, k, n, features, mask, place, strides, is_causal, scores
):  # fmt: skip
    """Of the keys k to k + n, a row each, for `count` queries from `first` on side by side.

    The mask is at `place` for the first query and key of all.
    """
    multiply(
        rows_k, k * features, features, 1, turned, 0, width, scores, 0, width, n, width, features
    )  # fmt: skip
    if mask.size or (is_causal and k + n > first + 1):
        place += first * strides[2] + k * strides[3]
        _mask(scores, width, count, first, n, k, mask, place, strides[2], strides[3], is_causal)


@inline
def _mask(scores, width, count, first, keys, first_key, mask, place, by_query, by_key, is_causal):
    """Add the mask, whose element for the first query and key is at `place`, to a block.

    Minus infinity forbids the pair, whatever its score is.
    """
    nothing, forbidden = mask.dtype.type(-np.inf), scores.dtype.type(FORBIDDEN)
    for j in range(keys):
        row = scores[j * width : j * width + count]
        if mask.size:
            start = place + j * by_key
            for r in range(count):
                said = mask[start + r * by_query]
                row[r] = forbidden if said == nothing else row[r] + said
        if is_causal:
            for r in range(min(max(first_key + j - first, 0), count)):
                row[r] = forbidden


# Forward ------------------------------------------------------------------------------------------


@inline
def _exponentials(scores, keys, width, largest, total, factor):
    """Scores become exponentials; `factor` is what sums that were taken before are scaled with."""
    for r in range(np.uintp(width)):
        factor[r] = largest[r]
    for j in range(keys):
        row = scores[j * width : (j + 1) * width]
        for r in range(np.uintp(width)):
            largest[r] = select(row[r] > largest[r], row[r], largest[r])
    for r in range(np.uintp(width)):
        factor[r] = exp_of_negative(factor[r] - largest[r])
        total[r] *= factor[r]
    for j in range(keys):
        row = scores[j * width : (j + 1) * width]
        for r in range(np.uintp(width)):
            row[r] = exp_of_negative(row[r] - largest[r])
        for r in range(np.uintp(width)):
            total[r] += row[r]


@inline
def _any_is(x, count, value):
    """Whether one of the first `count` numbers is the value."""
    found = False
    for r in range(count):
        found |= x[r] == value
    return found


@inline
def _scale_rows(x, count, depth, factor):
    for r in range(count):
        row = x[r * depth : (r + 1) * depth]
        scale = factor[r]
        for d in range(np.uintp(depth)):
            row[d] *= scale


@kernel
def _attention(start, stop, query, key, value, mask, strides, sizes, scale, is_causal, y, logs):
    """Blocks of queries from start to stop, counted over batch and heads."""
    queries, keys, heads = sizes[0], sizes[1], sizes[2]
    group, features, value_features = sizes[3], sizes[4], sizes[5]
    one, forbidden = query.dtype.type(1), query.dtype.type(FORBIDDEN)
    turned = np.empty(features * QUERIES, query.dtype)
    scores = np.empty(KEYS * QUERIES, query.dtype)
    rows_k = np.empty(keys * features, query.dtype)
    rows_v = np.empty(keys * value_features, query.dtype)
    result = np.empty(QUERIES * value_features, query.dtype)
    # Apart, so that the compiler can see that they do not overlap.
    largest = np.empty(QUERIES, query.dtype)
    total = np.empty(QUERIES, query.dtype)
    factor = np.empty(QUERIES, query.dtype)
    blocks = (queries + QUERIES - 1) // QUERIES
    key_heads = heads // group
    gathered = -1
    for step in range(start, stop):
        pair, block = step // blocks, step % blocks
        b, h = pair // heads, pair % heads
        if b * key_heads + h // group != gathered:
            gathered = b * key_heads + h // group
            at = b * keys * key_heads + h // group
            _gather(key, at * features, key_heads * features, keys, features, one, rows_k)
            _gather(
                value, at * value_features, key_heads * value_features, keys, value_features, one,
                rows_v,
            )  # fmt: skip
        first = block * QUERIES
        count = min(QUERIES, queries - first)
        width = _padded(count, query.itemsize)
        row = (b * queries + first) * heads + h
        _turn(
            query, row * features, heads * features, count, width, features,
            query.dtype.type(scale), turned,
        )  # fmt: skip
        largest[:width] = -np.inf
        total[:width] = 0
        result[: count * value_features] = 0
        last = min(keys, first + count) if is_causal else keys
        k = 0
        while k < last:
            n = min(KEYS, last - k)
            _scores(
                rows_k, turned, width, count, first, k, n, features, mask,
                b * strides[0] + h * strides[1], strides, is_causal, scores,
            )  # fmt: skip
            _exponentials(scores, n, width, largest, total, factor)
            if k > 0:
                _scale_rows(result, count, value_features, factor)
            add_product(
                scores, 0, 1, width, rows_v, k * value_features, value_features, result, 0,
                value_features, count, value_features, n,
            )  # fmt: skip
            k += n
            if k == last and mask.size and _any_is(largest, count, forbidden):
                last = keys  # queries that may see no key weigh those after them too
        for r in range(count):
            has_keys = total[r] != 0
            factor[r] = one / total[r] if has_keys else one
            found = largest[r] + log(total[r]) if has_keys else query.dtype.type(0)
            blind = largest[r] == forbidden and total[r] == total[r]  # a NaN is no maximum
            logs[row + r * heads] = -forbidden if blind else found
        _scale_rows(result, count, value_features, factor)
        _scatter(result, count, value_features, y, row * value_features, heads * value_features)


# Backward -----------------------------------------------------------------------------------------


@inline
def _slopes(weights, slopes, keys, width, logs, delta):
    """Scores become weights e^(S - L), and slopes, which hold G V^T, weights (slopes - D)."""
    for j in range(keys):
        row = weights[j * width : (j + 1) * width]
        for r in range(np.uintp(width)):
            row[r] = exp_of_negative(row[r] - logs[r])
        slope = slopes[j * width : (j + 1) * width]
        for r in range(np.uintp(width)):
            slope[r] = row[r] * (slope[r] - delta[r])


@inline
def _row_numbers(all_logs, all_delta, row, heads, count, width, logs, delta):
    """L and D of the queries from `row` on; columns that fill up a vector get no weight."""
    logs[:width] = np.inf
    delta[:width] = 0
    for r in range(count):
        logs[r] = all_logs[row + r * heads]
        delta[r] = all_delta[row + r * heads]


@inline
def _share(weights, keys, width, logs, share):
    """Queries that may see no key have the weight `share` for all of them."""
    for j in range(keys):
        row = weights[j * width : (j + 1) * width]
        for r in range(np.uintp(width)):
            row[r] = select(logs[r] == logs.dtype.type(ALL_FORBIDDEN), share, row[r])


@inline
def _add_products(
    weights, slopes, width, count, rows_q, rows_g, rows_k, k, n, features, value_features,
    to_q, to_k, to_v,
):  # fmt: skip
    """What a block of pairs adds to the gradients of its queries, keys and values."""
    at_k, at_v = k * features, k * value_features
    add_product(
        weights, 0, width, 1, rows_g, 0, value_features, to_v, at_v, value_features, n,
        value_features, count,
    )  # fmt: skip
    add_product(
        slopes, 0, width, 1, rows_q, 0, features, to_k, at_k, features, n, features, count
    )  # fmt: skip
    add_product(
        slopes, 0, 1, width, rows_k, at_k, features, to_q, 0, features, count, features, n
    )  # fmt: skip


@kernel
def _attention_gradient(
    start, stop, g, query, key, value, mask, all_logs, all_delta, strides, sizes, scale, is_causal,
    dq, dk, dv,
):  # fmt: skip
    """The heads of keys from start to stop, counted over the batch."""
    queries, keys, heads = sizes[0], sizes[1], sizes[2]
    group, features, value_features = sizes[3], sizes[4], sizes[5]
    one = query.dtype.type(1)
    factor, all_forbidden = query.dtype.type(scale), query.dtype.type(ALL_FORBIDDEN)
    turned_q = np.empty(features * QUERIES, query.dtype)
    turned_g = np.empty(value_features * QUERIES, query.dtype)
    rows_q = np.empty(QUERIES * features, query.dtype)
    rows_g = np.empty(QUERIES * value_features, query.dtype)
    rows_k = np.empty(keys * features, query.dtype)
    rows_v = np.empty(keys * value_features, query.dtype)
    to_k = np.empty(keys * features, query.dtype)
    to_v = np.empty(keys * value_features, query.dtype)
    to_q = np.empty(QUERIES * features, query.dtype)
    weights = np.empty(KEYS * QUERIES, query.dtype)
    slopes = np.empty(KEYS * QUERIES, query.dtype)
    logs = np.empty(QUERIES, query.dtype)
    delta = np.empty(QUERIES, query.dtype)
    key_heads = heads // group
    by_q, by_g = heads * features, heads * value_features
    by_k, by_v = key_heads * features, key_heads * value_features
    for step in range(start, stop):
        b, key_head = step // key_heads, step % key_heads
        at = b * keys * key_heads + key_head
        at_k, at_v = at * features, at * value_features
        _gather(key, at_k, by_k, keys, features, factor, rows_k)
        _gather(value, at_v, by_v, keys, value_features, one, rows_v)
        to_k[:] = 0
        to_v[:] = 0
        for part in range(0, keys, KEYS_OF_PART):
            for step_of_part in range(group * ((queries + QUERIES - 1) // QUERIES)):
                h = key_head * group + step_of_part % group
                first = step_of_part // group * QUERIES
                last = min(keys, part + KEYS_OF_PART)
                count = min(QUERIES, queries - first)
                width = _padded(count, query.itemsize)
                row = (b * queries + first) * heads + h
                blind = mask.size > 0 and _any_is(all_logs[row::heads], count, all_forbidden)
                if is_causal and not blind:
                    last = min(last, first + count)
                at_q, at_g = row * features, row * value_features
                if part == 0:
                    to_q[: count * features] = 0
                elif last <= part:
                    continue
                else:
                    _gather(dq, at_q, by_q, count, features, one, to_q)
                _turn(query, at_q, by_q, count, width, features, one, turned_q)
                _gather(query, at_q, by_q, count, features, factor, rows_q)
                _turn(g, at_g, by_g, count, width, value_features, one, turned_g)
                _gather(g, at_g, by_g, count, value_features, one, rows_g)
                _row_numbers(all_logs, all_delta, row, heads, count, width, logs, delta)
                for k in range(part, last, KEYS):
                    n = min(KEYS, last - k)
                    _scores(
                        rows_k, turned_q, width, count, first, k, n, features, mask,
                        b * strides[0] + h * strides[1], strides, is_causal, weights,
                    )  # fmt: skip
                    multiply(
                        rows_v, k * value_features, value_features, 1, turned_g, 0, width, slopes,
                        0, width, n, width, value_features,
                    )  # fmt: skip
                    _slopes(weights, slopes, n, width, logs, delta)
                    if blind:
                        _share(weights, n, width, logs, one / query.dtype.type(keys))
                    _add_products(
                        weights, slopes, width, count, rows_q, rows_g, rows_k, k, n, features,
                        value_features, to_q, to_k, to_v,
                    )  # fmt: skip
                _scatter(to_q, count, features, dq, at_q, by_q)
        _scatter(to_k, keys, features, dk, at_k, by_k)
        _scatter(to_v, keys, value_features, dv, at_v, by_v)


# Entry points -------------------------------------------------------------------------------------


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
    dtype = compute_dtype(query)
    shapes = (*query.shape[:3], value.shape[3]), query.shape[:3]
    results = _results(out, shapes, dtype)
    if results[0].size or results[1].size:
        _forward_piece(query, key, value, Pairs(mask, scale, is_causal), results)()
    return _delivered(results, out, (query.dtype, dtype))


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
    results = _results(out, (query.shape, key.shape, value.shape), compute_dtype(query))
    if not key.size:
        results[0].fill(0)
    elif results[0].size or results[2].size:
        _backward_piece(g, query, key, value, pairs, logs, delta, results)()
    return _delivered(results, out, (query.dtype,) * 3)


def _forward_piece(query: Any, key: Any, value: Any, pairs: Pairs, results: Any) -> Piece:
    dtype = results[0].dtype
    batch, queries, heads, _ = query.shape
    given = [_flat(x, dtype) for x in (query, key, value)]
    steps = batch * heads * -(-queries // QUERIES)
    cost = 2 * min(queries, QUERIES) * key.shape[1] * (query.shape[3] + value.shape[3])
    args = (*given, *_described(query, key, value, pairs, dtype))
    return _piece(_attention, steps, cost, args, results)


def _backward_piece(
    g: Any, query: Any, key: Any, value: Any, pairs: Pairs, logs: Any, delta: Any, results: Any
) -> Piece:
    dtype = results[0].dtype
    given = [_flat(x, dtype) for x in (g, query, key, value)]
    mask, *described = _described(query, key, value, pairs, dtype)
    rows = [_flat(x, dtype) for x in (logs, delta)]
    steps = key.shape[0] * key.shape[2]
    cost = 4 * query.size // max(steps, 1) * key.shape[1]
    return _piece(_attention_gradient, steps, cost, (*given, mask, *rows, *described), results)


def _piece(loop: Any, steps: int, cost: int, args: Any, results: Any) -> Piece:
    """A piece whose steps have `cost` operations each."""
    grain = max(1, OPERATIONS_A_THREAD // max(cost, 1))
    return Piece(loop, steps, grain, (*args, *(result.reshape(-1) for result in results)))


def _attention_work(query: Any, key: Any, value: Any, *, out: Any, **attrs: Any) -> list[Piece]:
    return [_forward_piece(query, key, value, Pairs(None, **attrs), out)]


def _gradient_work(
    g: Any, query: Any, key: Any, value: Any, logs: Any, delta: Any, *, out: Any, **attrs: Any
) -> list[Piece]:
    return [_backward_piece(g, query, key, value, Pairs(None, **attrs), logs, delta, out)]


# For arrays that stay where they are.  A mask may have to be converted first, each time.
WORK = {"attention": _attention_work, "attention_gradient": _gradient_work}


def _flat(x: Any, dtype: np.dtype) -> np.ndarray:
    return np.ascontiguousarray(x, dtype).reshape(-1)


def _described(query: Any, key: Any, value: Any, pairs: Pairs, dtype: np.dtype) -> tuple[Any, ...]:
    """The mask's elements, the steps between them along its dimensions, all sizes, attributes."""
    mask, scale, is_causal = pairs
    strides = [0] * 4
    if mask is None:
        mask = np.empty(0, dtype)
    else:
        if mask.dtype == np.bool_:
            mask = np.where(mask, dtype.type(0), dtype.type(-np.inf))
        mask = np.ascontiguousarray(mask, dtype)
        steps = (step // mask.itemsize for step in mask.strides)
        strides = [0 if n == 1 else step for n, step in zip(mask.shape, steps, strict=True)]
    heads = (query.shape[2], query.shape[2] // key.shape[2])
    sizes = (query.shape[1], key.shape[1], *heads, query.shape[3], value.shape[3])
    arrays = (mask.reshape(-1), np.array(strides, np.int64), np.array(sizes, np.int64))
    return (*arrays, np.float64(scale), int(is_causal))


def _results(out: Any, shapes: Any, dtype: np.dtype) -> list[np.ndarray]:
    """Where to write: the arrays of `out` that the kernel can write to, else new ones."""
    targets = out or (None,) * len(shapes)
    return [
        target
        if target is not None and target.flags.c_contiguous and target.dtype == dtype
        else np.empty(shape, dtype)
        for target, shape in zip(targets, shapes, strict=True)
    ]


def _delivered(results: list[np.ndarray], out: Any, dtypes: tuple[np.dtype, ...]) -> Any:
    if out is None:
        return tuple(x.astype(t, copy=False) for x, t in zip(results, dtypes, strict=True))
    for target, result in zip(out, results, strict=True):
        if target is not result:
            target[...] = result
    return out
