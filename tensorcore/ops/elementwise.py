"""Element-wise operations: one scalar function each, from which kernels and gradients are made.

@elementwise(numpy="tanh", computes="float")
def tanh(x):
    '''Hyperbolic tangent.'''
    return scalar.tanh(x)
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError
from tensorcore.kernels.program import SMALL_RUNS
from tensorcore.ops import scalar
from tensorcore.ops.record import OPS, Gradient, Op, Spec
from tensorcore.ops.shapes import broadcast

# What dtypes an operation takes: name -> (the kinds, how they are called in messages).
TAKES = {
    "any": ({"bool", "integer", "float", "complex"}, "any dtype"),
    "number": ({"integer", "float", "complex"}, "a numeric dtype"),
    "real": ({"integer", "float"}, "a real numeric dtype"),
    "real or bool": ({"bool", "integer", "float"}, "a real dtype"),
    "bits": ({"bool", "integer"}, "an integer or boolean dtype"),
    "integer": ({"integer"}, "an integer dtype"),
    "float": ({"float"}, "a real floating-point dtype"),
}

_HALVES = (dtypes.float16, dtypes.bfloat16)
_NO_GRADIENT = {
    "bool": "none: the result is boolean",
    "bits": "none: integer",
    "integer": "none: integer",
}


# Where NumPy does not do what the standard says -----------------------------------------------


def _power(x1: Any, x2: Any) -> Any:
    if np.ndim(x2) == 0 and x2 == 2 and np.result_type(x1, x2) == x1.dtype:
        return np.multiply(x1, x1)  # several times faster than a power
    # NumPy takes the square root for one exponent 0.5, which is NaN for -inf and -0.0 for -0.0.
    if np.ndim(x2) == 0 and x2 == 0.5 and np.result_type(x1, x2).kind == "f":
        root = np.sqrt(x1 + x1.dtype.type(0))
        return np.where(np.isneginf(x1), x1.dtype.type(np.inf), root)
    return np.power(x1, x2)


def _complex_expm1(xp: Any, x: Any) -> Any:
    y = xp.asarray(xp.where(xp.isfinite(x.real), xp.expm1(x), xp.exp(x) - x.dtype.type(1)))
    y.real += 0  # -0.0 becomes 0.0
    return y


def _complex_tanh(xp: Any, x: Any) -> Any:
    y = xp.asarray(xp.tanh(x))
    at_end = xp.isinf(x.real) & xp.isfinite(x.imag)
    y.imag = xp.where(at_end, xp.copysign(y.imag * 0, x.imag), y.imag)
    y.real = xp.where((x.real == 0) & ~xp.isfinite(x.imag), x.real, y.real)
    return y


def _complex_arccosh(xp: Any, x: Any) -> Any:
    y = xp.asarray(xp.arccosh(x))
    y.imag = xp.where((x.real == 0) & xp.isnan(x.imag), np.pi / 2, y.imag)
    return y


def _polar_log(xp: Any, x: Any, y: Any) -> Any:
    """log(x) from length and angle where CuPy's y does not know infinities and signed zeros."""
    if xp is np:
        return y
    y = xp.asarray(y)
    plain = xp.isfinite(x.real) & xp.isfinite(x.imag) & (x != 0)
    y.real = xp.where(plain, y.real, xp.log(xp.hypot(x.real, x.imag)))
    y.imag = xp.where(plain, y.imag, xp.arctan2(x.imag, x.real))
    return y


def _complex_log(xp: Any, x: Any) -> Any:
    return _polar_log(xp, x, xp.log(x))


def _complex_log1p(xp: Any, x: Any) -> Any:
    return _polar_log(xp, x + x.dtype.type(1), xp.log1p(x))


NUMPY_FUNCTIONS: dict[str, Callable[..., Any]] = {"power": _power}
COMPLEX_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "arccosh": _complex_arccosh,
    "expm1": _complex_expm1,
    "log": _complex_log,
    "log1p": _complex_log1p,
    "tanh": _complex_tanh,
}


