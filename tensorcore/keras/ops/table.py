"""`keras.ops` where a function of ours does what Keras's does: name, operation, argument names."""

from __future__ import annotations

from typing import Any

import tensorcore as tc
from tensorcore import linalg, nn
from tensorcore.autodiff import stop_gradient
from tensorcore.keras.ops.naming import table

_UNARY = {
    **{
        name: getattr(tc, name)
        for name in [
            "abs",
            "angle",
            "ceil",
            "conj",
            "cos",
            "cosh",
            "erf",
            "exp",
            "exp2",
            "expm1",
            "floor",
            "imag",
            "isfinite",
            "isinf",
            "isnan",
            "log",
            "log10",
            "log1p",
            "log2",
            "logical_not",
            "negative",
            "real",
            "reciprocal",
            "rsqrt",
            "sign",
            "signbit",
            "sin",
            "sinh",
            "sqrt",
            "square",
            "tan",
            "tanh",
            "trunc",
            "nonzero",
        ]
    },
    **{
        name: getattr(nn, name)
        for name in [
            "hard_sigmoid",
            "hard_silu",
            "log_sigmoid",
            "mish",
            "relu",
            "relu6",
            "selu",
            "sigmoid",
            "silu",
            "softplus",
            "softsign",
        ]
    },
    "absolute": tc.abs,
    "arccos": tc.acos,
    "arccosh": tc.acosh,
    "arcsin": tc.asin,
    "arcsinh": tc.asinh,
    "arctan": tc.atan,
    "arctanh": tc.atanh,
    "bitwise_invert": tc.bitwise_invert,
    "bitwise_not": tc.bitwise_invert,
    "cholesky": linalg.cholesky,
    "conjugate": tc.conj,
    "det": linalg.det,
    "hard_swish": nn.hard_silu,
    "inv": linalg.inv,
    "stop_gradient": stop_gradient,
    "swish": nn.silu,
}
_BINARY = {
    **{
        name: getattr(tc, name)
        for name in [
            "add",
            "bitwise_and",
            "bitwise_left_shift",
            "bitwise_or",
            "bitwise_right_shift",
            "bitwise_xor",
            "divide",
            "equal",
            "floor_divide",
            "greater",
            "greater_equal",
            "hypot",
            "kron",
            "less",
            "less_equal",
            "logaddexp",
            "logical_and",
            "logical_or",
            "logical_xor",
            "matmul",
            "maximum",
            "minimum",
            "multiply",
            "not_equal",
            "outer",
            "subtract",
        ]
    },
    "arctan2": tc.atan2,
    "left_shift": tc.bitwise_left_shift,
    "mod": tc.remainder,
    "power": tc.pow,
    "right_shift": tc.bitwise_right_shift,
    "true_divide": tc.divide,
}
_REDUCTIONS = {
    name: getattr(tc, name)
    for name in [
        "all",
        "any",
        "logsumexp",
        "max",
        "mean",
        "median",
        "min",
        "prod",
        "std",
        "sum",
        "var",
    ]
}
_REDUCTIONS.update({"amax": tc.max, "amin": tc.min})

ROWS: dict[str, tuple[Any, ...]] = {
    **{name: (operation, "x") for name, operation in _UNARY.items()},
    **{name: (operation, "x1 x2") for name, operation in _BINARY.items()},
    **{name: (operation, "x", "axis keepdims") for name, operation in _REDUCTIONS.items()},
    "broadcast_to": (tc.broadcast_to, "x", "shape"),
    "clip": (tc.clip, "x x_min x_max"),
    "cond": (tc.cond, "pred true_fn false_fn"),
    "convert_to_numpy": (lambda x: tc.asarray(x).numpy(), "x"),
    "cross": (linalg.cross, "x1 x2", "axis"),
    "diagonal": (linalg.diagonal, "x", "offset"),
    "diff": (tc.diff, "a", "n axis"),
    "eigh": (linalg.eigh, "x"),
    "elu": (nn.elu, "x", "alpha"),
    "expand_dims": (tc.expand_dims, "x", "axis"),
    "flip": (tc.flip, "x", "axis"),
    "fori_loop": (tc.fori_loop, "lower upper body_fun init_val"),
    "gelu": (nn.gelu, "x", "approximate"),
    "isin": (tc.isin, "x1 x2", "invert"),
    "leaky_relu": (nn.leaky_relu, "x", "negative_slope"),
    "log_softmax": (nn.log_softmax, "x", "axis"),
    "lstsq": (linalg.lstsq, "a b", "rcond=rtol"),
    "map": (tc.map_fn, "f xs"),
    "moveaxis": (tc.moveaxis, "x source destination"),
    "norm": (linalg.norm, "x", "ord axis keepdims"),
    "qr": (linalg.qr, "x", "mode"),
    "quantile": (tc.quantile, "x q", "axis method keepdims"),
    "repeat": (tc.repeat, "x repeats", "axis"),
    "reshape": (tc.reshape, "x", "newshape=shape"),
    "roll": (tc.roll, "x", "shift axis"),
    "scan": (tc.scan, "f init", "xs length reverse"),
    "searchsorted": (tc.searchsorted, "sorted_sequence values", "side"),
    "slogdet": (linalg.slogdet, "x"),
    "softmax": (nn.softmax, "x", "axis"),
    "solve": (linalg.solve, "a b"),
    "sort": (tc.sort, "x", "axis"),
    "squeeze": (tc.squeeze, "x", "axis"),
    "stack": (tc.stack, "x", "axis"),
    "svd": (linalg.svd, "x", "full_matrices"),
    "swapaxes": (lambda x, a, b: tc.moveaxis(x, (a, b), (b, a)), "x axis1 axis2"),
    "take": (tc.take, "x indices", "axis"),
    "tensordot": (tc.tensordot, "x1 x2", "axes"),
    "tile": (tc.tile, "x repeats"),
    "trace": (linalg.trace, "x", "offset"),
    "transpose": (tc.transpose, "x", "axes"),
    "tril": (tc.tril, "x", "k"),
    "triu": (tc.triu, "x", "k"),
    "vectorized_map": (lambda function, elements: tc.vmap(function)(elements), "function elements"),
    "where": (tc.where, "condition x1 x2"),
    "while_loop": (tc.while_loop, "cond body loop_vars", "maximum_iterations"),
}

FUNCTIONS = table(ROWS)
