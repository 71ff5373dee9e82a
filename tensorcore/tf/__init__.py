"""TensorFlow's names: `from tensorcore import tf` instead of `import tensorflow as tf`.

There is no logic of its own here: signatures, defaults and words are TensorFlow's, the operations
are tensorcore's.  Importing this package makes tensors print as TensorFlow's do, and refuses what
TensorFlow refuses: an int32 meeting a float32 (see `dialect.py`).
"""

from __future__ import annotations

import importlib
from typing import Any

import tensorcore
from tensorcore import missing
from tensorcore.autodiff import custom_gradient, stop_gradient
from tensorcore.autodiff.tape import GradientTape
from tensorcore.data.spec import TensorSpec
from tensorcore.tensor import Tensor
from tensorcore.tf import dialect, dtypes, math
from tensorcore.tf.arrays import *
from tensorcore.tf.arrays import __all__ as _array_names
from tensorcore.tf.control import *
from tensorcore.tf.control import __all__ as _control_names
from tensorcore.tf.dtypes import *
from tensorcore.tf.dtypes import __all__ as _dtype_names
from tensorcore.tf.functions import function
from tensorcore.tf.shapes import TensorShape
from tensorcore.tf.variable import Variable

__version__ = f"2.21.0+tensorcore.{tensorcore.__version__}"

newaxis = None

# Names of tf.math that are names of tf as well.
_OF_MATH = [
    "abs",
    "acos",
    "acosh",
    "add",
    "add_n",
    "argmax",
    "argmin",
    "argsort",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "cos",
    "cosh",
    "cumsum",
    "divide",
    "einsum",
    "equal",
    "exp",
    "floor",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "round",
    "scalar_mul",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sort",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "tensordot",
    "truediv",
    "unique",
]
globals().update({name: getattr(math, name) for name in _OF_MATH})

# Modules that are imported when they are first named: tf.<key>.
_MODULES = {
    "autograph": "tensorcore.tf.autograph",
    "compat": "tensorcore.tf.compat",
    "config": "tensorcore.tf.config",
    "data": "tensorcore.tf.data",
    "debugging": "tensorcore.tf.debugging",
    "errors": "tensorcore.tf.errors",
    "feature_column": "tensorcore.tf.feature_column",
    "image": "tensorcore.tf.image",
    "io": "tensorcore.tf.io",
    "initializers": "tensorcore.keras.initializers",
    "keras": "tensorcore.keras",
    "linalg": "tensorcore.tf.linalg",
    "losses": "tensorcore.keras.losses",
    "metrics": "tensorcore.keras.metrics",
    "nn": "tensorcore.tf.nn",
    "optimizers": "tensorcore.keras.optimizers",
    "random": "tensorcore.tf.random",
    "saved_model": "tensorcore.tf.saved_model",
    "sparse": "tensorcore.tf.sparse",
    "strings": "tensorcore.tf.strings",
    "summary": "tensorcore.tf.summary",
    "train": "tensorcore.tf.train",
}

# Names of TensorFlow 1 and of parts that are left out -> what to do instead.
_ELSEWHERE = {
    **dict.fromkeys(
        [
            "Session",
            "InteractiveSession",
            "placeholder",
            "global_variables_initializer",
            "get_variable",
            "variable_scope",
            "assign",
            "random_normal",
            "set_random_seed",
            "truncated_normal",
            "log",
            "random_uniform",
            "gradients",
            "layers",
            "app",
            "contrib",
            "Graph",
        ],
        "it is TensorFlow 1's: import tensorcore.tf.compat.v1 as tf",
    ),
    **dict.fromkeys(
        ("distribute", "tpu", "lite", "estimator", "lookup", "ragged"),
        "it is not part of tensorcore",
    ),
}

__all__ = [
    "GradientTape",
    "SparseTensor",
    "Tensor",
    "TensorShape",
    "TensorSpec",
    "Variable",
    "custom_gradient",
    "dtypes",
    "function",
    "math",
    "newaxis",
    "norm",
    "stop_gradient",
    *_array_names,
    *_control_names,
    *_dtype_names,
    *_OF_MATH,
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    if name == "norm":
        return importlib.import_module("tensorcore.tf.linalg").norm
    if name == "SparseTensor":
        from tensorcore.data.sparse import SparseTensor

        return SparseTensor
    if name in _MODULES:
        try:
            return importlib.import_module(_MODULES[name])
        except ModuleNotFoundError as error:
            if error.name != _MODULES[name]:
                raise
            raise missing.attribute(__name__, name, (), not_there_yet=[name]) from None
    raise missing.attribute(__name__, name, __all__, not_there_yet=_ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)


dialect.use_tensorflow()
