"""Convolution in two dimensions, channels last."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.kernels.windows import output_size, pads
from tensorcore.ops.record import Spec, check_inexact, op

Pair = tuple[int, int]


def check_pair(op_name: str, argument: str, value: Any) -> Pair:
    """Two positive ints, for height and width."""
    if not (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(v, int) and v > 0 for v in value)
    ):
        raise InvalidArgumentError(
            f"{op_name}: {argument} must be a pair of positive ints (height, width), received "
            f"{value!r}"
        )
    return value


def check_padding(op_name: str, padding: Any) -> None:
    """ "SAME", "VALID", or two pairs of non-negative ints."""
    if padding in ("SAME", "VALID"):
        return
    try:
        good = [len(pair) == 2 and min(pair) >= 0 for pair in padding] == [True, True]
    except TypeError:
        good = False
    if not good or isinstance(padding, str):
        raise InvalidArgumentError(
            f'{op_name}: padding must be "SAME", "VALID" or ((top, bottom), (left, right)), '
            f"received {padding!r}"
        )


def window_output(
    op_name: str, shape: Any, window: Pair, strides: Pair, dilation: Pair, padding: Any
) -> Any:
    """Height and width of the result of sliding a window over an image of shape (N, H, W, C)."""
    sizes = []
    for axis in (0, 1):
        size = shape[1 + axis]
        if size is None or window[axis] is None:
            sizes.append(None)
            continue
        count = output_size(size, window[axis], strides[axis], dilation[axis], padding, axis)
        if count < 1:
            raise ShapeError(
                f"{op_name}: a window of {window} (dilation {dilation}, padding {padding}) does "
                f"not fit an image of {shape[1]} x {shape[2]}; use a smaller window, larger images "
                'or padding="same"'
            )
        sizes.append(count)
    return tuple(sizes)


def padded(
    xp: Any, x: Any, window: Pair, strides: Pair, dilation: Pair, padding: Any, value: Any = 0
) -> Any:
    """The images with their border."""
    border = [pads(x.shape[1 + i], window[i], strides[i], dilation[i], padding, i) for i in (0, 1)]
    if border == [(0, 0), (0, 0)]:
        return x
    return xp.pad(x, [(0, 0), *border, (0, 0)], mode="constant", constant_values=value)


def windows(x: Any, out: Pair, row: int, column: int, strides: Pair) -> Any:
    """The view of x (N, H, W, C) that holds cell (row, column) of every window: (N, OH, OW, C)."""
    rows = slice(row, row + (out[0] - 1) * strides[0] + 1, strides[0])
    columns = slice(column, column + (out[1] - 1) * strides[1] + 1, strides[1])
    return x[:, rows, columns, :]


def _offsets(window: Pair, dilation: Pair) -> Any:
    return [
        (r, c, r * dilation[0], c * dilation[1]) for r in range(window[0]) for c in range(window[1])
    ]


def _grouped(xp: Any, left: Any, right: Any, groups: int) -> Any:
    """left (N, H, W, C) times right (C / groups, O) within each group of channels -> (N, H, W,
    O).
    """
    if groups == 1:
        return xp.matmul(left, right)
    parts = [
        xp.matmul(a, b)
        for a, b in zip(xp.split(left, groups, -1), xp.split(right, groups, -1), strict=True)
    ]
    return xp.concatenate(parts, axis=-1)


# The reference walks over the cells of the window; each adds one matrix product.


def _conv2d_reference(
    xp: Any, x: Any, w: Any, strides: Pair, padding: Any, dilation: Pair, groups: int
) -> Any:
    dtype = x.dtype
    x, w = (v.astype(dtypes.accumulator(dtype), copy=False) for v in (x, w))
    window = w.shape[:2]
    out = window_output("conv2d", x.shape, window, strides, dilation, padding)
    x = padded(xp, x, window, strides, dilation, padding)
    result = xp.zeros((x.shape[0], *out, w.shape[3]), x.dtype)
    for r, c, row, column in _offsets(window, dilation):
        result += _grouped(xp, windows(x, out, row, column, strides), w[r, c], groups)
    return result.astype(dtype, copy=False)


def _input_gradient_reference(
    xp: Any,
    g: Any,
    w: Any,
    input_shape: Any,
    strides: Pair,
    padding: Any,
    dilation: Pair,
    groups: int,
) -> Any:
    dtype = g.dtype
    g, w = (v.astype(dtypes.accumulator(dtype), copy=False) for v in (g, w))
    window = w.shape[:2]
    border = [
        pads(input_shape[1 + i], window[i], strides[i], dilation[i], padding, i) for i in (0, 1)
    ]
    height, width = (input_shape[1 + i] + sum(border[i]) for i in (0, 1))
    result = xp.zeros((input_shape[0], height, width, input_shape[3]), g.dtype)
    per_group = w.shape[3] // groups
    for r, c, row, column in _offsets(window, dilation):
        target = windows(result, g.shape[1:3], row, column, strides)
        for group in range(groups):
            outs = slice(group * per_group, (group + 1) * per_group)
            ins = slice(group * w.shape[2], (group + 1) * w.shape[2])
            target[..., ins] += xp.matmul(g[..., outs], w[r, c][:, outs].T)
    (top, _), (left, _) = border
    result = result[:, top : top + input_shape[1], left : left + input_shape[2], :]
    return xp.ascontiguousarray(result).astype(dtype, copy=False)


def _filter_gradient_reference(
    xp: Any,
    x: Any,
    g: Any,
    filter_shape: Any,
    strides: Pair,
    padding: Any,
    dilation: Pair,
    groups: int,
) -> Any:
    dtype = x.dtype
    x, g = (v.astype(dtypes.accumulator(dtype), copy=False) for v in (x, g))
    window = filter_shape[:2]
    x = padded(xp, x, window, strides, dilation, padding)
    result = xp.zeros(filter_shape, x.dtype)
    per_group = filter_shape[3] // groups
    for r, c, row, column in _offsets(window, dilation):
        cells = windows(x, g.shape[1:3], row, column, strides)
        for group in range(groups):
            outs = slice(group * per_group, (group + 1) * per_group)
            ins = slice(group * filter_shape[2], (group + 1) * filter_shape[2])
            left = cells[..., ins].reshape(-1, filter_shape[2])
            result[r, c][:, outs] = xp.matmul(left.T, g[..., outs].reshape(-1, per_group))
    return result.astype(dtype, copy=False)


_ATTRS: dict[str, Any] = {"strides": (1, 1), "padding": "VALID", "dilation": (1, 1), "groups": 1}


def _cases(rng: np.random.Generator) -> Any:
    return [
        ((2, 5, 6, 3), (3, 3, 3, 4), {}),
        ((1, 6, 5, 2), (3, 2, 2, 3), {"strides": (2, 1), "padding": "SAME"}),
        (
            (2, 7, 7, 4),
            (2, 3, 2, 6),
            {"dilation": (2, 1), "groups": 2, "padding": ((1, 0), (2, 1))},
        ),
    ]


def _samples(rng: np.random.Generator) -> Any:
    return [((rng.normal(size=x), rng.normal(size=w)), attrs) for x, w, attrs in _cases(rng)]


def _output_shape(x: Any, w: Any, attrs: dict[str, Any]) -> tuple[int, ...]:
    full = {**_ATTRS, **attrs}
    out = window_output("conv2d", x, w[:2], full["strides"], full["dilation"], full["padding"])
    return (x[0], *out, w[3])


@op(
    reference=_conv2d_reference,
    gradient=(
        lambda g, x_shape, w, strides, padding, dilation, groups: conv2d_input_gradient(
            g,
            w,
            input_shape=x_shape,
            strides=strides,
            padding=padding,
            dilation=dilation,
            groups=groups,
        ),
        lambda g, x, w_shape, strides, padding, dilation, groups: conv2d_filter_gradient(
            x,
            g,
            filter_shape=w_shape,
            strides=strides,
            padding=padding,
            dilation=dilation,
            groups=groups,
        ),
    ),
    samples=_samples,
    promote=("x", "w"),
)
def conv2d(x, w, /, *, strides=(1, 1), padding="VALID", dilation=(1, 1), groups=1):
    """Convolution (cross-correlation) of images with filters, channels last.

    y[n, i, j, o] = sum over r, s, c of x[n, i * stride + r * dilation, j * stride + s * dilation,
    c] * w[r, s, c, o]

    Args:
        x: images, shape (N, H, W, C).
        w: filters, shape (rows, columns, C / groups, filters).
        strides: steps of the window, (height, width), in cells.
        padding: "VALID", "SAME" (TensorFlow's rule), or ((top, bottom), (left, right)) cells of
            zeros.
        dilation: distance between the filter's cells, (height, width).
        groups: number of groups of channels that are convolved apart.

    Returns:
        Shape (N, H', W', filters).

    >>> tc.nn.conv2d(tc.ones((1, 4, 4, 1)), tc.ones((3, 3, 1, 2))).shape
    (1, 2, 2, 2)
    """
    check_inexact("conv2d", "x", x.dtype)
    if len(x.shape) != 4 or len(w.shape) != 4:
        raise ShapeError(
            f"conv2d: x must have shape (N, H, W, C) and w (rows, columns, C / groups, filters), "
            f"received {tuple(x.shape)} and {tuple(w.shape)}"
        )
    check_pair("conv2d", "strides", strides)
    check_pair("conv2d", "dilation", dilation)
    check_padding("conv2d", padding)
    channels, filters = x.shape[3], w.shape[3]
    if groups < 1 or filters % groups or channels != w.shape[2] * groups:
        raise ShapeError(
            f"conv2d: {channels} channels of x, filters of shape {tuple(w.shape)} and "
            f"groups={groups} do not fit; "
            f"expected w of shape (rows, columns, {channels} / groups, a multiple of groups)"
        )
    out = window_output("conv2d", x.shape, w.shape[:2], strides, dilation, padding)
    return Spec((x.shape[0], *out, filters), x.dtype)


@op(
    reference=_input_gradient_reference,
    gradient=(
        lambda g, w, strides, padding, dilation, groups: conv2d(
            g, w, strides=strides, padding=padding, dilation=dilation, groups=groups
        ),
        lambda g, in_g, w_shape, strides, padding, dilation, groups: conv2d_filter_gradient(
            g,
            in_g,
            filter_shape=w_shape,
            strides=strides,
            padding=padding,
            dilation=dilation,
            groups=groups,
        ),
    ),
    samples=lambda rng: [
        (
            (rng.normal(size=_output_shape(x, w, attrs)), rng.normal(size=w)),
            {**_ATTRS, **attrs, "input_shape": x},
        )
        for x, w, attrs in _cases(rng)
    ],
    promote=("in_g", "w"),
)
def conv2d_input_gradient(in_g, w, /, *, input_shape, strides, padding, dilation, groups):
    """The gradient of conv2d for its images; also known as transposed convolution.

    >>> attrs = dict(strides=(1, 1), padding="VALID", dilation=(1, 1), groups=1)
    >>> g, w = tc.ones((1, 2, 2, 2)), tc.ones((3, 3, 1, 2))
    >>> tc.nn.conv2d_input_gradient(g, w, input_shape=(1, 4, 4, 1), **attrs).shape
    (1, 4, 4, 1)
    """
    _check_gradient(
        "conv2d_input_gradient",
        in_g,
        "input_shape",
        input_shape,
        w.shape,
        strides,
        padding,
        dilation,
        groups,
    )
    return Spec(tuple(input_shape), in_g.dtype)


@op(
    reference=_filter_gradient_reference,
    gradient=(
        lambda g, x_shape, in_g, strides, padding, dilation, groups: conv2d_input_gradient(
            in_g,
            g,
            input_shape=x_shape,
            strides=strides,
            padding=padding,
            dilation=dilation,
            groups=groups,
        ),
        lambda g, x, strides, padding, dilation, groups: conv2d(
            x, g, strides=strides, padding=padding, dilation=dilation, groups=groups
        ),
    ),
    samples=lambda rng: [
        (
            (rng.normal(size=x), rng.normal(size=_output_shape(x, w, attrs))),
            {**_ATTRS, **attrs, "filter_shape": w},
        )
        for x, w, attrs in _cases(rng)
    ],
    promote=("x", "in_g"),
)
def conv2d_filter_gradient(x, in_g, /, *, filter_shape, strides, padding, dilation, groups):
    """The gradient of conv2d for its filters."""
    _check_gradient(
        "conv2d_filter_gradient",
        in_g,
        "filter_shape",
        x.shape,
        filter_shape,
        strides,
        padding,
        dilation,
        groups,
    )
    return Spec(tuple(filter_shape), x.dtype)


def _check_gradient(
    op_name: str, in_g: Any, argument: str, x_shape: Any, w_shape: Any, *options: Any
) -> None:
    """Whether the gradient has the shape of the convolution's result."""
    names = ("strides", "padding", "dilation", "groups")
    given = x_shape if argument == "input_shape" else w_shape
    if not isinstance(given, (tuple, list)) or len(given) != 4:
        raise ShapeError(f"{op_name}: {argument} must be four ints, received {given!r}")
    x, w = Spec(tuple(x_shape), in_g.dtype), Spec(tuple(w_shape), in_g.dtype)
    expected = conv2d.rule(x, w, **dict(zip(names, options, strict=True))).shape
    fits = len(in_g.shape) == 4 and all(
        a == b or None in (a, b) for a, b in zip(in_g.shape, expected, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"{op_name}: in_g must have the shape of the convolution's result {expected}, received "
            f"{tuple(in_g.shape)}"
        )
