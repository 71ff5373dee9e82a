"""One body for all records: value, shape rule, layouts, gradient, second order, on every device."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import dtypes
from tensorcore.ops import OPS
from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.record import Gradient
from tensorcore.tensor import wrap
from tests.tolerances import assert_close

RECORDS = dict(OPS)
CASES = [
    pytest.param(op, number, id=f"{name}-{number}")
    for name, op in RECORDS.items()
    for number in range(len(op.samples(np.random.default_rng(0))))
]


def sample(op, number, dtype=None):
    """(inputs, attributes) of a record's case, floating-point inputs in `dtype`."""
    inputs, attrs = op.samples(np.random.default_rng(7))[number]
    if op.variadic:
        return ([cast(value, dtype) for value in inputs[0]],), attrs
    return tuple(cast(value, dtype) for value in inputs), attrs


def cast(value, dtype):
    if dtype is None or np.asarray(value).dtype.kind != "f":
        return value
    return np.asarray(value).astype(dtypes.as_dtype(dtype))


def run_reference(op, inputs, attrs):
    """The plain reference in float64 on NumPy."""
    _, full = op.bind(inputs, attrs)
    wide = [
        np.asarray(v, np.float64) if np.asarray(v).dtype.kind in "fV" else v
        for v in flat(op, inputs)
    ]
    wide = common(op, wide)
    return op.reference(np, *((wide,) if op.variadic else wide), **full)


def common(op, values):
    """Integers that meet in an element-wise operation computing in float are floats there."""
    if isinstance(op, Elementwise) and op.computes == "float":
        return [np.asarray(v, np.float64) for v in values]
    return values


def flat(op, inputs):
    return list(inputs[0]) if op.variadic else list(inputs)


def tensors(op, inputs, device):
    if op.takes_numbers:
        return inputs
    made = [tc.asarray(value, device=device) for value in flat(op, inputs)]
    return (made,) if op.variadic else tuple(made)


