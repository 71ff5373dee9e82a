"""Whatever is wrong with the arguments of an operation, the error is one of ours and names it."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import TensorcoreError
from tensorcore.ops import OPS, Op
from tests.composed import ELSEWHERE
from tests.good_calls import COMPOSED_CALLS
from tests.test_composites import public_functions

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


# Every public function ----------------------------------------------------------------------------

SPOILT = ["nonsense", object(), None, {"a": 1}, 1.5, -7, [], ((),), True, float("nan")]
OTHER_ARRAYS = [
    np.ones((2, 2), bool),
    np.ones((2, 2), np.int32),
    np.ones((2, 2), np.uint64),
    np.ones((2, 2), np.complex64),
    np.float32(1.0),
    np.ones(7),
    np.ones((0, 3)),
    np.ones((2, 3, 4, 5, 6)),
    np.full((3, 3), np.nan),
]


def good_calls():
    """name -> (function, arguments, options): a good call of every public function."""
    found = {}
    for name, function in public_functions():
        if isinstance(function, Op):
            inputs, attrs = function.samples(np.random.default_rng(0))[0]
            found[name] = function, tuple(inputs), attrs
        elif name in COMPOSED_CALLS:
            found[name] = function, *COMPOSED_CALLS[name]
    return found


GOOD = good_calls()
APART = ("broadcast_arrays", "meshgrid")  # their tensors do not meet


def with_tensors(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return tc.asarray(value)
    return [with_tensors(part) for part in value] if isinstance(value, list) else value


def try_call(function, args, options):
    """Call a function; whatever it raises must be one of our errors, with words."""
    try:
        result = function(*map(with_tensors, args), **options)
        for part in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(part, tc.Tensor):
                part.numpy()
    except TensorcoreError as error:
        return str(error)
    return None


def test_there_is_a_good_call_of_every_public_function():
    elsewhere = {name for names in ELSEWHERE.values() for name in names.split()}
    for name, _ in public_functions():
        assert name in GOOD or name in elsewhere, f"tc.{name} has no call in good_calls.py"


@pytest.mark.parametrize("name", GOOD)
def test_good_calls_are_good(name):
    function, args, options = GOOD[name]
    assert try_call(function, args, options) is None


@pytest.mark.filterwarnings("ignore")  # what NumPy says of empty means is not looked at here
@pytest.mark.parametrize("name", GOOD)
def test_spoilt_arguments_are_taken_or_refused_by_us(name):
    function, args, options = GOOD[name]
    for position in range(len(args)):
        for value in [*SPOILT, *OTHER_ARRAYS]:
            said = try_call(function, (*args[:position], value, *args[position + 1 :]), options)
            assert said != ""
    for option in options:
        for value in SPOILT:
            try_call(function, args, {**options, option: value})


@pytest.mark.parametrize("name", GOOD)
def test_what_is_no_tensor_is_refused_by_function_and_argument(name):
    function, args, options = GOOD[name]
    for position, arg in enumerate(args):
        if not isinstance(arg, np.ndarray):
            continue
        for value in ("nonsense", object(), {"a": 1}):
            said = try_call(function, (*args[:position], value, *args[position + 1 :]), options)
            assert said is not None
            assert GOOD[name][0].__name__ in said, said


def axis_options(name):
    function = GOOD[name][0]
    return [
        option for option in ("axis", "axes") if option in inspect.signature(function).parameters
    ]


@pytest.mark.parametrize("name", [name for name in GOOD if axis_options(name)])
def test_axes_that_are_not_there(name, device):
    function, args, options = GOOD[name]
    for option in axis_options(name):
        for axis in (99, "a", 1.5, -99):
            said = try_call(function, args, {**options, option: axis})
            assert said is not None, f"{name}({option}={axis!r}) is taken"
            assert "ax" in said and GOOD[name][0].__name__ in said, said


@pytest.mark.parametrize("name", GOOD)
def test_devices_that_are_not_one(name, device):
    function, args, options = GOOD[name]
    tensors = [i for i, arg in enumerate(args) if isinstance(arg, np.ndarray)]
    if len(tensors) < 2 or device.kind == "cpu" or name in APART:
        return
    given = [with_tensors(arg) for arg in args]
    given[tensors[1]] = given[tensors[1]].to("cpu")
    with pytest.raises(tc.errors.DeviceMismatchError, match="gpu:0"):
        function(*given, **options)
