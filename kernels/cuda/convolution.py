"""Two-dimensional convolution and its gradients.

Images x are (N, H, W, C), filters w (KH, KW, C / groups, O), results y (N, OH, OW, O).

1 x 1 filters that touch every pixel are a matrix product; few channels a group are computed
directly; the rest is an implicit product of matrices, on tensor cores for 16-bit numbers.

The environment variable TENSORCORE_CONV chooses the way. "auto" is the above, with cuDNN for what
`_pays_by_cudnn` says where that library is found and works. "own" uses neither cuDNN nor a product
of cuBLASLt; "cudnn" takes cuDNN for all that it computes, and raises where there is none; "im2col"
makes a matrix of all windows for convolutions of one group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cupy
import numpy as np
from tensorcore.kernels import windows
from tensorcore.kernels.cuda import blas, cudnn, cudnn_convolution, im2col
from tensorcore.kernels.cuda.arrays import deliver, dense, result_for
from tensorcore.kernels.cuda.modules import FLOATS, Text, blocks_for
from tensorcore.kernels.cuda.ways import chosen_way
from tensorcore.kernels.precision import matmul_precision

_TILE = 64  # TILE_M and TILE_N of conv2d.cu
_FEW_CHANNELS = 16  # of a group, on the side that makes the columns of the product
_ENOUGH_BLOCKS = 1024  # a long sum is split until there are about as many
_SHORTEST_SUM = 256  # pixels in one part of a split sum
_LARGEST = 2**31 - 1
_MOST_GRID_Z = 65535
_CUDNN_FROM_CHANNELS = 16  # on both sides
_CUDNN_FROM_PRODUCTS = 2**26

_NAMES = ["conv2d", "conv2d_input_gradient", "conv2d_filter_gradient"]
_tiled = Text("conv2d.cu", _NAMES, [("float32",), ("float64",)])
_tensor = Text("conv2d_tensor.cu", _NAMES, [("float16",), ("bfloat16",), ("float32",)])
_direct = Text(
    "grouped_conv2d.cu", [f"grouped_{name}" for name in _NAMES], [(name,) for name in FLOATS]
)

_FIELDS = ("n", "h", "w", "c", "oh", "ow", "o", "kh", "kw", "groups", "cg", "og")
_FIELDS += ("sh", "sw", "top", "left", "dh", "dw")
_GEOMETRY = np.dtype([(name, np.int32) for name in _FIELDS])


class _Sizes(NamedTuple):
    """All that is known about a convolution: the fields of the kernels' struct Geometry."""

    n: int
    h: int
    w: int
    c: int
    oh: int
    ow: int
    o: int
    kh: int
    kw: int
    groups: int
    cg: int
    og: int
    sh: int
    sw: int
    top: int
    left: int
    dh: int
    dw: int

    @property
    def x_shape(self) -> tuple[int, ...]:
        return self.n, self.h, self.w, self.c

    @property
    def w_shape(self) -> tuple[int, ...]:
        return self.kh, self.kw, self.cg, self.o

    @property
    def y_shape(self) -> tuple[int, ...]:
        return self.n, self.oh, self.ow, self.o

    @property
    def is_product(self) -> bool:
        """Whether every pixel is multiplied by one matrix."""
        plain = (self.kh, self.kw, self.groups, self.sh, self.sw, self.top, self.left)
        return plain == (1, 1, 1, 1, 1, 0, 0) and (self.oh, self.ow) == (self.h, self.w)

    @property
    def fits(self) -> bool:
        """Whether the kernels' 32-bit coordinates hold every position."""
        shapes = (self.x_shape, self.w_shape, self.y_shape)
        return all(math.prod(shape[:-1]) <= _LARGEST for shape in shapes)

    def packed(self) -> Any:
        """The struct for the kernel."""
        return np.array(tuple(self), _GEOMETRY)[()]


