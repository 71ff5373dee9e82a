"""`keras.backend`: what programs still use of it, under its old names."""

from __future__ import annotations

from typing import Any

import tensorcore as tc
from tensorcore.keras import ops
from tensorcore.keras.later import refusal
from tensorcore.keras.ops.naming import table
from tensorcore.layers.naming import reset_names as clear_session
from tensorcore.losses.functions import epsilon
from tensorcore.tensor import as_tensor
from tensorcore.training.utils import floatx, image_data_format
from tensorcore.variable import Variable

_REDUCTIONS = {
    name: (getattr(ops, name), "x", "axis keepdims")
    for name in ("all", "any", "logsumexp", "max", "mean", "min", "prod", "std", "sum", "var")
}
_UNARY = {name: (getattr(ops, name), "x") for name in ("abs", "cos", "exp", "log", "relu")}
_UNARY.update({name: (getattr(ops, name), "x") for name in ("round", "sigmoid", "sign", "sin")})
_UNARY.update({name: (getattr(ops, name), "x") for name in ("softplus", "sqrt", "square", "tanh")})
_BINARY = {
    "dot": ops.dot,
    "equal": ops.equal,
    "greater": ops.greater,
    "greater_equal": ops.greater_equal,
    "less": ops.less,
    "less_equal": ops.less_equal,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "not_equal": ops.not_equal,
}
_TABLE = table(
    {
        **_REDUCTIONS,
        **_UNARY,
        **{name: (operation, "x y") for name, operation in _BINARY.items()},
        "arange": (ops.arange, "start stop step", "dtype"),
        "argmax": (lambda x, axis=-1: ops.argmax(x, axis), "x", "axis"),
        "argmin": (lambda x, axis=-1: ops.argmin(x, axis), "x", "axis"),
        "batch_flatten": (lambda x: ops.reshape(x, (as_tensor(x).shape[0], -1)), "x"),
        "cast": (ops.cast, "x dtype"),
        "clip": (ops.clip, "x min_value max_value"),
        "concatenate": (lambda tensors, axis=-1: ops.concatenate(tensors, axis), "tensors", "axis"),
        "constant": (lambda value, dtype=None: as_tensor(value, dtype=dtype), "value", "dtype"),
        "expand_dims": (lambda x, axis=-1: ops.expand_dims(x, axis), "x", "axis"),
        "eval": (ops.convert_to_numpy, "x"),
        "flatten": (ops.ravel, "x"),
        "gather": (lambda reference, indices: ops.take(reference, indices, 0), "reference indices"),
        "get_value": (ops.convert_to_numpy, "x"),
        "int_shape": (ops.shape, "x"),
        "l2_normalize": (
            lambda x, axis=None: tc.multiply(
                x, tc.rsqrt(tc.maximum(tc.sum(tc.square(x), axis=axis, keepdims=True), 1e-12))
            ),
            "x",
            "axis",
        ),
        "ndim": (ops.ndim, "x"),
        "one_hot": (ops.one_hot, "indices num_classes"),
        "ones": (ops.ones, "shape", "dtype"),
        "ones_like": (ops.ones_like, "x", "dtype"),
        "permute_dimensions": (ops.transpose, "x pattern"),
        "pow": (ops.power, "x a"),
        "repeat_elements": (ops.repeat, "x rep", "axis"),
        "reshape": (ops.reshape, "x shape"),
        "shape": (ops.shape, "x"),
        "softmax": (ops.softmax, "x", "axis"),
        "squeeze": (ops.squeeze, "x axis"),
        "stack": (ops.stack, "x", "axis"),
        "stop_gradient": (ops.stop_gradient, "variables"),
        "tile": (ops.tile, "x n"),
        "transpose": (ops.transpose, "x"),
        "zeros": (ops.zeros, "shape", "dtype"),
        "zeros_like": (ops.zeros_like, "x", "dtype"),
    }
)
globals().update(_TABLE)

__all__ = [
    *_TABLE,
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_keras_tensor",
    "random_normal",
    "random_uniform",
    "set_value",
    "variable",
]


def backend() -> str:
    """What computes: programs ask whether it is "tensorflow", whose names these are."""
    return "tensorflow"


def is_keras_tensor(x: Any) -> bool:
    """Whether x is symbolic: made by `keras.Input`, or by layers and operations on it."""
    from tensorcore.graph.symbol import OpenSymbol

    return isinstance(x, OpenSymbol)


def variable(value: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable of the default dtype."""
    return Variable(value, name=name, dtype=dtype or floatx())


def set_value(x: Any, value: Any) -> None:
    """Give a variable a new value."""
    x.assign(value)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normal numbers."""
    from tensorcore.keras import random

    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Uniform numbers."""
    from tensorcore.keras import random

    return random.uniform(shape, minval, maxval, dtype, seed)


__getattr__ = refusal(__name__, __all__)