class Elementwise(Op):
    """An operation that treats each element alike; see `elementwise`."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        inputs: Sequence[str],
        numpy: str | None,
        computes: str,
        takes: str,
        domain: Any,
        doc: str | None,
        name: str,
        module: str,
        gradient: Any = None,
        complex_gradient: Any = None,
        outputs: int = 1,
        at_once: bool = False,
    ) -> None:
        self.function = function
        self.numpy = numpy
        self.at_once = at_once
        self.computes = computes  # "same", "float", "bool" or "real": what the result's dtype is
        self.takes = takes
        self.domain = domain
        self.n_outputs = outputs
        self._compiled: dict[Any, Any] = {}
        self._small_runs = 0
        self._made_gradient = gradient
        self._complex_gradient = complex_gradient
        rule = self._make_rule(name, inputs, doc, module)
        super().__init__(
            rule,
            name=name,
            inputs=inputs,
            reference=self._reference,
            gradient=("derived",) * len(inputs),
            samples=self._samples,
            promote=inputs[1:] if takes == "select" else inputs,
            trusted_on=("cpu", "gpu"),
        )
        if numpy and takes != "select" and outputs == 1:
            self.straight = NUMPY_FUNCTIONS.get(numpy) or getattr(np, numpy)
        self.straight_numbers = True
        self.straight_dtypes = _straight_dtypes(takes, computes, numpy in COMPLEX_FUNCTIONS)

    @property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in self.inputs])

    def _make_rule(self, name: str, names: Sequence[str], doc: str | None, module: str) -> Any:
        def rule(*values: Any) -> Spec:
            for value_name, value in zip(names, values, strict=True):
                self._check_dtype(value_name, value.dtype)
            shape = broadcast(name, {n: tuple(v.shape) for n, v in zip(names, values, strict=True)})
            spec = Spec(shape, self.result_dtype(values[-1].dtype))
            return spec if self.n_outputs == 1 else (spec,) * self.n_outputs

        rule.__name__ = rule.__qualname__ = name
        rule.__doc__ = _full_doc(doc, names, self.takes, self.computes)
        rule.__module__ = module
        return rule

    def _check_dtype(self, argument: str, dtype: np.dtype) -> None:
        if self.takes == "select":
            if argument == self.inputs[0] and dtype != dtypes.bool:
                raise DTypeError(f"{self.name}: {argument} must be boolean, received {dtype.name}")
            return
        kinds, text = TAKES[self.takes]
        if dtypes.KIND[dtype] not in kinds:
            raise DTypeError(f"{self.name}: {argument} must have {text}, received {dtype.name}")

    @functools.cached_property
    def expressions(self) -> tuple[scalar.Expr, ...]:
        """The scalar expressions of the results."""
        results = self.function(*(scalar.argument(name) for name in self.inputs))
        return tuple(map(scalar.constant, results if isinstance(results, tuple) else (results,)))

    @property
    def gradient_is_derived(self) -> bool:
        """Whether the gradient comes from the expression, and was not written by hand."""
        return self._made_gradient is None

    @property
    def expression(self) -> scalar.Expr:
        """The scalar expression of the one result."""
        return self.expressions[0]

    @functools.cached_property
    def is_exact(self) -> bool:
        """Whether each step is rounded as IEEE 754 says, so that all who compute it agree."""
        return all(map(scalar.is_exact, self.expressions))

    def compute_dtype(self, dtype: np.dtype) -> np.dtype:
        return dtypes.floating(dtype) if self.computes == "float" else dtype

    def result_dtype(self, dtype: np.dtype) -> np.dtype:
        """The result's dtype when the inputs are computed in `dtype`."""
        if self.computes == "bool":
            return dtypes.bool
        if self.computes == "real" and dtypes.KIND[dtype] == "complex":
            return dtypes.float32 if dtype == dtypes.complex64 else dtypes.float64
        return dtype

    # Running --------------------------------------------------------------------------------------

    def _reference(self, xp: Any, *arrays: Any) -> Any:
        if self.numpy is not None:
            self._refuse(arrays)
            if self.numpy in COMPLEX_FUNCTIONS and arrays[-1].dtype.kind == "c":
                return COMPLEX_FUNCTIONS[self.numpy](xp, *arrays)
            if xp is np and self.numpy in NUMPY_FUNCTIONS:
                return NUMPY_FUNCTIONS[self.numpy](*arrays)
            return getattr(xp, self.numpy)(*arrays)
        self._refuse(arrays)
        dtype = arrays[-1].dtype
        compute = dtypes.accumulator(dtype)
        if dtype in _HALVES:
            arrays = tuple(a.astype(compute) if a.dtype == dtype else a for a in arrays)
        values = dict(zip(self.inputs, arrays, strict=True))
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        results = []
        for expression in self.expressions:
            result = scalar.evaluate(expression, values, xp, compute.type, REFERENCE_FUNCTIONS)
            result = xp.asarray(result, self.result_dtype(dtype))
            results.append(
                result if result.shape == shape else xp.broadcast_to(result, shape).copy()
            )
        return results[0] if self.n_outputs == 1 else tuple(results)

    def _refuse(self, arrays: Sequence[Any]) -> None:
        """NumPy takes dtypes that we do not; a kind look-up is all that the fast path pays."""
        if self.takes == "select":
            if arrays[0].dtype != dtypes.bool:
                self.rule(*arrays)
        elif self.takes != "any":
            kinds = TAKES[self.takes][0]
            for array in arrays:
                if dtypes.KIND.get(array.dtype) not in kinds:
                    self.rule(*arrays)

    def generated(self, kind: str, arrays: Sequence[Any], often: bool | None = None) -> Any:
        """The kernel made from the expression, where a device can use one for these arrays."""
        generated = _generator(kind)
        if kind == "cpu":
            pays = self._pays_on_cpu(generated, arrays, often)
        else:
            pays = generated.pays(arrays, self.numpy is not None)
        if not pays:
            return None
        key = (kind, *(array.dtype for array in arrays))
        if key not in self._compiled:
            self._refuse(arrays)
            self._compiled[key] = generated.compile(self.program(tuple(a.dtype for a in arrays)))
        return self._compiled[key]

    def _pays_on_cpu(self, generated: Any, arrays: Sequence[Any], often: bool | None) -> bool:
        """Whether the arrays are large, or small but so many that a kernel pays.

        Compiling takes as long as some thousand runs of the reference; who has made some dozens
        will make many more, and the next start finds the kernel on the disk.
        """
        if self.numpy is not None or not generated.covers(arrays):
            return False
        is_exact = self.is_exact
        waits = generated.waits(arrays, is_exact)
        is_needed = self.at_once or generated.must_be_same(is_exact)
        if often or (not waits and (is_needed or generated.pays(arrays, False))):
            return True
        if waits and often is not None:
            return False
        size = max(array.size for array in arrays)
        self._small_runs += max(1, size // generated.SMALL)
        return self._small_runs > SMALL_RUNS

    def program(self, in_dtypes: tuple[np.dtype, ...]) -> Any:
        """What a device's generator needs to write a kernel for inputs of these dtypes."""
        from tensorcore.kernels.program import Program

        lines, results = scalar.statements(self.expressions)
        dtype = in_dtypes[-1]
        return Program(
            name=self.name,
            inputs=tuple(zip(self.inputs, in_dtypes, strict=True)),
            compute=dtypes.accumulator(dtype),
            statements=tuple(tuple(line) for line in lines),
            results=tuple(results),
            outputs=(self.result_dtype(dtype),) * self.n_outputs,
        )

    # Differentiation ------------------------------------------------------------------------------

    def _make_gradients(self) -> tuple[Gradient | str, ...]:
        if self._made_gradient is not None:
            rules = self._made_gradient
            return tuple(rule if isinstance(rule, str) else Gradient(rule, self) for rule in rules)
        if self.computes == "bool" or self.takes in ("bits", "integer"):
            return (_NO_GRADIENT["bool" if self.computes == "bool" else self.takes],) * len(
                self.inputs
            )
        pulled = scalar.pullback(self.expression, self.inputs)
        derived = tuple(
            "none: a condition has no slope"
            if self.takes == "select" and index == 0
            else self._derived(index, expr)
            for index, expr in enumerate(pulled)
        )
        if self._complex_gradient is None:
            return derived
        return tuple(map(self._by_kind, derived, self._complex_gradient))

    def _by_kind(self, of_reals: Gradient, rule: Any) -> Gradient:
        """The derived rule for real numbers, the written one for complex numbers."""
        of_complex = Gradient(rule, self)
        kinds = [f"{name}_dtype" for name in self.inputs]

        def function(g: Any, **kept: Any) -> Any:
            found = [g.dtype, *(kept[name] for name in kinds)]
            is_complex = any(dtypes.KIND.get(dtype) == "complex" for dtype in found)
            chosen = of_complex if is_complex else of_reals
            return chosen.function(g, **{name: kept[name] for name in chosen.names})

        names = dict.fromkeys([*of_reals.names, *of_complex.names, *kinds])
        return Gradient(function, self, list(names))

    def _derived(self, index: int, expr: scalar.Expr) -> Gradient:
        """The rule that computes `expr`, itself an element-wise operation with gradients of its
        own.
        """
        from tensorcore.ops.creation import zeros_like

        used = scalar.arguments([expr])
        names = [n for n in ("g", *self.inputs, "y") if n in used]
        wanted = names[1:] if names[:1] == ["g"] else names
        if expr is scalar.argument("g"):
            return Gradient(lambda g: g, self, [])
        if not names:
            return Gradient(zeros_like, self, [])
        operation = operation_of(f"{self.name}_vjp_{self.inputs[index]}", names, expr)
        if names[0] == "g":
            return Gradient(
                lambda g, **kept: operation(g, *(kept[n] for n in wanted)), self, wanted
            )
        return Gradient(lambda g, **kept: operation(*(kept[n] for n in wanted)), self, wanted)

    def _samples(self, rng: np.random.Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(self.draw(rng, shapes), {}) for shapes in self._sample_shapes()]

    def _sample_shapes(self) -> list[list[tuple[int, ...]]]:
        count = len(self.inputs)
        plain = [(3, 5)] * count
        if count == 1:
            return [plain, [()], [(0, 2)]]
        return [plain, [(4, 1, 3)] + [(2, 1)] * (count - 1), [(5,)] + [()] * (count - 1)]

    def draw(self, rng: np.random.Generator, shapes: Sequence[tuple[int, ...]]) -> tuple[Any, ...]:
        """Random inputs from the operation's domain, as float64, integer or boolean arrays."""
        domains = self.domain if isinstance(self.domain, list) else [self.domain] * len(shapes)
        return tuple(
            _draw(rng, shape, domain) for shape, domain in zip(shapes, domains, strict=True)
        )


@functools.cache
def _straight_dtypes(takes: str, computes: str, refuses_complex: bool) -> frozenset[np.dtype]:
    """What NumPy's function computes in the dtype in which it comes."""
    kinds = set(TAKES.get(takes, TAKES["any"])[0])
    if computes == "float":
        kinds &= {"float", "complex"}
    if refuses_complex:
        kinds -= {"complex"}
    return frozenset(dtype for dtype in dtypes.ALL if dtypes.KIND[dtype] in kinds)


RESULTS = {
    "same": "in the dtype in which the inputs meet",
    "float": "in the inputs' floating-point dtype; float32 for integers",
    "bool": "boolean",
    "real": "real, of the precision of the inputs",
}


def _full_doc(doc: str | None, inputs: Sequence[str], takes: str, computes: str) -> str | None:
    """The docstring with the sections that are the same for all element-wise operations."""
    if doc is None:
        return None
    text, example, rest = doc.rstrip().partition("    >>> ")
    kinds = "any dtype (the first one boolean)" if takes == "select" else TAKES[takes][1]
    several = len(inputs) > 1
    args = f"{', '.join(inputs)}: tensor{'s' if several else ''} of {kinds}"
    if several:
        args += ", whose shapes broadcast; some of them may be numbers"
    errors = "        DTypeError: another dtype.\n"
    if several:
        errors = "        ShapeError: the shapes do not broadcast.\n" + errors
    sections = (
        f"    Args:\n        {args}.\n\n"
        f"    Returns:\n        A tensor of the common shape, {RESULTS[computes]}.\n\n"
        f"    Raises:\n{errors}"
    )
    return f"{text.rstrip()}\n\n{sections}\n{example}{rest}\n    "


def _draw(rng: np.random.Generator, shape: tuple[int, ...], domain: Any) -> Any:
    if domain == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    low, high = domain
    if isinstance(low, int) and isinstance(high, int):
        return np.asarray(rng.integers(low, high, shape), dtype=np.int32)
    return np.asarray(rng.uniform(low, high, shape))


def elementwise(
    *,
    numpy: str | None = None,
    computes: str = "same",
    takes: str = "number",
    domain: Any = (-2.5, 2.5),
    gradient: Any = None,
    complex_gradient: Any = None,
    outputs: int = 1,
    at_once: bool = False,
) -> Callable[[Callable[..., Any]], Elementwise]:
    """Declare an element-wise operation from a function over scalars.

    Args:
        numpy: the NumPy and CuPy function that computes the same, if there is one.
        computes: "same" (result in the inputs' common dtype), "float" (integers become float32
            first), "bool", or "real" (the real dtype of a complex one).
        takes: a key of `TAKES`, or "select" for a boolean first input.
        domain: (low, high) of sample inputs, or a list with one an input; ints give integers.
        gradient: rules that replace the derived ones.
        complex_gradient: rules for complex numbers, for functions that are not holomorphic.
        outputs: number of results.
        at_once: the kernel made from the function is taken for arrays of all sizes, from the first
            run on, so that results never depend on who computes them (but for kernels that are put
            off, see `kernels/cpu/tiers.py`).
    """

    def declare(function: Callable[..., Any]) -> Elementwise:
        return Elementwise(
            function,
            inputs=function.__code__.co_varnames[: function.__code__.co_argcount],
            numpy=numpy,
            computes=computes,
            takes=takes,
            domain=domain,
            doc=function.__doc__,
            name=function.__name__,
            module=function.__module__,
            gradient=gradient,
            complex_gradient=complex_gradient,
            outputs=outputs,
            at_once=at_once,
        )

    return declare


def operation_of(name: str, names: list[str], expr: scalar.Expr) -> Elementwise:
    """The operation that computes `expr` from the named arguments: a declared one if there is, else
    a new one.
    """
    arguments = [scalar.argument(n) for n in names]
    for known in _declared_by_primitive().get(expr.primitive, ()):
        if tuple(expr.args) == tuple(arguments) and len(known.inputs) == len(names):
            return known
    if name in OPS:
        return OPS[name]  # type: ignore[return-value]
    # In the derived operation "g" and "y" are inputs like any other; its own rules use those two
    # names.
    swap = {scalar.argument(old): scalar.argument(f"in_{old}") for old in names}
    inner = scalar.substitute(expr, swap)

    def function(*values: Any) -> scalar.Expr:
        return inner

    return Elementwise(
        function,
        inputs=[f"in_{n}" for n in names],
        numpy=None,
        computes="same",
        takes="number",
        domain=(0.2, 0.8),
        doc=f"Gradient of an element-wise operation: {expr!r}.",
        name=name,
        module=__name__,
    )


@functools.cache
def _declared_by_primitive() -> dict[Any, list[Elementwise]]:
    """Operations whose whole expression is one primitive of their arguments, in order."""
    found: dict[Any, list[Elementwise]] = {}
    for operation in list(OPS.values()):
        if isinstance(operation, Elementwise) and operation.numpy is not None:
            expr = operation.expression
            if expr.primitive and tuple(expr.args) == tuple(
                scalar.argument(n) for n in operation.inputs
            ):
                found.setdefault(expr.primitive, []).append(operation)
    return found


@functools.cache
def _generator(kind: str) -> Any:
    if kind == "cpu":
        from tensorcore.kernels.cpu import generated
    else:
        from tensorcore.kernels.cuda import generated  # type: ignore[no-redef]
    return generated


# Plain forms of the functions that NumPy lacks ----------------------------------------------------


def _erf(x: Any) -> Any:
    if not isinstance(x, (np.ndarray, np.generic)):
        raise NotImplementedError(
            "erf has no CuPy reference; its generated kernel serves every dtype"
        )
    values = np.asarray(x, np.float64).ravel()
    return np.array([math.erf(value) for value in values]).reshape(np.shape(x)).astype(x.dtype)


def _sigmoid(x: Any) -> Any:
    one = x.dtype.type(1)
    # exp of a negative number only: no overflow on either side.
    e = np.exp(-abs(x))
    return np.where(x >= 0, one, e) / (one + e)


def _softplus(x: Any) -> Any:
    return np.maximum(x, x.dtype.type(0)) + np.log1p(np.exp(-abs(x)))


REFERENCE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "erf": _erf,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
}
