"""Products, convolutions, norms, reductions and linear algebra at usual sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tensorcore as tc
from tensorcore.accuracy.errors import chosen, relative

Case = tuple[Any, ...]  # a function of tc and tensors, and the arrays that it is given


def composed_rows(only: str | None) -> Iterator[dict[str, Any]]:
    """Matmul, convolution, softmax, norms, reductions, linear algebra at usual sizes."""
    for name, (function, *arrays) in practice().items():
        if not chosen(name, only):
            continue
        given = [tc.asarray(v.astype(np.float32)) for v in arrays]
        actual = function(tc, *given).numpy()
        with tc.device("cpu"):
            wide = [tc.asarray(v.astype(np.float32).astype(np.float64)) for v in arrays]
            exact = function(tc, *wide).numpy()
        error = relative(actual, exact)
        yield {"what": name, "kind": "practice", "dtype": "float32", "relative": error}


def practice() -> dict[str, Case]:
    """The cases by name."""
    rng = np.random.default_rng(5)
    return {
        **_products(rng),
        **_images(rng),
        **_rows(rng),
        **_reductions(rng),
        **_signals(rng),
        **_linear_algebra(rng),
        **_decompositions(rng),
        **_attention(rng),
    }


def _products(rng: np.random.Generator) -> dict[str, Case]:
    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape)

    return {
        "matmul 512 x 512": (lambda tc, a, b: a @ b, normal(512, 512), normal(512, 512)),
        "matmul 64 x 8192 x 64": (lambda tc, a, b: a @ b, normal(64, 8192), normal(8192, 64)),
        "einsum bqhd,bkhd->bhqk": (
            lambda tc, a, b: tc.einsum("bqhd,bkhd->bhqk", a, b),
            normal(2, 32, 4, 32),
            normal(2, 32, 4, 32),
        ),
    }


def _images(rng: np.random.Generator) -> dict[str, Case]:
    images, filters = rng.normal(size=(8, 32, 32, 16)), rng.normal(size=(3, 3, 16, 32))
    return {
        "conv2d 8 x 32 x 32 x 16": (lambda tc, x, w: tc.nn.conv2d(x, w), images, filters),
        "conv2d, gradient of the images": (
            lambda tc, x, w: tc.grad(lambda v: tc.sum(tc.nn.conv2d(v, w) ** 2))(x),
            images,
            filters,
        ),
        "conv2d, gradient of the filters": (
            lambda tc, x, w: tc.grad(lambda v: tc.sum(tc.nn.conv2d(x, v) ** 2))(w),
            images,
            filters,
        ),
        "avg_pool2d": (
            lambda tc, x: tc.nn.avg_pool2d(x, window=(3, 3), strides=(2, 2), padding="SAME"),
            images,
        ),
    }


def _rows(rng: np.random.Generator) -> dict[str, Case]:
    logits = 10 * rng.normal(size=(64, 1000))
    return {
        "softmax of 1000": (lambda tc, x: tc.nn.softmax(x), logits),
        "log_softmax of 1000": (lambda tc, x: tc.nn.log_softmax(x), logits),
        "logsumexp of 1000": (lambda tc, x: tc.logsumexp(x, axis=1), logits),
        "softmax_cross_entropy of 1000": (
            lambda tc, x, t: tc.nn.softmax_cross_entropy(x, t),
            logits,
            rng.dirichlet(np.ones(1000), 64),
        ),
    }


def _reductions(rng: np.random.Generator) -> dict[str, Case]:
    million = rng.uniform(size=1_000_000)
    factors = rng.uniform(0.9, 1.1, 1000)
    return {
        "sum of 10^6": (lambda tc, x: tc.sum(x), million),
        "sum of 10^6 of both signs": (lambda tc, x: tc.sum(x), million - 0.4),
        "sum over the first axis": (lambda tc, x: tc.sum(x, axis=0), million.reshape(100_000, 10)),
        "mean of 10^6": (lambda tc, x: tc.mean(x), million),
        "var of 10^6": (lambda tc, x: tc.var(x), million + 10),
        "std of 10^6": (lambda tc, x: tc.std(x), million),
        "prod of 1000": (lambda tc, x: tc.prod(x), factors),
        "cumulative_sum of 10^5": (lambda tc, x: tc.cumulative_sum(x), million[:100_000]),
        "cumulative_prod of 1000": (lambda tc, x: tc.cumulative_prod(x), factors),
        "vector_norm of 10^6": (lambda tc, x: tc.linalg.vector_norm(x), million),
        "quantile": (lambda tc, x: tc.quantile(x, [0.1, 0.5, 0.9]), million[:10_001]),
    }


def _signals(rng: np.random.Generator) -> dict[str, Case]:
    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape)

    return {
        "convolve": (lambda tc, x, y: tc.convolve(x, y), normal(2000), normal(200)),
        "interp": (
            lambda tc, x, xp, fp: tc.interp(x, xp, fp),
            normal(1000),
            np.sort(normal(100)),
            normal(100),
        ),
        "fft of 4096": (lambda tc, x: tc.fft.fft(x), normal(16, 4096)),
        "irfft of rfft of 1000": (lambda tc, x: tc.fft.irfft(tc.fft.rfft(x), n=1000), normal(1000)),
    }


def _matrices(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A square matrix, and a positive definite one."""
    square = rng.normal(size=(128, 128))
    return square, square @ square.T / 128 + np.eye(128)


