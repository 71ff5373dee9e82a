"""Whatever is wrong with the arguments of an operation, the error is one of ours and names it."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import TensorcoreError
from tensorcore.ops import OPS

# What only the engine calls is not checked again.
INTERNAL = ("put_zeros", "user_function")
NAMES = [
    name
    for name, op in OPS.items()
    if not name.endswith(("_gradient", "_update"))
    and "_vjp_" not in name
    and name not in INTERNAL
    and not op.takes_numbers
    and op.samples(np.random.default_rng(0))
]


def arguments(op):
    inputs, attrs = op.samples(np.random.default_rng(0))[0]
    return list(inputs[0]) if op.variadic else list(inputs), attrs


def call(op, inputs, attrs):
    tensors = [tc.asarray(v) if isinstance(v, np.ndarray) else v for v in inputs]
    return op(tensors, **attrs) if op.variadic else op(*tensors, **attrs)


@pytest.mark.parametrize(
    "first", ["abc", object(), None, {"a": 1}], ids=["text", "object", "None", "dict"]
)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_tensor(name, first):
    inputs, attrs = arguments(OPS[name])
    with pytest.raises(TensorcoreError):
        call(OPS[name], [first, *inputs[1:]], attrs)


@pytest.mark.parametrize("axis", [99, "a", 1.5])
@pytest.mark.parametrize("name", [n for n in NAMES if "axis" in OPS[n].attributes])
def test_no_such_axis(name, axis, device):
    inputs, attrs = arguments(OPS[name])
    with pytest.raises(TensorcoreError, match="axis"):
        call(OPS[name], inputs, {**attrs, "axis": axis})


@pytest.mark.parametrize("name", NAMES)
def test_no_such_option(name):
    inputs, attrs = arguments(OPS[name])
    with pytest.raises(TensorcoreError, match="nonsense"):
        call(OPS[name], inputs, {**attrs, "nonsense": 1})


@pytest.mark.parametrize("dtype", ["bool", "int32", "complex64"])
@pytest.mark.parametrize("name", NAMES)
def test_a_dtype_is_taken_or_refused_by_name(name, dtype):
    inputs, attrs = arguments(OPS[name])
    inputs = [np.ones(np.shape(value)).astype(dtype) for value in inputs]
    try:
        call(OPS[name], inputs, attrs)
    except TensorcoreError as error:
        assert str(error)


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_is_taken_or_refused_by_name(name):
    inputs, attrs = arguments(OPS[name])
    inputs = [np.ones((7,) * (np.ndim(value) + 1)) for value in inputs]
    try:
        call(OPS[name], inputs, attrs)
    except TensorcoreError as error:
        assert str(error)
