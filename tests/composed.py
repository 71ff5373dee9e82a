"""One table of the functions that are composed of records: our call, NumPy's, and the inputs.

`test_composites.py` reads it: values, derivatives of two orders, traced, on both devices; and
demands that every public name of the namespaces is here, is a record, or is named below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, special

import tensorcore as tc

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 5, 3))
M = RNG.normal(size=(4, 4))
WELL = M + 4 * np.eye(4)  # far from singular
TALL = RNG.normal(size=(5, 3))
V, W = RNG.normal(size=6), RNG.normal(size=3)
POINTS = np.sort(RNG.normal(size=6))
HOLES = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
INTS = np.array([[3, 1, 3], [2, 3, 1]])
COUNTS = np.array([1, 3, 1])
Z = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))


class Case(NamedTuple):
    """`ours` of tensors gives what `theirs` gives of arrays."""

    ours: Any
    theirs: Any
    inputs: tuple[Any, ...]
    order: int = 2  # of the derivatives that are checked
    traced: bool = True  # False where the shape of the result depends on values


def c(ours: Any, theirs: Any, *inputs: Any, order: int = 2, traced: bool = True) -> Case:
    return Case(ours, theirs, inputs, order, traced)


def plain(ours: Any, theirs: Any, *inputs: Any, **options: Any) -> Case:
    """A function that computes numbers without slopes."""
    return c(ours, theirs, *inputs, order=0, **options)


def symmetric(x: Any) -> Any:
    return x + x.mT


def _unique(x: Any) -> Any:
    return np.unique(x, return_index=True, return_inverse=True, return_counts=True)


def _einsum(text: str, *shapes: tuple[int, ...]) -> Case:
    arrays = [np.random.default_rng(6).uniform(-2, 2, shape) for shape in shapes]
    return c(
        lambda *xs: tc.einsum(text, *xs),
        lambda *xs: np.einsum(text, *xs),
        *arrays,
    )


def _in_place_of(x: Any, index: Any, value: Any) -> Any:
    y = x.copy()
    y[index] = value
    return y


MAIN: dict[str, list[Case]] = {
    # creation
    "arange": [
        plain(lambda: tc.arange(2, 9, 3), lambda: np.arange(2, 9, 3, dtype=np.int32)),
        plain(lambda: tc.arange(4.0), lambda: np.arange(4, dtype=np.float32)),
        plain(lambda: tc.arange(3, 0, -1.5, dtype="float64"), lambda: np.arange(3, 0, -1.5)),
    ],
    "asarray": [c(lambda x: tc.asarray(x, copy=True), np.copy, X)],
    "empty": [plain(lambda: tc.empty((0, 2)), lambda: np.zeros((0, 2), np.float32))],
    "empty_like": [plain(lambda x: tc.empty_like(x) * 0 == 0, lambda x: x == x, np.zeros((0, 3)))],
    "eye": [
        plain(lambda: tc.eye(3, 4, k=1), lambda: np.eye(3, 4, 1, np.float32)),
        plain(lambda: tc.eye(2, dtype="int8"), lambda: np.eye(2, dtype=np.int8)),
    ],
    "from_dlpack": [plain(tc.from_dlpack, np.copy, X, traced=False)],
    "full": [plain(lambda: tc.full((2, 3), 7), lambda: np.full((2, 3), 7, np.int32))],
    "full_like": [plain(lambda x: tc.full_like(x, -0.5), lambda x: np.full_like(x, -0.5), X)],
    "linspace": [
        plain(
            lambda: tc.linspace(1, 2, 5, endpoint=False, dtype="float64"),
            lambda: np.linspace(1, 2, 5, endpoint=False),
        ),
    ],
    "meshgrid": [c(tc.meshgrid, np.meshgrid, V, W)],
    "ones": [plain(lambda: tc.ones((2, 1)), lambda: np.ones((2, 1), np.float32))],
    "ones_like": [plain(tc.ones_like, np.ones_like, X)],
    "zeros": [plain(lambda: tc.zeros(3, dtype="int16"), lambda: np.zeros(3, np.int16))],
    "zeros_like": [plain(tc.zeros_like, np.zeros_like, X)],
    "tril": [
        c(lambda x: tc.tril(x, k=1), lambda x: np.tril(x, k=1), X),
        c(tc.tril, np.tril, M),
    ],
    "triu": [c(lambda x: tc.triu(x, k=-1), lambda x: np.triu(x, k=-1), X)],
    # shapes
    "broadcast_arrays": [c(tc.broadcast_arrays, np.broadcast_arrays, TALL, W)],
    "concat": [
        c(
            lambda x, y: tc.concat([x, y], axis=None),
            lambda x, y: np.concatenate([x, y], axis=None),
            M,
            V,
        ),
    ],
    "matrix_transpose": [c(tc.matrix_transpose, lambda x: x.swapaxes(1, 2), X)],
    "moveaxis": [
        c(lambda x: tc.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), X),
        c(lambda x: tc.moveaxis(x, (0, 1), (-1, 0)), lambda x: np.moveaxis(x, (0, 1), (-1, 0)), X),
    ],
    "pad": [
        c(
            lambda x: tc.pad(x, [(2, 1), (0, 0), (3, 3)], mode="reflect"),
            lambda x: np.pad(x, [(2, 1), (0, 0), (3, 3)], mode="reflect"),
            X,
        ),
        c(lambda x: tc.pad(x, 2, mode="wrap"), lambda x: np.pad(x, 2, mode="wrap"), M),
        c(lambda x: tc.pad(x, 1, constant_value=2), lambda x: np.pad(x, 1, constant_values=2), M),
    ],
    "permute_dims": [c(lambda x: tc.permute_dims(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1), X)],
    "repeat": [
        c(lambda x: tc.repeat(x, 2, axis=1), lambda x: np.repeat(x, 2, axis=1), X),
        c(lambda x: tc.repeat(x, 3), lambda x: np.repeat(x, 3), M),
        c(
            lambda x: tc.repeat(x, tc.asarray([1, 0, 2]), axis=-1),
            lambda x: np.repeat(x, [1, 0, 2], axis=-1),
            X,
        ),
    ],
    "split": [
        c(
            lambda x: tc.concat(tc.split(x, [1, 3], axis=1)[::-1], axis=1),
            lambda x: np.concatenate(np.split(x, [1, 3], axis=1)[::-1], axis=1),
            X,
        ),
        c(lambda x: tuple(tc.split(x, 2)), lambda x: tuple(np.split(x, 2)), M),
    ],
    "tile": [c(lambda x: tc.tile(x, (2, 1, 2)), lambda x: np.tile(x, (2, 1, 2)), X)],
    "unstack": [c(lambda x: tc.unstack(x, axis=1), lambda x: tuple(x.swapaxes(0, 1)), X)],
    # choosing
    "nonzero": [plain(tc.nonzero, np.nonzero, INTS - 1, traced=False)],
    "searchsorted": [
        plain(
            lambda x, y: tc.searchsorted(x, y, side="right"),
            lambda x, y: np.searchsorted(x, y, "right"),
            POINTS,
            TALL,
        ),
    ],
    "take": [
        c(
            lambda x: tc.take(x, tc.asarray([-1, 0, 2]), axis=1),
            lambda x: np.take(x, [-1, 0, 2], axis=1),
            X,
        ),
    ],
    "take_along_axis": [
        c(
            lambda x: tc.take_along_axis(x, tc.asarray([[[-1], [0]]]), axis=1),
            lambda x: np.take_along_axis(x, np.array([[[-1], [0]]]), axis=1),
            X,
        ),
    ],
    "topk": [
        c(lambda x: tc.topk(x, 2)[0], lambda x: np.sort(x, axis=-1)[..., :-3:-1], X),
        plain(lambda x: tc.topk(x, 1, axis=0)[1], lambda x: np.argmax(x, 0)[None], X),
        c(lambda x: tc.topk(x, 2, largest=False)[0], lambda x: np.sort(x)[..., :2], X),
    ],
    "unique_all": [plain(tc.unique_all, _unique, INTS, traced=False)],
    "unique_counts": [
        plain(tc.unique_counts, lambda x: np.unique(x, return_counts=True), INTS, traced=False)
    ],
    "unique_inverse": [
        plain(tc.unique_inverse, lambda x: np.unique(x, return_inverse=True), INTS, traced=False)
    ],
    "unique_values": [c(tc.unique_values, np.unique, W, traced=False)],
    "where": [
        c(lambda x, y: tc.where(x > y, x, y * y), lambda x, y: np.where(x > y, x, y * y), TALL, W),
        plain(lambda x: tc.where(x > 0), lambda x: np.where(x > 0), X, traced=False),
    ],
    "written": [
        c(
            lambda x, v: tc.written(x, (slice(None), 1), v),
            lambda x, v: _in_place_of(x, (slice(None), 1), v),
            TALL,
            RNG.normal(size=5),
        ),
        c(
            lambda x, v: tc.written(x, [4, 0, 2], v),
            lambda x, v: _in_place_of(x, [4, 0, 2], v),
            TALL,
            W,
        ),
    ],
    # values
    "angle": [
        plain(tc.angle, np.angle, Z),
        c(lambda x, y: tc.angle(x + 1j * y), lambda x, y: np.angle(x + 1j * y), M, WELL),
    ],
    "astype": [
        c(lambda x: tc.astype(x, "complex128"), lambda x: x.astype(complex), X),
        plain(lambda x: tc.astype(x * 10, "int16"), lambda x: (x * 10).astype(np.int16), X),
    ],
    "clip": [
        c(lambda x: tc.clip(x, -0.5, 0.7), lambda x: np.clip(x, -0.5, 0.7), X),
        c(lambda x, y: tc.clip(x, max=y), lambda x, y: np.minimum(x, y), X, W),
    ],
    "count_nonzero": [
        plain(lambda x: tc.count_nonzero(x, axis=0), lambda x: np.count_nonzero(x, axis=0), INTS)
    ],
    "diff": [
        c(lambda x: tc.diff(x, axis=1, n=2), lambda x: np.diff(x, axis=1, n=2), X),
        c(
            lambda x, y: tc.diff(x, prepend=y, append=y),
            lambda x, y: np.diff(x, prepend=y, append=y),
            V,
            W,
        ),
    ],
    "std": [
        c(
            lambda x: tc.std(x, axis=0, keepdims=True),
            lambda x: np.std(x, axis=0, keepdims=True),
            TALL,
        ),
    ],
    "var": [
        c(tc.var, np.var, X),
        c(
            lambda x: tc.var(x, axis=1, correction=1),
            lambda x: np.var(x, axis=1, ddof=1),
            X,
        ),
    ],
    "median": [c(lambda x: tc.median(x, axis=0), lambda x: np.median(x, axis=0), X)],
    "percentile": [c(lambda x: tc.percentile(x, 30), lambda x: np.percentile(x, 30), X)],
    "quantile": [
        c(
            lambda x: tc.quantile(x, [0.1, 0.5, 1.0], axis=(0, 2), keepdims=True),
            lambda x: np.quantile(x, [0.1, 0.5, 1.0], axis=(0, 2), keepdims=True),
            X,
        ),
        *(
            c(
                lambda x, how=how: tc.quantile(x, 0.3, method=how),
                lambda x, how=how: np.quantile(x, 0.3, method=how),
                V,
            )
            for how in ("lower", "higher", "nearest", "midpoint")
        ),
    ],
    "nansum": [plain(lambda x: tc.nansum(x, axis=0), lambda x: np.nansum(x, axis=0), HOLES)],
    "nanprod": [plain(lambda x: tc.nanprod(x, axis=1), lambda x: np.nanprod(x, axis=1), HOLES)],
    "nanmean": [plain(tc.nanmean, np.nanmean, HOLES), c(tc.nanmean, np.mean, X)],
    "nanmax": [plain(lambda x: tc.nanmax(x, axis=1), lambda x: np.nanmax(x, axis=1), HOLES)],
    "nanmin": [plain(tc.nanmin, np.nanmin, HOLES), c(tc.nanmin, np.min, X)],
    "nanstd": [plain(lambda x: tc.nanstd(x, correction=1), lambda x: np.nanstd(x, ddof=1), HOLES)],
    "nanvar": [
        plain(lambda x: tc.nanvar(x, axis=0), lambda x: np.nanvar(x, axis=0), HOLES),
        c(tc.nanvar, np.var, X),
    ],
    "bincount": [
        plain(
            lambda x: tc.bincount(x, minlength=6),
            lambda x: np.bincount(x, minlength=6),
            COUNTS,
            traced=False,
        ),
        c(
            lambda w: tc.bincount(tc.asarray([1, 0, 1]), weights=w),
            lambda w: np.bincount([1, 0, 1], w),
            W,
            traced=False,
        ),
    ],
    "histogram": [
        plain(tc.histogram, np.histogram, V, traced=False),
        plain(
            lambda x: tc.histogram(x, 3, range=(-1.0, 1.0), density=True),
            lambda x: np.histogram(x, 3, range=(-1.0, 1.0), density=True),
            V,
        ),
        plain(tc.histogram, np.histogram, V, POINTS),
    ],
    "interp": [c(tc.interp, np.interp, TALL, POINTS, V)],
    "convolve": [
        c(tc.convolve, np.convolve, W, V),
        *(
            c(
                lambda x, y, mode=mode: tc.convolve(x, y, mode),
                lambda x, y, mode=mode: np.convolve(x, y, mode),
                V,
                W,
            )
            for mode in ("same", "valid")
        ),
    ],
    # products
    "einsum": [
        _einsum("ij,jk->ik", (2, 3), (3, 4)),
        _einsum("ij->ji", (2, 3)),
        _einsum("ij->", (2, 3)),
        _einsum("ii->i", (3, 3)),
        _einsum("ii", (3, 3)),
        _einsum("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
        _einsum("...ij,jk->...ik", (2, 3, 4), (4, 5)),
        _einsum("i,j->ij", (3,), (4,)),
        _einsum("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
        _einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
        _einsum("ij,ij", (2, 3), (2, 3)),
        _einsum("ijk,ik->j", (2, 3, 4), (2, 4)),
    ],
    "kron": [c(tc.kron, np.kron, M, W)],
    "outer": [c(tc.outer, np.outer, W, V)],
    "tensordot": [
        c(
            lambda x, y: tc.tensordot(x, y, axes=1),
            lambda x, y: np.tensordot(x, y, axes=1),
            X,
            TALL.T,
        ),
        c(
            lambda x, y: tc.tensordot(x, y, axes=((0, 2), (1, 0))),
            lambda x, y: np.tensordot(x, y, axes=((0, 2), (1, 0))),
            X,
            RNG.normal(size=(3, 4, 2)),
        ),
    ],
    "vecdot": [c(tc.vecdot, lambda x, y: (x * y).sum(-1), X, W)],
}


def _attention(query: Any, key: Any, value: Any, mask: Any, scale: float, causal: bool) -> Any:
    """(batch, length, heads, features), one head of the keys for each head of the queries."""
    scores = np.einsum("bqhd,bshd->bhqs", query, key) * scale
    scores = np.where(mask, scores, -1e30) if mask.dtype == bool else scores + mask
    if causal:
        scores = np.where(np.tri(*scores.shape[2:], dtype=bool), scores, -1e30)
    return np.einsum("bhqs,bshd->bqhd", special.softmax(scores, axis=-1), value)


QUERY, KEY, VALUE = (np.random.default_rng(7).normal(size=(2, n, 2, 3)) for n in (4, 5, 5))
SEEN = np.random.default_rng(8).uniform(size=(2, 1, 1, 5)) < 0.6
SEEN[..., 0] = [[[False]], [[True]]]  # with a causal mask the first query sees nothing
ADDED = np.random.default_rng(9).normal(size=(4, 5))

NN: dict[str, list[Case]] = {
    "scaled_dot_product_attention": [
        c(
            tc.nn.scaled_dot_product_attention,
            lambda q, k, v: _attention(q, k, v, np.zeros(()), 3**-0.5, False),
            *(QUERY, KEY, VALUE),
        ),
        c(
            lambda q, k, v, m: tc.nn.scaled_dot_product_attention(q, k, v, mask=m, is_causal=True),
            lambda q, k, v, m: _attention(q, k, v, m, 3**-0.5, True),
            *(QUERY, KEY, VALUE, SEEN),
        ),
        c(
            lambda q, k, v, m: tc.nn.scaled_dot_product_attention(q, k, v, mask=m, scale=0.5),
            lambda q, k, v, m: _attention(q, k, v, m, 0.5, False),
            *(QUERY, KEY, VALUE, ADDED),
        ),
    ],
    "elu": [c(lambda x: tc.nn.elu(x, 1.5), lambda x: np.where(x > 0, x, 1.5 * np.expm1(x)), X)],
    "gelu": [
        c(tc.nn.gelu, lambda x: x * special.ndtr(x), X),
        c(
            lambda x: tc.nn.gelu(x, approximate=True),
            lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
            X,
        ),
    ],
    "leaky_relu": [c(lambda x: tc.nn.leaky_relu(x, 0.1), lambda x: np.where(x > 0, x, 0.1 * x), X)],
}

LINALG: dict[str, list[Case]] = {
    "cross": [c(tc.linalg.cross, np.cross, TALL, W)],
    "eig": [
        c(
            lambda x: tc.sum(tc.real(tc.linalg.eig(x).eigenvalues ** 2)),
            lambda x: np.sum(np.linalg.eig(x)[0] ** 2).real,
            WELL,
        ),
    ],
    "eigh": [
        c(
            lambda x: tc.sum(tc.linalg.eigh(symmetric(x)).eigenvectors ** 4, axis=0),
            lambda x: np.sum(np.linalg.eigh(x + x.T)[1] ** 4, axis=0),
            M,
        ),
    ],
    "eigvals": [
        c(
            lambda x: tc.prod(tc.linalg.eigvals(x)),
            lambda x: np.prod(np.linalg.eigvals(x)) + 0j,
            WELL,
        ),
    ],
    "eigvalsh": [
        c(
            lambda x: tc.linalg.eigvalsh(symmetric(x)),
            lambda x: np.linalg.eigvalsh(x + x.T),
            M,
        ),
    ],
    "expm": [c(tc.linalg.expm, linalg.expm, 0.3 * M)],
    "lstsq": [
        c(
            tc.linalg.lstsq,
            lambda x, y: np.linalg.lstsq(x, y, rcond=None)[0],
            TALL,
            RNG.normal(size=(5, 2)),
        ),
    ],
    "matrix_norm": [
        c(
            lambda x, ord=ord: tc.linalg.matrix_norm(x, ord=ord, keepdims=True),
            lambda x, ord=ord: np.linalg.norm(x, ord, keepdims=True),
            TALL,
        )
        for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    ],
    "matrix_power": [
        c(
            lambda x, n=n: tc.linalg.matrix_power(x, n),
            lambda x, n=n: np.linalg.matrix_power(x, n),
            WELL,
        )
        for n in (-3, 0, 5)
    ],
    "matrix_rank": [
        plain(tc.linalg.matrix_rank, np.linalg.matrix_rank, np.outer([1.0, 2.0], [3.0, 4.0])),
        plain(tc.linalg.matrix_rank, np.linalg.matrix_rank, WELL),
    ],
    "matrix_transpose": MAIN["matrix_transpose"],
    "norm": [
        c(tc.linalg.norm, np.linalg.norm, X),
        c(lambda x: tc.linalg.norm(x, 1, axis=1), lambda x: np.linalg.norm(x, 1, axis=1), X),
        c(lambda x: tc.linalg.norm(x, "nuc"), lambda x: np.linalg.norm(x, "nuc"), TALL),
    ],
    "outer": MAIN["outer"],
    "pinv": [c(tc.linalg.pinv, np.linalg.pinv, TALL)],
    "qr": [
        c(
            lambda x: tc.abs(tc.linalg.qr(x).R),
            lambda x: np.abs(np.linalg.qr(x)[1]),
            TALL,
        ),
    ],
    "slogdet": [c(lambda x: tuple(tc.linalg.slogdet(x)), np.linalg.slogdet, WELL)],
    "svd": [
        c(
            lambda x: tc.abs(tc.linalg.svd(x, full_matrices=False).U),
            lambda x: np.abs(np.linalg.svd(x, full_matrices=False)[0]),
            TALL,
        ),
    ],
    "svdvals": [c(tc.linalg.svdvals, lambda x: np.linalg.svd(x, compute_uv=False), TALL)],
    "tensordot": MAIN["tensordot"],
    "trace": [
        c(lambda x: tc.linalg.trace(x, offset=1), lambda x: np.trace(x, 1, 1, 2), X),
    ],
    "vecdot": MAIN["vecdot"],
    "vector_norm": [
        c(
            lambda x, ord=ord: tc.linalg.vector_norm(x, axis=(0, 2), ord=ord),
            lambda x, ord=ord: np.linalg.norm(x.transpose(1, 0, 2).reshape(5, -1), ord, axis=1),
            X,
            order=0 if ord == 0 else 2,
        )
        for ord in (0, 1, 2, 3, np.inf, -np.inf)
    ],
}

FFT: dict[str, list[Case]] = {
    "fftfreq": [
        plain(lambda: tc.fft.fftfreq(5, d=0.5, dtype="float64"), lambda: np.fft.fftfreq(5, 0.5))
    ],
    "rfftfreq": [plain(lambda: tc.fft.rfftfreq(6, dtype="float64"), lambda: np.fft.rfftfreq(6))],
    "fftn": [
        c(
            lambda x: tc.abs(tc.fft.fftn(x, s=(4, 3), axes=(1, 2), norm="ortho")),
            lambda x: np.abs(np.fft.fftn(x, s=(4, 3), axes=(1, 2), norm="ortho")),
            X,
        ),
    ],
    "ifftn": [c(tc.fft.ifftn, np.fft.ifftn, X)],
    "rfftn": [c(tc.fft.rfftn, np.fft.rfftn, X)],
    "irfftn": [
        c(
            lambda x: tc.fft.irfftn(tc.fft.rfftn(x)[1:], s=(3, 5, 3), axes=(0, 1, 2)),
            lambda x: np.fft.irfftn(np.fft.rfftn(x)[1:], s=(3, 5, 3), axes=(0, 1, 2)),
            X,
        ),
    ],
    "hfft": [c(tc.fft.hfft, np.fft.hfft, V)],
    "ihfft": [c(tc.fft.ihfft, np.fft.ihfft, V)],
    "fftshift": [c(tc.fft.fftshift, np.fft.fftshift, X)],
    "ifftshift": [
        c(lambda x: tc.fft.ifftshift(x, axes=1), lambda x: np.fft.ifftshift(x, axes=1), X)
    ],
}

COMPOSED = {
    **MAIN,
    **{f"nn.{name}": cases for name, cases in NN.items()},
    **{f"linalg.{name}": cases for name, cases in LINALG.items()},
    **{f"fft.{name}": cases for name, cases in FFT.items()},
}

# Functions that compute nothing with tensors, and where they are tested.
ELSEWHERE = {
    "test_control_flow.py": "cond fori_loop map_fn scan switch_case while_loop",
    "test_profiler.py": "profile",
    "test_array_api.py": "broadcast_shapes can_cast finfo iinfo isdtype result_type",
    "test_derivatives.py": (
        "checkpoint custom_gradient grad gradcheck hessian hvp jacobian jvp vjp vmap"
    ),
    "test_device.py": "default_device device devices memory_summary set_default_device",
    "test_kernels_cuda.py": "matmul_precision set_matmul_precision",
    "test_memory.py": "empty_cache set_memory_limit",
    "test_tape.py": "value_and_grad",
    "test_graph.py": "function",
    "test_random.py": (
        "nn.dropout random.bits random.default_generator random.dropout random.integers "
        "random.normal random.permutation random.set_seed random.shuffle "
        "random.truncated_normal random.uniform"
    ),
}
