"""`tf.cond`, `tf.while_loop`, `tf.map_fn`, `tf.print`, `tf.TensorArray`, ...: running Python."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import device as device_named
from tensorcore.device import devices
from tensorcore.errors import InvalidArgumentError
from tensorcore.graph import branching, loops
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.mode import mode
from tensorcore.ops import joining
from tensorcore.ops.shaping import expand_dims
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.shapes import TensorShape

__all__ = [
    "Module",
    "TensorArray",
    "UnconnectedGradients",
    "case",
    "cond",
    "device",
    "executing_eagerly",
    "get_logger",
    "get_static_value",
    "group",
    "map_fn",
    "name_scope",
    "no_op",
    "numpy_function",
    "print",
    "py_function",
    "scan",
    "switch_case",
    "while_loop",
]


class UnconnectedGradients:
    """What `gradient` gives for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


def device(device_name: Any) -> Any:
    """`with tf.device("/GPU:0")`: where new tensors are made.

    Where there is no such device the CPU is used, as TensorFlow's soft placement does, which is
    said once.  None stands for the device that is chosen without this.

    Raises:
        InvalidArgumentError: the name is no device's.
    """
    if device_name is None:
        return contextlib.nullcontext()
    name = str(getattr(device_name, "name", device_name))
    found = _DEVICE.fullmatch(name.lower())
    if found is None:
        raise InvalidArgumentError(
            f"tf.device: Unknown attribute {name.strip('/')!r} is encountered while parsing the "
            f"device spec: {name!r}; expected a name such as '/CPU:0' or '/GPU:0'"
        )
    kind, number = found[1], 0 if found[2] in (None, "*") else int(found[2])
    wanted = "cpu" if kind == "cpu" else f"{kind}:{number}"
    known = [each.name for each in devices()]
    if wanted not in known or (kind == "cpu" and number > 0):
        _say_instead(name, ", ".join(known))
        wanted = "cpu"
    return device_named(wanted)


_DEVICE = re.compile(
    r"(?:/?job:\w+)?(?:/replica:\d+)?(?:/task:\d+)?/?(?:physical_)?(?:device:)?"
    r"(cpu|gpu|tpu)(?::(\d+|\*))?"
)


@functools.cache
def _say_instead(name: str, known: str) -> None:
    sys.stderr.write(f"tensorcore: there is no device {name}; using the CPU. There are: {known}\n")


def executing_eagerly() -> bool:
    """Whether operations run at once: not while a function is traced."""
    return mode.graph is None


def get_logger() -> logging.Logger:
    """Python's logger "tensorflow", whose level also holds for what sessions say."""
    return logging.getLogger("tensorflow")


def cond(
    pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None
) -> Any:
    """The result of one of two functions.

    While a function is traced both are traced, and need the same structure, shapes and dtypes; see
    `tc.cond`.
    """
    return branching.cond(pred, true_fn, false_fn)


def switch_case(
    branch_index: Any, branch_fns: Any, default: Any = None, name: str = "switch_case"
) -> Any:
    """The result of the function with the number `branch_index`.

    Args:
        branch_index: an int32 tensor with one element.
        branch_fns: functions, (number, function) pairs, or a dict from numbers to functions.
        default: for every other number; the function with the greatest one if None.
    """
    table = branch_fns
    if isinstance(branch_fns, (list, tuple)) and isinstance(branch_fns[0], (list, tuple)):
        table = dict(branch_fns)
    return branching.switch_case(branch_index, table, default=default)


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """The result of the first function whose condition is true.

    Args:
        pred_fn_pairs: (condition, function) pairs.
        default: for when none is true; without it the last function is taken.
        exclusive, strict: taken and not used.
    """
    pairs = list(pred_fn_pairs)
    otherwise = default if default is not None else pairs.pop()[1]
    for condition, function in reversed(pairs):
        otherwise = functools.partial(cond, condition, function, otherwise)
    return otherwise()


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """`body` again and again while `cond` holds; both get the loop variables.

    While a function is traced they keep their shapes and dtypes; see `tc.while_loop`.
    """
    if loops.is_traced():

        def as_many(*state: Any) -> Any:
            result = body(*state)
            return result if isinstance(result, (list, tuple)) else (result,)

        return loops.while_loop(cond, as_many, loop_vars, maximum_iterations)
    values = tuple(loop_vars)
    rounds = 0
    while bool(cond(*values)) and (maximum_iterations is None or rounds < maximum_iterations):
        result = body(*values)
        values = tuple(result) if isinstance(result, (list, tuple)) else (result,)
        rounds += 1
    return type(loop_vars)(values) if isinstance(loop_vars, (list, tuple)) else values


