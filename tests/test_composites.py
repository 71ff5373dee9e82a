"""Functions composed of operations: values, derivatives of two orders, traced, on both devices."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tensorcore as tc
from tests.tolerances import assert_close

NORMAL_CDF = np.vectorize(lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2))))


def case(name, ours, theirs, *shapes, low=-2.0, high=2.0):
    return pytest.param(ours, theirs, shapes, (low, high), id=name)


CASES = [
    case("var", lambda x: tc.var(x), lambda x: np.var(x), (3, 4)),
    case(
        "var of rows",
        lambda x: tc.var(x, axis=1, correction=1),
        lambda x: np.var(x, axis=1, ddof=1),
        (3, 4),
    ),
    case(
        "std",
        lambda x: tc.std(x, axis=0, keepdims=True),
        lambda x: np.std(x, axis=0, keepdims=True),
        (5, 2),
    ),
    case("clip", lambda x: tc.clip(x, -0.5, 0.7), lambda x: np.clip(x, -0.5, 0.7), (4, 5)),
    case("outer", lambda x, y: tc.outer(x, y), lambda x, y: np.outer(x, y), (3,), (4,)),
    case(
        "tensordot",
        lambda x, y: tc.tensordot(x, y, axes=1),
        lambda x, y: np.tensordot(x, y, axes=1),
        (2, 3),
        (3, 4),
    ),
    case(
        "tensordot of two axes",
        lambda x, y: tc.tensordot(x, y, axes=((0, 2), (1, 0))),
        lambda x, y: np.tensordot(x, y, axes=((0, 2), (1, 0))),
        (2, 3, 4),
        (4, 2, 5),
    ),
    case("vecdot", lambda x, y: tc.vecdot(x, y), lambda x, y: (x * y).sum(-1), (2, 3), (2, 3)),
    case("moveaxis", lambda x: tc.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), (2, 3, 4)),
    case(
        "split",
        lambda x: tc.concat(tc.split(x, [1, 3], axis=1)[::-1], axis=1),
        lambda x: np.concatenate(np.split(x, [1, 3], axis=1)[::-1], axis=1),
        (2, 5),
    ),
    case("unstack", lambda x: tc.unstack(x)[1], lambda x: x[1], (3, 2)),
    case(
        "leaky_relu",
        lambda x: tc.nn.leaky_relu(x, 0.1),
        lambda x: np.where(x > 0, x, 0.1 * x),
        (4, 5),
    ),
    case(
        "elu",
        lambda x: tc.nn.elu(x, 1.5),
        lambda x: np.where(x > 0, x, 1.5 * np.expm1(x)),
        (4, 5),
    ),
    case("gelu", lambda x: tc.nn.gelu(x), lambda x: x * NORMAL_CDF(x), (4, 5)),
    case(
        "gelu by tanh",
        lambda x: tc.nn.gelu(x, approximate=True),
        lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        (4, 5),
    ),
    case("softplus", lambda x: tc.nn.softplus(x), lambda x: np.log1p(np.exp(x)), (4, 5)),
    case("silu", lambda x: tc.nn.silu(x), lambda x: x / (1 + np.exp(-x)), (4, 5)),
    case("mish", lambda x: tc.nn.mish(x), lambda x: x * np.tanh(np.log1p(np.exp(x))), (4, 5)),
    case(
        "sigmoid cross-entropy",
        lambda x: tc.nn.sigmoid_cross_entropy(x, 0.3),
        lambda x: -0.3 * np.log(1 / (1 + np.exp(-x))) - 0.7 * np.log(1 / (1 + np.exp(x))),
        (4, 5),
    ),
    *(
        case(
            f"einsum {text}",
            lambda *xs, text=text: tc.einsum(text, *xs),
            lambda *xs, text=text: np.einsum(text, *xs),
            *shapes,
        )
        for text, shapes in [
            ("ij,jk->ik", [(2, 3), (3, 4)]),
            ("ij->ji", [(2, 3)]),
            ("ij->", [(2, 3)]),
            ("ii->i", [(3, 3)]),
            ("ii", [(3, 3)]),
            ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
            ("...ij,jk->...ik", [(2, 3, 4), (4, 5)]),
            ("i,j->ij", [(3,), (4,)]),
            ("bqhd,bkhd->bhqk", [(2, 3, 2, 4), (2, 5, 2, 4)]),
            ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
            ("ij,ij", [(2, 3), (2, 3)]),
            ("ijk,ik->j", [(2, 3, 4), (2, 4)]),
        ]
    ),
]


def draw(shapes, bounds, dtype):
    rng = np.random.default_rng(5)
    return [rng.uniform(*bounds, size=shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("ours", "theirs", "shapes", "bounds"), CASES)
def test_value(ours, theirs, shapes, bounds, dtype, device):
    arrays = draw(shapes, bounds, dtype)
    tensors = [tc.asarray(array) for array in arrays]
    expected = np.asarray(theirs(*[array.astype(np.float64) for array in arrays]))
    assert_close(ours(*tensors).numpy(), expected, dtype, scale=2)
    assert_close(tc.function(ours)(*tensors).numpy(), expected, dtype, scale=2)


@pytest.mark.parametrize(("ours", "theirs", "shapes", "bounds"), CASES)
def test_gradient(ours, theirs, shapes, bounds, device):
    tensors = [tc.asarray(array) for array in draw(shapes, bounds, "float64")]
    tc.gradcheck(ours, *tensors, order=2, tolerance=2e-5)