def _sizes(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    strides: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    groups: int,
) -> _Sizes:
    n, h, w, c = x_shape
    kh, kw, cg, o = w_shape
    (sh, sw), (dh, dw) = strides, dilation
    oh = windows.output_size(h, kh, sh, dh, padding, 0)
    ow = windows.output_size(w, kw, sw, dw, padding, 1)
    top = windows.pads(h, kh, sh, dh, padding, 0)[0]
    left = windows.pads(w, kw, sw, dw, padding, 1)[0]
    og = o // groups
    return _Sizes(n, h, w, c, oh, ow, o, kh, kw, groups, cg, og, sh, sw, top, left, dh, dw)


def conv2d(
    x: Any,
    w: Any,
    *,
    strides: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    groups: int,
    out: Any = None,
) -> Any:
    """Cross-correlation of x with the filters w."""
    s = _sizes(x.shape, w.shape, strides, padding, dilation, groups)
    if not s.fits:
        return NotImplemented
    x, w = dense(x), dense(w)
    y = result_for(out, s.y_shape, x.dtype, x, w)
    if _is_done_by_cudnn(cudnn_convolution.conv2d, x, w, y, s):
        return deliver(y, out)
    way = _way(s, y)
    if way == "im2col":
        im2col.conv2d(x, w, y, s)
    elif way == "product":
        _product(x.reshape(-1, s.c), w.reshape(s.c, s.o), y.reshape(-1, s.o))
    else:
        _run("conv2d", (x, w, y), s, y.size // max(s.o, 1), s.og)
    return deliver(y, out)


def conv2d_input_gradient(
    g: Any,
    w: Any,
    *,
    input_shape: Sequence[int],
    strides: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    groups: int,
    out: Any = None,
) -> Any:
    """The gradient for x of conv2d(x, w), from the gradient g of its result."""
    s = _sizes(input_shape, w.shape, strides, padding, dilation, groups)
    if not s.fits:
        return NotImplemented
    g, w = dense(g), dense(w)
    y = result_for(out, s.x_shape, g.dtype, g, w)
    if _is_done_by_cudnn(cudnn_convolution.conv2d_input_gradient, g, w, y, s):
        return deliver(y, out)
    way = _way(s, y)
    if way == "im2col":
        im2col.conv2d_input_gradient(g, w, y, s)
    elif way == "product":
        _product(g.reshape(-1, s.o), w.reshape(s.c, s.o).T, y.reshape(-1, s.c))
    else:
        _run("conv2d_input_gradient", (g, w, y), s, y.size // max(s.c, 1), s.cg)
    return deliver(y, out)


def conv2d_filter_gradient(
    x: Any,
    g: Any,
    *,
    filter_shape: Sequence[int],
    strides: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    groups: int,
    out: Any = None,
) -> Any:
    """The gradient for w of conv2d(x, w), from the gradient g of its result."""
    s = _sizes(x.shape, filter_shape, strides, padding, dilation, groups)
    if not s.fits:
        return NotImplemented
    x, g = dense(x), dense(g)
    y = result_for(out, s.w_shape, x.dtype, x, g)
    if y.size == 0:
        return deliver(y, out)
    if _is_done_by_cudnn(cudnn_convolution.conv2d_filter_gradient, x, g, y, s):
        return deliver(y, out)
    way = _way(s, y)
    if way == "im2col":
        im2col.conv2d_filter_gradient(x, g, y, s)
        return deliver(y, out)
    if way == "product":
        _product(x.reshape(-1, s.c).T, g.reshape(-1, s.o), y.reshape(s.c, s.o))
        return deliver(y, out)
    rows = s.kh * s.kw * s.cg
    pixels = s.n * s.oh * s.ow
    few = _is_few(s, s.og)
    blocks = blocks_for(rows * s.o)[0] if few else _tiles(rows) * _tiles(s.og) * s.groups
    most = _MOST_GRID_Z // s.groups
    splits = max(min(_ENOUGH_BLOCKS // blocks, pixels // _SHORTEST_SUM, most), 1)
    compute = np.float64 if x.dtype.itemsize == 8 else np.float32
    parts = cupy.empty((splits, *s.w_shape), compute)
    arguments = (x, g, parts, s.packed(), splits)
    if few:
        kernel = _direct.kernel("grouped_conv2d_filter_gradient", x.dtype.name)
        kernel((blocks, splits, 1), (256, 1, 1), *arguments)
    else:
        kernel = _product_kernel("conv2d_filter_gradient", x.dtype)
        grid = (_tiles(rows), _tiles(s.og), s.groups * splits)
        kernel(grid, (256, 1, 1), *arguments)
    y[...] = parts[0] if splits == 1 else parts.sum(axis=0)
    return deliver(y, out)


def _is_done_by_cudnn(
    function: Callable[[Any, Any, Any, _Sizes], bool], a: Any, b: Any, y: Any, s: _Sizes
) -> bool:
    """Compute y by cuDNN, if that is chosen, and if the library does it."""
    way = chosen_way()
    if way == "cudnn":
        cudnn.require()
    elif way != "auto" or not _pays_by_cudnn(s, y.dtype) or cudnn.problem() is not None:
        return False
    try:
        return function(a, b, y, s)
    except cudnn.CudnnError as error:
        cudnn.pass_over(error)
        return False


def _pays_by_cudnn(s: _Sizes, dtype: Any) -> bool:
    """Whether cuDNN is expected to be faster; `benchmarks/gpu_kernels.py` measures both.

    It is where tensor cores may be used and the channels fill their tiles.  It gets its filters
    turned, so that a small convolution takes more launches than time, and turns the images of
    several groups itself.  For exact float32 it has its good kernels for planes of channels, and
    images lie pixel by pixel here.  Products are cuBLASLt's.
    """
    on_tensor_cores = dtype.itemsize == 2 or (dtype.name == "float32" and _is_rounded())
    if not on_tensor_cores or s.groups > 1 or s.is_product:
        return False
    if min(s.c, s.o) < _CUDNN_FROM_CHANNELS or s.c % 8 or s.o % 8:
        return False
    return s.n * s.oh * s.ow * s.o * s.kh * s.kw * s.c >= _CUDNN_FROM_PRODUCTS


def _is_rounded() -> bool:
    """Whether `set_matmul_precision` allows that float32 is rounded for tensor cores."""
    return matmul_precision() != "float32"


def _way(s: _Sizes, y: Any) -> str:
    """What computes it without cuDNN: "product" or "im2col" of cuBLASLt, or "own"."""
    way = chosen_way()
    if way == "im2col" and s.groups == 1 and y.size:
        return "im2col"
    return "product" if s.is_product and way != "own" else "own"


def _product(a: Any, b: Any, y: Any) -> None:
    blas.matmul(a, b, out=y)


def _is_few(s: _Sizes, columns: int) -> bool:
    return s.groups > 1 and columns < _FEW_CHANNELS


def _run(name: str, arrays: Sequence[Any], s: _Sizes, rows: int, columns: int) -> None:
    """Launch a kernel whose result is a matrix of `rows` and, for each group, `columns`."""
    y = arrays[-1]
    if y.size == 0:
        return
    if _is_few(s, columns):
        kernel = _direct.kernel(f"grouped_{name}", y.dtype.name)
        kernel(blocks_for(y.size), (256, 1, 1), *arrays, s.packed())
    else:
        kernel = _product_kernel(name, y.dtype)
        grid = (_tiles(rows), _tiles(columns), s.groups)
        kernel(grid, (256, 1, 1), *arrays, s.packed())


def _product_kernel(name: str, dtype: Any) -> Any:
    """The kernel of an implicit product: on tensor cores for numbers of 16 bits, and for float32
    where `set_matmul_precision` allows that it is rounded.
    """
    if dtype.itemsize == 2 or (dtype.itemsize == 4 and _is_rounded()):
        return _tensor.kernel(name, dtype.name)
    return _tiled.kernel(name, dtype.name)


def _tiles(size: int) -> int:
    return -(-size // _TILE)