def map_fn(
    fn: Callable[..., Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: Any = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` for each slice along the first dimension, the results stacked."""
    if loops.is_traced():
        return loops.map_fn(fn, map_structure(as_tensor, elems))
    structure = map_structure(as_tensor, elems)
    count = next(leaves(structure)).shape[0]
    results = [fn(map_structure(lambda t, row=row: t[row], structure)) for row in range(count)]
    columns = [list(leaves(result)) for result in results]
    stacked = iter(
        [joining.stack([as_tensor(v) for v in col]) for col in zip(*columns, strict=True)]
    )
    return map_structure(lambda _: next(stacked), results[0])


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """`state = fn(state, element)` over the first dimension; all states, stacked.

    Args:
        fn: of the last state and an element.
        elems: tensors of one length, nested as you like.
        initializer: the state before; None takes the first element, which is the first result too.
        reverse: from the last element to the first; results stay at the places of their elements.
        others: TensorFlow's, taken and not used.
    """
    rows = map_structure(as_tensor, elems)

    def step(state: Any, row: Any) -> Any:
        after = fn(state, row)
        return after, after

    if initializer is not None:
        return loops.scan(step, initializer, rows, reverse=reverse)[1]
    edge, rest = (-1, slice(None, -1)) if reverse else (0, slice(1, None))
    first = map_structure(lambda tensor: tensor[edge], rows)
    _, states = loops.scan(step, first, map_structure(lambda t: t[rest], rows), reverse=reverse)
    others = iter(list(leaves(states)))

    def joined(own: Any) -> Any:
        parts = [expand_dims(own, axis=0), next(others)]
        return joining.concat(parts[::-1] if reverse else parts)

    return map_structure(joined, first)


def print(*inputs: Any, output_stream: Any = None, sep: str = " ", end: str = "\n", **options):
    """The values as text: tensors in brackets, with the middle of long ones left out.

    Goes to stderr, as in TensorFlow; `output_stream` may be sys.stdout.
    """
    words = sep.join(map(_shown, inputs))
    stream = sys.stderr if output_stream is None else output_stream
    stream.write(words + end)
    stream.flush()


def _shown(value: Any) -> str:
    if isinstance(value, (Tensor,)) or hasattr(value, "__tensor__"):
        array = as_tensor(value).numpy()
        return _array_text(array)
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(_shown, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_shown(part)}" for key, part in value.items()) + "}"
    return str(value)


def _array_text(array: np.ndarray) -> str:
    if not array.ndim:
        return _number_text(array)
    if len(array) > 6:
        parts = [*map(_array_text, array[:3]), "...", *map(_array_text, array[-3:])]
    else:
        parts = list(map(_array_text, array))
    return "[" + ("\n " if array.ndim > 1 else " ").join(parts).replace("\n  ", "\n  ") + "]"


def _number_text(value: np.ndarray) -> str:
    if value.dtype.kind == "f":
        words = np.format_float_positional(value[()], unique=True, trim="-")
        return words if len(words) < 16 else f"{value[()]:g}"
    return str(value[()]) if value.dtype.kind != "b" else str(int(value))


def py_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None) -> Any:
    """`func` called with tensors, its results as tensors of the dtypes `Tout`."""
    return _typed(func(*map(as_tensor, inp)), Tout)


def numpy_function(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: Any = None
) -> Any:
    """`func` called with NumPy arrays, its results as tensors of the dtypes `Tout`."""
    return _typed(func(*(as_tensor(value).numpy() for value in inp)), Tout)


def _typed(result: Any, kinds: Any) -> Any:
    from tensorcore.tf.arrays import constant

    if isinstance(kinds, (list, tuple)):
        return [constant(value, kind) for value, kind in zip(result, kinds, strict=True)]
    return constant(result, kinds) if kinds is not None else result


def group(*inputs: Any, **options: Any) -> None:
    """Nothing to do: everything has run."""


def no_op(name: str | None = None) -> None:
    """Nothing."""


class name_scope:
    """`with tf.name_scope("part")`: a name for pictures of graphs; values do not depend on it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> str:
        return f"{self.name}/"

    def __exit__(self, *exception: object) -> None:
        return None


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The value as a NumPy array, or None while it is not known."""
    tensor = as_tensor(tensor)
    return tensor.numpy() if type(tensor) is Tensor else None


class Module:
    """A container of variables: those of its attributes, and of the modules among them."""

    def __init__(self, name: str | None = None) -> None:
        self._name = name or type(self).__name__.lower()

    @property
    def name(self) -> str:
        return self._name

    @property
    def variables(self) -> tuple[Any, ...]:
        """All variables, each once, in the order of the attributes' names."""
        return tuple(_variables(self, set()))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The variables that training changes."""
        return tuple(variable for variable in self.variables if variable.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules among the attributes, and theirs."""
        found: list[Any] = []
        _modules(self, found)
        return tuple(found[1:])

    @classmethod
    def with_name_scope(cls, method: Any) -> Any:
        """The method itself: names of graphs do not exist here."""
        return method


def _parts(value: Any) -> Any:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Module):
        attributes = vars(value)
        return [attributes[name] for name in sorted(attributes) if name != "_name"]
    return []


def _variables(value: Any, seen: set[int]) -> Any:
    if id(value) in seen:
        return
    seen.add(id(value))
    if hasattr(value, "__tensor__"):
        yield value
    elif hasattr(value, "weights") and hasattr(value, "trainable_weights"):  # a layer or a model
        for weight in value.weights:
            yield from _variables(weight, seen)
    else:
        for part in _parts(value):
            yield from _variables(part, seen)


def _modules(value: Any, found: list[Any]) -> None:
    if isinstance(value, Module):
        if value in found:
            return
        found.append(value)
    for part in _parts(value):
        _modules(part, found)


class TensorArray:
    """A list of tensors of one shape, written and read by position.

    Args:
        dtype: of the elements.
        size: their number; more may be written with `dynamic_size`.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool = False,
        clear_after_read: bool | None = None,
        element_shape: Any = None,
        **options: Any,
    ) -> None:
        self.dtype = dtypes.as_dtype(dtype)
        self.dynamic_size = dynamic_size
        self.element_shape = None if element_shape is None else TensorShape(element_shape)
        self._values: list[Any] = [None] * int(size or 0)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put `value` at a position; returns the array, as TensorFlow wants it used."""
        from tensorcore.errors import OutOfRangeError

        place = int(index)
        if place >= len(self._values):
            if not self.dynamic_size:
                raise OutOfRangeError(
                    f"TensorArray: tried to write to index {place} but the array is not resizeable "
                    f"and has size {len(self._values)}; make it with dynamic_size=True"
                )
            self._values.extend([None] * (place + 1 - len(self._values)))
        self._values[place] = as_tensor(value)
        return self

    def read(self, index: Any, name: str | None = None) -> Any:
        """The tensor at a position."""
        return self._values[int(index)]

    def stack(self, name: str | None = None) -> Tensor:
        """All elements along a new first dimension; what was never written is 0."""
        return joining.stack([self._or_zeros(value) for value in self._values])

    def concat(self, name: str | None = None) -> Tensor:
        """All elements along their first dimension."""
        return joining.concat([self._or_zeros(value) for value in self._values], axis=0)

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Fill the array with the slices of a tensor."""
        self._values = list(joining.unstack(as_tensor(value), axis=0))
        return self

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The named elements, stacked."""
        return joining.stack([self._values[int(i)] for i in as_tensor(indices).tolist()])

    def size(self, name: str | None = None) -> int:
        """The number of elements."""
        return len(self._values)

    def _or_zeros(self, value: Any) -> Any:
        if value is not None:
            return value
        from tensorcore.ops.creation import zeros

        shape = next(each.shape for each in self._values if each is not None)
        return zeros(shape, dtype=self.dtype)
