"""The record of an operation: everything that is true of it whatever the device.

    @op(reference=..., gradient=..., samples=...)
    def transpose(x, /, axes=None): ...

The decorated function is the shape-and-dtype rule, hence also the check of the arguments: it gets
the inputs (anything with `shape` and `dtype`), and returns the `Spec` of the output.  Its docstring
and signature become
those of the public operation, which is the record itself: `transpose(x)` goes through the door in
    `door.py`.
"""

from __future__ import annotations

import collections
import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorcore import dtypes
from tensorcore.device import CPU, to_numpy
from tensorcore.errors import ArgumentTypeError
from tensorcore.mode import listeners, mode
from tensorcore.tensor import Tensor
from tensorcore.variable import Variable

OPS: dict[str, Op] = {}
_FLOAT32 = dtypes.float32
_ARRAY = np.ndarray
PLAIN_FLOATS = (dtypes.float32, dtypes.float64)

Rule = Callable[..., Any]


class Spec(NamedTuple):
    """Shape and dtype of a value; a dimension that is not known yet is None."""

    shape: tuple[Any, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


class Gradient:
    """The gradient rule for one input, and what it asks to be kept from the forward run.

    The first parameter of the function is the arriving gradient; the others name what it needs: an
    input, the output `y`, an attribute, or `<input>_shape` and `<input>_dtype`; `shared` is a dict
    for what the rules of several inputs have in common.
    """

    __slots__ = ("function", "names", "inputs", "needs_output")

    def __init__(self, function: Rule, op: Op, names: Sequence[str] | None = None) -> None:
        self.function = function
        self.names = (
            list(names) if names is not None else list(inspect.signature(function).parameters)[1:]
        )
        known = {"y", "i", "shapes", "inputs", "shared", *op.inputs, *op.attributes}
        known |= {f"{name}_{what}" for name in op.inputs for what in ("shape", "dtype")}
        unknown = set(self.names) - known
        if unknown:
            raise TypeError(
                f"{op.name}: its gradient asks for {sorted(unknown)}; there are {sorted(known)}"
            )
        self.inputs = [index for index, name in enumerate(op.inputs) if name in self.names]
        self.needs_output = "y" in self.names


class Op:
    """One operation.  Calling it runs it (or traces it) through the one door.

    Attributes:
        name: unique, and the name under which kernels are found.
        inputs: names of the tensor arguments; for a variadic operation the one name of the
            sequence.
        attributes: the other arguments and their defaults.
        rule: inputs, attributes -> Spec (or a tuple of them); raises on arguments that do not fit.
        reference: (xp, *arrays, **attributes) -> array(s); plainly right, works on NumPy and on
            CuPy.
        gradients: one per input: a Gradient, or a text that says why there is none.
        promote: positions of the inputs that are brought to a common dtype first.
        is_view: whether the result may share memory with an input.
        takes_numbers: whether scalars of the host are given to the kernels as they are.
        pieces: (out, arrays, **attributes) -> the views of the result that hold the inputs, for an
            operation that only puts its inputs side by side.
        into: (xp, out, *arrays, **attributes): the reference, writing into an array that is given.
        bounds: inputs, attributes -> [(input position, low, high, message)]: ranges of indices and
            labels.
        trusted_on: kinds of devices on which whatever runs the operation refuses all that the rule
            refuses, so that the rule is asked only when that fails.
        library: the library of CUDA that the reference needs on a GPU.  Where it cannot be loaded
            the operation runs on the CPU, explicitly: arrays there and back, counted as "host".
        straight: the NumPy function that computes the operation without options, for inputs of one
            of `straight_dtypes`.  It is called past all checks where tensors of the CPU fit; it may
            return None, and whatever it raises is said by the long way.  `straight_runs` counts.
        samples: random generator -> [(inputs, attributes)], read by tests and benchmarks.
    """

    is_control = False  # whether its nodes hold sub-graphs, see graph/control.py

    def __init__(
        self,
        rule: Rule,
        *,
        reference: Rule,
        gradient: Rule | str | tuple[Rule | str, ...],
        samples: Callable[[np.random.Generator], list[tuple[tuple[Any, ...], dict[str, Any]]]],
        name: str | None = None,
        inputs: Sequence[str] | None = None,
        promote: Sequence[str] = (),
        variadic: bool = False,
        is_view: bool = False,
        takes_numbers: bool = False,
        bounds: Callable[..., list[tuple[int, int, int, str]]] | None = None,
        trusted_on: Sequence[str] = (),
        into: Rule | None = None,
        pieces: Rule | None = None,
        library: str | None = None,
        straight: Rule | None = None,
    ) -> None:
        self.name = name or rule.__name__
        self.rule = rule
        self.library = library
        self.reference = reference if library is None else self._where_possible(reference)
        self.samples = samples
        self.variadic = variadic
        self.is_view = is_view
        self.takes_numbers = takes_numbers
        self.bounds = bounds
        self.into = into
        self.pieces = pieces
        if inputs is None:
            inputs, self._positional, self.attributes = _parameters_of(rule)
        else:
            self._positional, self.attributes = (), {}
        n_inputs = len(inputs)
        self.inputs = tuple(inputs)
        empty = inspect.Parameter.empty
        self._required = tuple(n for n, default in self.attributes.items() if default is empty)
        self._defaults = {n: d for n, d in self.attributes.items() if d is not empty}
        self.promote = (
            tuple(range(n_inputs))
            if variadic and promote
            else tuple(self.inputs.index(name) for name in promote)
        )
        rules = gradient if isinstance(gradient, tuple) else (gradient,) * n_inputs
        if len(rules) != n_inputs:
            raise TypeError(f"{self.name}: {n_inputs} inputs, but {len(rules)} gradient rules")
        self._gradient_rules = rules
        self._gradients: tuple[Gradient | str, ...] | None = None
        self.kernels: dict[
            str, Any
        ] = {}  # device kind -> what `kernels.<device>` has under this name
        self.runs: collections.Counter[tuple[str, str]] = (
            collections.Counter()
        )  # (device kind, how)
        self.straight = straight
        self.straight_dtypes: Collection[np.dtype] = PLAIN_FLOATS
        self.straight_numbers = False
        self.straight_runs = 0
        self.trusted_on = frozenset(trusted_on)
        self.__name__ = self.__qualname__ = self.name
        self.__doc__ = rule.__doc__
        self.__module__ = rule.__module__
        if self.name in OPS:
            raise TypeError(f"operation {self.name!r} is declared twice")
        OPS[self.name] = self

    def __reduce__(self) -> Any:
        return named, (self.name,)  # a copy is the record itself

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.rule)

    def __repr__(self) -> str:
        return f"<operation {self.name}{self.__signature__}>"

    def _where_possible(self, reference: Rule) -> Rule:
        """The reference on the arrays' device, or on the host where its library is missing."""
        missing: set[str] = set()

        def run(xp: Any, *arrays: Any, **attrs: Any) -> Any:
            if xp is np:
                return reference(xp, *arrays, **attrs)
            if not missing:
                try:
                    return reference(xp, *arrays, **attrs)
                except ImportError as error:
                    missing.add(str(error))
            self.runs["gpu", "host"] += 1
            result = reference(np, *map(to_numpy, arrays), **attrs)
            return tuple(map(xp.asarray, result)) if type(result) is tuple else xp.asarray(result)

        return run

    @property
    def gradients(self) -> tuple[Gradient | str, ...]:
        if self._gradients is None:
            self._gradients = self._make_gradients()
        return self._gradients

    def _make_gradients(self) -> tuple[Gradient | str, ...]:
        return tuple(
            rule if isinstance(rule, str) else Gradient(rule, self) for rule in self._gradient_rules
        )

    def compute_dtype(self, dtype: np.dtype) -> np.dtype:
        """The dtype in which inputs of the promoted `dtype` are computed."""
        return dtype

    def bind(
        self, args: tuple[Any, ...], attrs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split the arguments of a call into inputs and a full set of attributes."""
        count = len(self.inputs)
        if len(args) == count and not attrs and not self._required:
            attrs = self._defaults
        else:
            attrs = self._bind_attributes(args, attrs)
            args = args[:count]
        if not self.variadic:
            return args, attrs
        try:
            inputs = tuple(args[0])
        except TypeError:
            inputs = ()
        if not inputs:
            raise ArgumentTypeError(
                f"{self.name}: {self.inputs[0]} must be a list of at least one tensor, received "
                f"{args[0]!r}"
            )
        return inputs, attrs

    def _bind_attributes(self, args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
        count = len(self.inputs)
        if len(args) < count or len(args) - count > len(self._positional):
            raise ArgumentTypeError(
                f"{self.name}{self.__signature__}: takes {count} positional inputs"
                + (
                    f" and at most {len(self._positional)} positional options"
                    if self._positional
                    else ""
                )
                + f", received {len(args)} positional arguments"
            )
        attrs = {**self._defaults, **given}
        if len(args) > count:
            attrs.update(zip(self._positional, args[count:], strict=False))
        if len(attrs) != len(self.attributes) or attrs.keys() != self.attributes.keys():
            unknown = sorted(attrs.keys() - self.attributes.keys())
            missing = [name for name in self._required if name not in attrs]
            problem = (
                f"unknown argument {unknown[0]!r}"
                if unknown
                else f"missing argument {missing[0]!r}"
            )
            raise ArgumentTypeError(f"{self.name}{self.__signature__}: {problem}")
        return attrs

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        straight = self.straight
        if straight is None or attrs or (listeners.threads and mode.sees_all):
            return apply(self, *self.bind(args, attrs))
        result = None
        first = args[0] if args else None
        if type(first) is Tensor and first.device is CPU:
            data = first.data
            dtype = data.dtype
            if dtype is _FLOAT32 or dtype in self.straight_dtypes:
                try:
                    result = straight(data) if len(args) == 1 else self._with_second(args)
                except (ValueError, TypeError, MemoryError):
                    result = None  # the long way says what is wrong
        if result is None:
            return apply(self, *self.bind(args, attrs))
        self.straight_runs += 1
        if listeners.threads or type(result) is not _ARRAY:
            return hand_out(self, CPU, tuple(map(as_operand, args)), self._defaults, result)
        tensor = Tensor()  # as `wrap` does it, without a call
        tensor.data = result
        tensor.device = CPU
        tensor.variable = None
        tensor.serial = 0
        return tensor

    def _with_second(self, args: tuple[Any, ...]) -> Any:
        """The straight way for a tensor and a second tensor of its dtype, or a number."""
        first, second = args
        data = first.data
        if type(second) is Variable:
            second = second.__tensor__()
        if type(second) is Tensor:
            other = second.data
            if second.device is CPU and other.dtype is data.dtype:
                return self.straight(data, other)  # type: ignore[misc]
        elif type(second) is float and self.straight_numbers and data.dtype in PLAIN_FLOATS:
            return self.straight(data, second)  # type: ignore[misc]
        return None

    def grouped(self, arrays: Sequence[Any]) -> Sequence[Any]:
        """The inputs as the rule, the kernels and the reference take them: one by one, or as one
        sequence.
        """
        return (arrays,) if self.variadic else arrays

    def generated(self, kind: str, arrays: Sequence[Any], often: bool | None = None) -> Any:
        """A kernel made from the scalar expression; only element-wise operations have one.

        `often` tells whether the operation will run often; None: its runs are counted.
        """
        return None


def named(name: str) -> Op:
    """The operation of this name."""
    return OPS[name]


def _parameters_of(rule: Rule) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]:
    """The inputs of a rule, the attributes that may be positional, all with their defaults.

    The same from `inspect.signature` takes five times as long, at each import of the package.
    """
    code = rule.__code__
    count, positional = code.co_posonlyargcount, code.co_argcount
    names = code.co_varnames[: positional + code.co_kwonlyargcount]
    given = rule.__defaults__ or ()
    defaults = dict(zip(names[positional - len(given) : positional], given, strict=True))
    defaults |= rule.__kwdefaults__ or {}
    attributes = {name: defaults.get(name, inspect.Parameter.empty) for name in names[count:]}
    return names[:count], names[count:positional], attributes


def op(**record: Any) -> Callable[[Rule], Op]:
    """Declare an operation: see the module's docstring and `Op`."""
    return lambda rule: Op(rule, **record)


def check_inexact(op_name: str, argument: str, dtype: np.dtype) -> np.dtype:
    """`dtype` if it is a floating-point type; else the error that says so."""
    if dtypes.KIND[dtype] not in ("float", "complex"):
        from tensorcore.errors import DTypeError

        raise DTypeError(
            f"{op_name}: {argument} must have a floating-point dtype, received {dtype.name}; "
            f"convert it with tc.astype({argument}, tc.float32)"
        )
    return dtype


from tensorcore.ops.door import apply, as_operand, hand_out  # noqa: E402 - the door knows Op, Op calls the door
