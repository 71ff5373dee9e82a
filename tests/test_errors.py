"""Bad input: clear errors, the same words on both devices, and our own families."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import TensorcoreError

X = np.ones((2, 3), np.float32)


def case(function, family, words):
    return pytest.param(function, family, words, id=words[:40])


CASES = [
    case(
        lambda: tc.asarray(X) + tc.ones((4,)),
        ValueError,
        "add: shapes do not broadcast: x1 has shape (2, 3), x2 has shape (4,); from the right, "
        "axis -1 has "
        "different sizes that are not 1. Reshape or expand one of them.",
    ),
    case(
        lambda: tc.asarray(X) @ tc.asarray(X),
        ValueError,
        "matmul: the inner sizes differ: x1 of shape (2, 3) ends in 3, x2 of shape (2, 3) needs 3 "
        "there but "
        "has 2. Transpose one of them, or check the layer's input size.",
    ),
    case(
        lambda: tc.sum(tc.asarray(X), axis=2),
        ValueError,
        "sum: axis 2 is out of range for 2 dimension(s); expected -2 to 1",
    ),
    case(
        lambda: tc.sum(tc.asarray(X), axis=1.5), TypeError, "sum: axis must be an int, received 1.5"
    ),
    case(
        lambda: tc.reshape(tc.asarray(X), (4, 2)),
        ValueError,
        "reshape: a tensor of shape (2, 3) has 6 elements, which do not fit shape (4, 2)",
    ),
    case(
        lambda: tc.concat([tc.asarray(X), tc.ones((2, 2, 2))]),
        ValueError,
        "concat: expected the same number of dimensions, but arrays[0] has shape (2, 3), "
        "arrays[1] has shape (2, 2, 2)",
    ),
    case(
        lambda: tc.bitwise_and(tc.asarray(X), 1),
        TypeError,
        "bitwise_and: x1 must have an integer or boolean dtype, received float32",
    ),
    case(
        lambda: tc.negative(tc.asarray([True])),
        TypeError,
        "negative: x must have a numeric dtype, received bool",
    ),
    case(
        lambda: tc.where(tc.asarray([1, 0]), 1.0, tc.ones(2)),
        TypeError,
        "where: condition must be boolean, received int32",
    ),
    case(
        lambda: tc.take(tc.asarray(X), tc.asarray([0.5]), axis=0),
        TypeError,
        "take: indices must have an integer dtype, received float32; convert with "
        "tc.astype(indices, tc.int32)",
    ),
    case(
        lambda: tc.nn.softmax(tc.asarray([1, 2])),
        TypeError,
        "softmax: x must have a floating-point dtype, received int32; convert it with tc.astype(x, "
        "tc.float32)",
    ),
    case(
        lambda: tc.nn.sparse_softmax_cross_entropy(tc.ones((2, 3)), tc.ones((2, 3), dtype="int32")),
        ValueError,
        "sparse_softmax_cross_entropy: for logits of shape (2, 3) the labels must have shape (2,), "
        "received "
        "(2, 3). For one-hot labels use softmax_cross_entropy (categorical_crossentropy).",
    ),
    case(
        lambda: tc.nn.softmax_cross_entropy(tc.ones((2, 3)), tc.ones((2,))),
        ValueError,
        "softmax_cross_entropy: logits and targets must have one shape, received (2, 3) and (2,). "
        "For integer "
        "labels use sparse_softmax_cross_entropy (sparse_categorical_crossentropy).",
    ),
    case(
        lambda: tc.nn.conv2d(tc.ones((1, 5, 5, 3)), tc.ones((3, 3, 2, 4))),
        ValueError,
        "conv2d: 3 channels of x, filters of shape (3, 3, 2, 4) and groups=1 do not fit; expected "
        "w of shape "
        "(rows, columns, 3 / groups, a multiple of groups)",
    ),
    case(
        lambda: tc.nn.conv2d(tc.ones((1, 2, 2, 1)), tc.ones((3, 3, 1, 1))),
        ValueError,
        "conv2d: a window of (3, 3) (dilation (1, 1), padding VALID) does not fit an image of 2 x "
        "2",
    ),
    case(
        lambda: tc.nn.max_pool2d(tc.ones((1, 4, 4, 1)), window=2, strides=(2, 2)),
        ValueError,
        "max_pool2d: window must be a pair of positive ints (height, width), received 2",
    ),
    case(
        lambda: tc.asarray(X)[5],
        IndexError,
        "indexing a tensor of shape (2, 3): index 5 is out of bounds for axis 0 with size 2",
    ),
    case(
        lambda: tc.exp(),
        TypeError,
        "exp(x, /): takes 1 positional inputs, received 0 positional arguments",
    ),
    case(
        lambda: tc.sum(tc.asarray(X), axes=1),
        TypeError,
        "sum(x, /, *, axis=None, dtype=None, keepdims=False): unknown argument 'axes'",
    ),
    case(
        lambda: tc.asarray(["a"]),
        TypeError,
        "a tensor cannot hold dtype <U1; expected numbers or booleans",
    ),
    case(
        lambda: tc.asarray([[1, 2], [3]]),
        ValueError,
        "cannot make a tensor of rows of different lengths: [0] has 2 elements, [1] has 1 elements",
    ),
    case(
        lambda: tc.astype(tc.asarray(X), "float31"),
        TypeError,
        "unknown dtype 'float31'; expected one of bool",
    ),
    case(
        lambda: tc.add(tc.asarray([1], dtype="int8"), 300),
        TypeError,
        "add: the number 300 for x2 does not fit the tensor's dtype int8",
    ),
    case(
        lambda: tc.max(tc.zeros((0, 3)), axis=0),
        ValueError,
        "max: a tensor of shape (0, 3) has no element",
    ),
    case(
        lambda: tc.einsum("ij,jk->iz", tc.asarray(X), tc.ones((3, 2))),
        ValueError,
        "einsum: the result 'iz' of 'ij,jk->iz' repeats or invents a letter",
    ),
    case(
        lambda: bool(tc.asarray(X)),
        ValueError,
        "the truth value of a tensor of shape (2, 3) is ambiguous; use tc.any(x) or tc.all(x)",
    ),
]


@pytest.mark.parametrize(("function", "family", "words"), CASES)
def test_bad_input(function, family, words, device):
    with pytest.raises(family, match=re.escape(words)) as error:
        function()
    assert isinstance(error.value, TensorcoreError)


def test_bad_input_changes_nothing(device):
    v = tc.Variable(X)
    with pytest.raises(ValueError):
        v.assign_add(np.ones((5,), np.float32))
    np.testing.assert_array_equal(v.numpy(), X)


@pytest.mark.parametrize(
    "name", ["add", "exp", "sum", "matmul", "reshape", "take", "conv2d", "softmax"]
)
def test_wrong_things_are_refused(name, device):
    """Objects that are no tensors at all."""
    for thing in (object(), "text", {"a": 1}):
        with pytest.raises(TensorcoreError):
            tc.ops.OPS[name](
                *[thing] * len(tc.ops.OPS[name].inputs),
                **({"shape": 1} if name == "reshape" else {}),
            )


def test_division_by_zero_is_quiet(device):
    x = tc.asarray([1.0, 0.0, -1.0])
    with np.errstate(all="warn"):
        np.testing.assert_array_equal((x / 0.0).numpy(), [np.inf, np.nan, -np.inf])
        np.testing.assert_array_equal(tc.log(x).numpy(), np.float32([0.0, -np.inf, np.nan]))
        assert np.isinf(tc.exp(tc.asarray([1000.0])).numpy()).all()
