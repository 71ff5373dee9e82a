"""Operations in functional models (x + y, tc.exp(x)) under the class names that Keras gives them.

A model file describes x * 2.0 as a "layer" of class Multiply in `keras.src.ops.numpy` that was
called on x and 2.0.  Here is which of our functions that means, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, FileFormatError
from tensorcore.graph.deferred import Node
from tensorcore.ops.record import OPS, Op

NUMPY, NN, MATH = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.math"

# our name -> (Keras's module, class); both take the same positional inputs.
_NAMES = {
    "abs": (NUMPY, "Absolute"),
    "acos": (NUMPY, "Arccos"),
    "asin": (NUMPY, "Arcsin"),
    "atan": (NUMPY, "Arctan"),
    "atan2": (NUMPY, "Arctan2"),
    "ceil": (NUMPY, "Ceil"),
    "cosh": (NUMPY, "Cosh"),
    "expm1": (NUMPY, "Expm1"),
    "floor_divide": (NUMPY, "FloorDivide"),
    "isnan": (NUMPY, "Isnan"),
    "log10": (NUMPY, "Log10"),
    "log2": (NUMPY, "Log2"),
    "logaddexp": (NUMPY, "Logaddexp"),
    "logical_and": (NUMPY, "LogicalAnd"),
    "logical_not": (NUMPY, "LogicalNot"),
    "logical_or": (NUMPY, "LogicalOr"),
    "reciprocal": (NUMPY, "Reciprocal"),
    "remainder": (NUMPY, "Mod"),
    "sinh": (NUMPY, "Sinh"),
    "tan": (NUMPY, "Tan"),
    "erf": (MATH, "Erf"),
    "rsqrt": (MATH, "Rsqrt"),
    "add": (NUMPY, "Add"),
    "cos": (NUMPY, "Cos"),
    "divide": (NUMPY, "TrueDivide"),
    "equal": (NUMPY, "Equal"),
    "exp": (NUMPY, "Exp"),
    "floor": (NUMPY, "Floor"),
    "greater": (NUMPY, "Greater"),
    "greater_equal": (NUMPY, "GreaterEqual"),
    "less": (NUMPY, "Less"),
    "less_equal": (NUMPY, "LessEqual"),
    "log": (NUMPY, "Log"),
    "log1p": (NUMPY, "Log1p"),
    "matmul": (NUMPY, "Matmul"),
    "maximum": (NUMPY, "Maximum"),
    "minimum": (NUMPY, "Minimum"),
    "multiply": (NUMPY, "Multiply"),
    "negative": (NUMPY, "Negative"),
    "not_equal": (NUMPY, "NotEqual"),
    "pow": (NUMPY, "Power"),
    "sign": (NUMPY, "Sign"),
    "sin": (NUMPY, "Sin"),
    "sqrt": (NUMPY, "Sqrt"),
    "square": (NUMPY, "Square"),
    "subtract": (NUMPY, "Subtract"),
    "tanh": (NUMPY, "Tanh"),
    "relu": (NN, "Relu"),
    "relu6": (NN, "Relu6"),
    "sigmoid": (NN, "Sigmoid"),
    "silu": (NN, "Silu"),
    "softplus": (NN, "Softplus"),
    "softsign": (NN, "Softsign"),
}
# Reductions and reorderings keep options in the object's config.
_WITH_CONFIG = {
    "mean": (NUMPY, "Mean", ("axis", "keepdims")),
    "sum": (NUMPY, "Sum", ("axis", "keepdims")),
    "max": (NUMPY, "Max", ("axis", "keepdims")),
    "min": (NUMPY, "Min", ("axis", "keepdims")),
    "prod": (NUMPY, "Prod", ("axis", "keepdims")),
    "all": (NUMPY, "All", ("axis", "keepdims")),
    "any": (NUMPY, "Any", ("axis", "keepdims")),
    "logsumexp": (MATH, "Logsumexp", ("axis", "keepdims")),
    "flip": (NUMPY, "Flip", ("axis",)),
    "transpose": (NUMPY, "Transpose", ("axes",)),
    "convert": ("keras.src.ops.core", "Cast", ("dtype",)),
    "softmax": (NN, "Softmax", ("axis",)),
    "log_softmax": (NN, "LogSoftmax", ("axis",)),
    "expand_dims": (NUMPY, "ExpandDims", ("axis",)),
    "squeeze": (NUMPY, "Squeeze", ("axis",)),
}
_OPTIONS = ("axes", "axis", "dtype", "keepdims", "shape")
OWN = "tensorcore.ops"  # the module under which an operation that Keras does not have is described

_BY_CLASS = {described: name for name, described in _NAMES.items()}
_BY_CLASS.update({(module, cls): name for name, (module, cls, _) in _WITH_CONFIG.items()})
_BY_CLASS[NUMPY, "Divide"] = "divide"


def class_name_of(node: Node) -> str:
    """The class that Keras would name for a node that calls no layer."""
    return _described(node)[1]


def _described(node: Node) -> tuple[str, str, dict[str, Any], tuple[Any, ...], dict[str, Any]]:
    """(module, class, config, args, kwargs) of a node, tensors among the arguments."""
    function: Any = node.function
    args, kwargs = node.arguments()
    name = getattr(function, "name", None) if isinstance(function, Op) else None
    if name == "getitem":
        return NUMPY, "GetItem", {}, (args[0][0], _key(args[0], kwargs["index"])), {}
    if name == "concat":
        return NUMPY, "Concatenate", {"axis": kwargs.get("axis", 0)}, args, {}
    if name == "reshape":
        return NUMPY, "Reshape", {"newshape": kwargs["shape"]}, args, {}
    if name in _NAMES and not kwargs:
        return (*_NAMES[name], {}, args, {})
    if name in _WITH_CONFIG:
        module, cls, options = _WITH_CONFIG[name]
        given = {option: value for option, value in kwargs.items() if value is not None}
        if set(given) <= set(options):
            config = {option: kwargs[option] for option in options if option in kwargs}
            if "dtype" in config:
                config["dtype"] = dtypes.as_dtype(config["dtype"]).name
            return module, cls, config, args, {}
    own = name or getattr(function, "__name__", type(function).__name__)
    return OWN, own, {}, args, kwargs


def _key(inputs: Any, index: Any) -> Any:
    """The key of x[key]; index tensors are put back in their places."""
    from tensorcore.ops.indexing import Place

    parts = tuple(inputs[1 + p.number] if isinstance(p, Place) else p for p in index)
    return parts[0] if len(parts) == 1 else parts


def describe(node: Node) -> tuple[dict[str, Any], Any, Any]:
    """(description of the operation, args, kwargs) for a model file.

    Raises:
        ArgumentTypeError: the node calls a function that no file can name.
    """
    module, cls, config, args, kwargs = _described(node)
    if module == OWN and cls not in OPS:
        raise ArgumentTypeError(
            f'"{node.name}" calls {cls}, which cannot be written to a model file; make it a layer '
            "class with get_config"
        )
    described = {
        "module": module,
        "class_name": cls,
        "config": {"name": node.name, **config},
        "registered_name": cls,
    }
    return described, args, kwargs


class Operation:
    """An operation that a model file describes, to be called once on symbols."""

    def __init__(self, function: Callable[..., Any], name: str, config: dict[str, Any]) -> None:
        self.name = name
        self._function = function
        self._config = config
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from tensorcore.layers.structure import leaves

        output = self._function(*args, **{**self._config, **kwargs})
        node = next(leaf.node for leaf in leaves(output))
        node.name = self.name
        self._inbound_nodes.append(node)
        return output


def operation_from(description: dict[str, Any]) -> Operation | None:
    """The operation that a file describes; None if it describes something else."""
    key = (str(description.get("module")), str(description.get("class_name")))
    if key[0] != OWN and not key[0].startswith("keras.src.ops"):
        return None
    config = dict(description.get("config") or {})
    name = str(config.pop("name", key[1]))
    function: Any = None
    if key == (NUMPY, "GetItem"):
        function = _get_item
    elif key == (NUMPY, "Concatenate"):
        function = OPS["concat"]
    elif key == (NUMPY, "Reshape"):
        function = OPS["reshape"]
        config["shape"] = tuple(config.pop("newshape", ()))
    elif key[0] == OWN:
        function = OPS.get(key[1])
    elif key in _BY_CLASS:
        function = OPS.get(_BY_CLASS[key]) or _composed(_BY_CLASS[key])
    if function is None:
        raise FileFormatError(
            f'the model uses the operation "{key[1]}" of {key[0]}, which is not known here'
        )
    config = {option: value for option, value in config.items() if option in _OPTIONS}
    axis = config.get("axis")
    if isinstance(axis, list):
        config["axis"] = tuple(axis)
    return Operation(function, name, config)


def _get_item(x: Any, key: Any) -> Any:
    return x[tuple(key) if isinstance(key, list) else key]


def _composed(name: str) -> Any:
    import tensorcore as tc

    return getattr(tc, name, None) or getattr(tc.nn, name, None)
