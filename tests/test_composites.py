"""Functions composed of records: values, derivatives of two orders, traced, on both devices.

The cases stand in `composed.py`.
"""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import dtypes
from tensorcore.ops import OPS, Op
from tests.composed import COMPOSED, ELSEWHERE
from tests.tolerances import assert_close

CASES = [
    pytest.param(case, id=f"{name}-{number}")
    for name, cases in COMPOSED.items()
    for number, case in enumerate(cases)
]
DIFFERENTIABLE = [param for param in CASES if param.values[0].order]
TRACED = [param for param in CASES if param.values[0].traced and param.values[0].inputs]


def narrow(value):
    """Floating-point inputs in single precision."""
    kinds = {"f": np.float32, "c": np.complex64}
    return value.astype(kinds.get(value.dtype.kind, value.dtype))


def wide(value):
    """Floating-point inputs in double precision."""
    kinds = {"f": np.float64, "c": np.complex128}
    return value.astype(kinds.get(value.dtype.kind, value.dtype))


def parts(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("case", CASES)
def test_value(case, precision, device):
    inputs = [narrow(v) if precision == "single" else v for v in case.inputs]
    tensors = [tc.asarray(v) for v in inputs]
    found = parts(case.ours(*tensors))
    expected = parts(
        case.theirs(
            *(
                v.astype(np.result_type(v, np.float64)) if v.dtype.kind in "fc" else v
                for v in inputs
            )
        )
    )
    assert len(found) == len(expected)
    for actual, value in zip(found, expected, strict=True):
        assert isinstance(actual, tc.Tensor) and actual.device is device
        assert_close(actual.numpy(), value, scale=20)
    for tensor, value in zip(tensors, inputs, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), value, err_msg="an input was changed")


@pytest.mark.parametrize("case", DIFFERENTIABLE)
def test_gradient(case, device):
    tensors = [tc.asarray(value) for value in case.inputs]
    tc.gradcheck(case.ours, *tensors, order=case.order, tolerance=2e-5)


@pytest.mark.parametrize("case", TRACED)
def test_traced_is_eager(case, device):
    tensors = [tc.asarray(narrow(value)) for value in case.inputs]
    traced = tc.function(lambda *values: tuple(parts(case.ours(*values))))
    expected = parts(case.ours(*tensors))
    for _ in range(2):
        for actual, value in zip(traced(*tensors), expected, strict=True):
            assert_close(actual.numpy(), value.numpy())
    assert traced.trace_count == 1


def public_functions():
    """(name, function) of the array namespaces."""
    for place in ("", "nn", "linalg", "fft", "random"):
        module = getattr(tc, place) if place else tc
        for name in dir(module):
            value = getattr(module, name)
            is_code = callable(value) and not isinstance(value, (type, types.ModuleType))
            if is_code and not name.startswith("_") and not isinstance(value, np.dtype):
                yield f"{place}.{name}".lstrip("."), value


def test_every_public_function_is_a_record_or_has_cases():
    elsewhere = {name for names in ELSEWHERE.values() for name in names.split()}
    names = set()
    for name, function in public_functions():
        names.add(name)
        if isinstance(function, Op):
            assert OPS[function.name] is function
            assert function.samples(np.random.default_rng(0)), f"{name} has no samples"
        else:
            assert name in COMPOSED or name in elsewhere, f"tc.{name} has no cases in composed.py"
    stale = {name for name in (set(COMPOSED) | elsewhere) - names if not hasattr(tc, name)}
    assert not stale


@pytest.mark.parametrize("file", ELSEWHERE)
def test_what_is_tested_elsewhere_is_tested_there(file):
    text = (Path(__file__).parent / file).read_text()
    for name in ELSEWHERE[file].split():
        assert name.rpartition(".")[2] in text, f"{file} does not name tc.{name}"


def test_the_table_of_operations_names_every_gradient():
    from tensorcore.ops.__main__ import rows

    for name, _, _, gradient in rows():
        for part in gradient.split("; "):
            assert part in ("derived", "rule") or part.startswith("none: "), (name, gradient)


def test_constants_are_numbers():
    assert (tc.e, tc.pi, tc.inf, tc.newaxis) == (np.e, np.pi, np.inf, None)
    assert tc.nan != tc.nan
    assert all(getattr(tc, dtype.name) == dtype for dtype in dtypes.ALL)