def _linear_algebra(rng: np.random.Generator) -> dict[str, Case]:
    square, positive = _matrices(rng)
    tall = rng.normal(size=(96, 32))
    return {
        "matrix_norm": (lambda tc, x: tc.linalg.matrix_norm(x), square),
        "cholesky": (lambda tc, x: tc.linalg.cholesky(x), positive),
        "solve": (lambda tc, a, b: tc.linalg.solve(a, b), positive, rng.normal(size=(128, 4))),
        "inv": (lambda tc, x: tc.linalg.inv(x), positive),
        "pinv": (lambda tc, x: tc.linalg.pinv(x), tall),
        "lstsq": (lambda tc, a, b: tc.linalg.lstsq(a, b), tall, rng.normal(size=96)),
        "det": (lambda tc, x: tc.linalg.det(x), positive[:32, :32]),
        "slogdet": (lambda tc, x: tc.linalg.slogdet(x).logabsdet, positive),
        "expm": (lambda tc, x: tc.linalg.expm(x), square / 16),
        "matrix_power 5": (lambda tc, x: tc.linalg.matrix_power(x, 5), square / 16),
    }


def _decompositions(rng: np.random.Generator) -> dict[str, Case]:
    """They are judged by the product of their parts, whose signs are free."""
    square, positive = _matrices(rng)

    def symmetric(tc: Any, x: Any) -> Any:
        values, vectors = tc.linalg.eigh(x)
        return (vectors * values) @ vectors.mT

    def singular(tc: Any, x: Any) -> Any:
        u, s, vh = tc.linalg.svd(x, full_matrices=False)
        return (u * s) @ vh

    def triangular(tc: Any, x: Any) -> Any:
        q, r = tc.linalg.qr(x)
        return q @ r

    return {
        "eigh, put together": (symmetric, positive),
        "svd, put together": (singular, square),
        "qr, put together": (triangular, square),
    }


def _attention(rng: np.random.Generator) -> dict[str, Case]:
    arrays = [rng.normal(size=(2, 96, 2, 64)) for _ in range(3)]

    def causal(tc: Any, q: Any, k: Any, v: Any) -> Any:
        return tc.nn.scaled_dot_product_attention(q, k, v, is_causal=True)

    def of_queries(tc: Any, q: Any, k: Any, v: Any) -> Any:
        return tc.grad(lambda x: tc.sum(causal(tc, x, k, v) ** 2))(q)

    def of_keys(tc: Any, q: Any, k: Any, v: Any) -> Any:
        return tc.grad(lambda x: tc.sum(causal(tc, q, x, v) ** 2))(k)

    return {
        "attention of 96": (causal, *arrays),
        "attention, gradient of the queries": (of_queries, *arrays),
        "attention, gradient of the keys": (of_keys, *arrays),
    }