def outputs(result):
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("op", "number"), CASES)
def test_value(op, number, dtype, device):
    inputs, attrs = sample(op, number, dtype)
    given = tensors(op, inputs, device)
    before = [np.array(v) for v in flat(op, inputs)]
    results = outputs(op(*given, **attrs))
    for after, value in zip(flat(op, given), before, strict=True):
        np.testing.assert_array_equal(np.asarray(after), value, err_msg="an input was changed")
    for actual, expected in zip(results, outputs(run_reference(op, inputs, attrs)), strict=True):
        assert actual.device is device
        assert_close(actual.numpy(), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(("op", "number"), CASES)
def test_value_in_half_precision(op, number, dtype, device):
    if device.kind == "gpu" and (number or (dtype == "float16" and isinstance(op, Elementwise))):
        number = 0  # the same kernel serves the other cases; compiling takes the time
    inputs, attrs = sample(op, number, dtype)
    if all(np.asarray(v).dtype.kind not in "fV" for v in flat(op, inputs)):
        return
    results = outputs(op(*tensors(op, inputs, device), **attrs))
    for actual, expected in zip(results, outputs(run_reference(op, inputs, attrs)), strict=True):
        assert_close(
            actual.numpy(), expected, dtype if actual.dtype.kind in "fV" else None, scale=2
        )


@pytest.mark.parametrize(("op", "number"), CASES)
def test_rule_says_what_comes(op, number, device):
    inputs, attrs = sample(op, number, "float32")
    given = tensors(op, inputs, device)
    _, full = op.bind(given, attrs)
    values = flat(op, given)
    arrays = tc.ops.door.common_dtype(op, values) if op.promote else values
    said = op.rule(*((arrays,) if op.variadic else arrays), **full)
    results = outputs(op(*given, **attrs))
    for spec, actual in zip(
        said if isinstance(said, tuple) and not hasattr(said, "shape") else [said],
        results,
        strict=True,
    ):
        assert spec.dtype == actual.dtype
        known = tuple(
            a if s is not None else None for s, a in zip(spec.shape, actual.shape, strict=False)
        )
        assert tuple(spec.shape) == known


@pytest.mark.parametrize(("op", "number"), CASES)
def test_rule_knows_unknown_dimensions(op, number):
    inputs, attrs = sample(op, number, "float32")
    if op.takes_numbers or not flat(op, inputs)[0].shape:
        return
    if op.name == "squeeze" and "axis" not in attrs:
        return  # refused: which sizes are 1 is not known
    if op.name == "unstack" and "axis" not in attrs:
        return  # refused: how many results there are is not known
    _, full = op.bind(inputs, attrs)
    specs = [
        tc.ops.Spec((None, *np.shape(v)[1:]) if np.ndim(v) else (), np.asarray(v).dtype)
        for v in flat(op, inputs)
    ]
    if op.promote:
        dtype = np.result_type(
            *(specs[i].dtype for i in range(len(specs)) if op.variadic or i in op.promote)
        )
        dtype = op.compute_dtype(np.dtype(dtype))
        specs = [
            s._replace(dtype=dtype) if op.variadic or i in op.promote else s
            for i, s in enumerate(specs)
        ]
    said = op.rule(*((specs,) if op.variadic else specs), **full)
    actual = outputs(run_reference(op, inputs, attrs))
    for spec, value in zip(said if type(said) is tuple else [said], actual, strict=True):
        if op.name == "getitem" and any(s.dtype == np.bool_ for s in specs):
            continue
        assert len(spec.shape) == np.ndim(value)
        assert all(
            size in (None, real) for size, real in zip(spec.shape, np.shape(value), strict=True)
        )


@pytest.mark.parametrize(("op", "number"), CASES)
def test_layouts(op, number, device):
    """Strided and reversed inputs give what contiguous ones give."""
    if op.takes_numbers:
        return
    inputs, attrs = sample(op, number, "float32")
    expected = outputs(op(*tensors(op, inputs, device), **attrs))

    def spread(value):
        value = np.asarray(value)
        wide = np.zeros((*value.shape[:-1], 2 * value.shape[-1]) if value.ndim else (), value.dtype)
        if value.ndim == 0:
            return value
        wide[..., ::2] = value
        return wide[..., ::2]

    odd = []
    for value in flat(op, inputs):
        view = spread(value)
        array = device.asarray(view if view.base is None else view.base)
        odd.append(wrap(array if view.base is None else array[..., ::2], device))
    results = outputs(op(*((odd,) if op.variadic else odd), **attrs))
    for actual, value in zip(results, expected, strict=True):
        assert_close(actual.numpy(), value.numpy())


DIFFERENTIABLE = [
    param
    for param in CASES
    if any(isinstance(rule, Gradient) for rule in param.values[0].gradients)
]


@pytest.mark.parametrize(("op", "number"), DIFFERENTIABLE)
def test_gradient(op, number, device):
    """First and second order along random directions, in float64."""
    inputs, attrs = sample(op, number, "float64")
    if attrs.get("dtype") in ("int32", "float32"):
        attrs = {**attrs, "dtype": "float64"}
    values = [tc.asarray(v, device=device) for v in flat(op, inputs)]

    def function(*tensors):
        return op(list(tensors), **attrs) if op.variadic else op(*tensors, **attrs)

    tc.gradcheck(function, *values, order=2, tolerance=2e-5)


@pytest.mark.parametrize(("op", "number"), CASES)
def test_traced_is_eager(op, number, device):
    """A graph of the operation gives what the operation gives, at every run."""
    inputs, attrs = sample(op, number, "float32")
    given = flat(op, tensors(op, inputs, device))
    masked = op.name == "getitem" and any(value.dtype == np.bool_ for value in given)
    if op.takes_numbers or masked or op.name in ("unique_positions", "true_positions"):
        return  # numbers are known while tracing; shapes that depend on values are not

    def call(*values):
        return op(list(values), **attrs) if op.variadic else op(*values, **attrs)

    traced = tc.function(call)
    expected = outputs(call(*given))
    for _ in range(2):
        for actual, value in zip(outputs(traced(*given)), expected, strict=True):
            assert_close(actual.numpy(), value.numpy())
    assert traced.trace_count == 1


@pytest.mark.parametrize(("op", "number"), CASES)
def test_variables_are_not_aliased(op, number, device):
    """No result shares memory with a variable, whose memory is written to."""
    if op.takes_numbers or op.variadic:
        return
    inputs, attrs = sample(op, number, "float32")
    first = tc.Variable(inputs[0], device=device)
    rest = [tc.asarray(value, device=device) for value in inputs[1:]]
    results = outputs(op(first, *rest, **attrs))
    before = [result.numpy() for result in results]
    first.write(lambda storage: storage.fill(1))
    for result, value in zip(results, before, strict=True):
        np.testing.assert_array_equal(result.numpy(), value)


@pytest.mark.parametrize(
    "name", [n for n, op in RECORDS.items() if isinstance(op, Elementwise) and op.numpy]
)
def test_expression_agrees_with_numpy(name):
    """The scalar expression and the NumPy function named beside it are the same function."""
    op = RECORDS[name]
    for inputs, _ in op.samples(np.random.default_rng(3)):
        expected = op.reference(np, *common(op, list(inputs)))
        plain, op.numpy = op.numpy, None
        try:
            actual = op.reference(np, *common(op, [np.asarray(v) for v in inputs]))
        finally:
            op.numpy = plain
        assert_close(actual, expected)


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_decides_on_gradients(name):
    for rule in RECORDS[name].gradients:
        assert isinstance(rule, Gradient) or rule.startswith("none: ")


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_is_documented(name):
    assert RECORDS[name].__doc__
    assert len(RECORDS[name].__doc__.strip()) > 10


def test_the_table_can_be_cut_short():
    command = [sys.executable, "-m", "tensorcore", "ops"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipe) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
