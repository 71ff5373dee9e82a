"""Scalar mathematics, written once: symbols become a small graph of primitives.

An element-wise operation is a Python function of scalars.  Called with symbols it yields an
expression, from which come

* `statements`: text that is legal in Python (for numba) and in CUDA C++ alike; the functions it
  calls are defined in `kernels/cpu/scalar_functions.py` and `kernels/cuda/scalar_functions.cuh`;
* `pullback`: the derivative, as expressions again, so that it can be differentiated once more;
* `evaluate`: the value on whole arrays of NumPy or CuPy, the plain reference.

Expressions are interned: equal expressions are one object, so common parts are computed once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Primitive(NamedTuple):
    """One scalar function: how it is written, its partial derivatives, its name in NumPy."""

    name: str
    text: str
    derivative: Callable[..., tuple[Any, ...]] | None
    numpy: str
    is_bool: bool


class Expr:
    """A node of an expression: a primitive with arguments, a constant, or a named argument."""

    __slots__ = ("primitive", "args")

    def __init__(self, primitive: Primitive | None, args: tuple[Any, ...]) -> None:
        self.primitive = primitive  # None: a leaf, whose args are ("x",) or (0.5,)
        self.args = args

    @property
    def is_constant(self) -> bool:
        return self.primitive is None and not isinstance(self.args[0], str)

    @property
    def is_argument(self) -> bool:
        return self.primitive is None and isinstance(self.args[0], str)

    @property
    def is_bool(self) -> bool:
        return self.primitive is not None and self.primitive.is_bool

    def __repr__(self) -> str:
        return (
            str(self.args[0])
            if self.primitive is None
            else _text(self, [repr(arg) for arg in self.args])
        )

    def __add__(self, other: Any) -> Expr:
        return add(self, other)

    def __radd__(self, other: Any) -> Expr:
        return add(other, self)

    def __sub__(self, other: Any) -> Expr:
        return sub(self, other)

    def __rsub__(self, other: Any) -> Expr:
        return sub(other, self)

    def __mul__(self, other: Any) -> Expr:
        return mul(self, other)

    def __rmul__(self, other: Any) -> Expr:
        return mul(other, self)

    def __truediv__(self, other: Any) -> Expr:
        return div(self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return div(other, self)

    def __pow__(self, power: int) -> Expr:
        return functools.reduce(mul, [self] * power)

    def __neg__(self) -> Expr:
        return neg(self)

    def __lt__(self, other: Any) -> Expr:
        return less(self, other)

    def __le__(self, other: Any) -> Expr:
        return less_equal(self, other)

    def __gt__(self, other: Any) -> Expr:
        return less(other, self)

    def __ge__(self, other: Any) -> Expr:
        return less_equal(other, self)


_interned: dict[tuple[Any, ...], Expr] = {}
PRIMITIVES: dict[str, Primitive] = {}


def _node(primitive: Primitive | None, *args: Any) -> Expr:
    # repr keeps 0.0 apart from -0.0, and makes nan equal to itself.
    key = (
        primitive and primitive.name,
        *(id(arg) if isinstance(arg, Expr) else repr(arg) for arg in args),
    )
    if key not in _interned:
        _interned[key] = Expr(primitive, args)
    return _interned[key]


def argument(name: str) -> Expr:
    """The symbol of a named argument."""
    return _node(None, name)


def constant(value: Any) -> Expr:
    """`value` as an expression; expressions pass through."""
    return value if isinstance(value, Expr) else _node(None, value)


def _is(expr: Expr, value: float) -> bool:
    return expr.is_constant and expr.args[0] == value


def primitive(
    name: str,
    derivative: Callable[..., tuple[Any, ...]] | None = None,
    *,
    text: str | None = None,
    numpy: str | None = None,
    is_bool: bool = False,
    simplify: Callable[..., Expr | None] | None = None,
) -> Callable[..., Expr]:
    """Declare a primitive and return the function that builds its nodes.

    `derivative(*args, y)` gives one partial derivative an argument; None instead of the function
    marks an output that does not depend smoothly on anything (comparisons, bits).  `text` uses {0},
    {1}...
    """
    if text is None:
        text = f"{name}({{args}})"
    record = PRIMITIVES[name] = Primitive(name, text, derivative, numpy or name, is_bool)

    def build(*args: Any) -> Expr:
        nodes = tuple(constant(arg) for arg in args)
        simpler = simplify(*nodes) if simplify else None
        return _node(record, *nodes) if simpler is None else simpler

    build.__name__ = name
    return build


# Arithmetic ---------------------------------------------------------------------------------------


def _simpler_add(x: Expr, y: Expr) -> Expr | None:
    return y if _is(x, 0) else x if _is(y, 0) else None


def _simpler_sub(x: Expr, y: Expr) -> Expr | None:
    return neg(y) if _is(x, 0) else x if _is(y, 0) else None


def _simpler_mul(x: Expr, y: Expr) -> Expr | None:
    if _is(x, 0) or _is(y, 0):
        return constant(0.0)
    if _is(x, 1):
        return y
    if _is(y, 1):
        return x
    if _is(x, -1):
        return neg(y)
    if _is(y, -1):
        return neg(x)
    # An infinite slope in the branch that was not taken must not turn the zero there into NaN.
    for masked, factor in ((x, y), (y, x)):
        if masked.primitive is PRIMITIVES.get("select") and _is(masked.args[2], 0):
            return select(masked.args[0], mul(masked.args[1], factor), 0.0)
        if masked.primitive is PRIMITIVES.get("select") and _is(masked.args[1], 0):
            return select(masked.args[0], 0.0, mul(masked.args[2], factor))
    return None


def _simpler_div(x: Expr, y: Expr) -> Expr | None:
    return x if _is(y, 1) else None


def _simpler_neg(x: Expr) -> Expr | None:
    if x.is_constant:
        return constant(-x.args[0])
    return x.args[0] if x.primitive is PRIMITIVES["neg"] else None


add = primitive("add", lambda x, y, z: (1, 1), text="({0} + {1})", simplify=_simpler_add)
sub = primitive(
    "sub", lambda x, y, z: (1, -1), text="({0} - {1})", numpy="subtract", simplify=_simpler_sub
)
mul = primitive(
    "mul", lambda x, y, z: (y, x), text="({0} * {1})", numpy="multiply", simplify=_simpler_mul
)
div = primitive(
    "div",
    lambda x, y, z: (1 / y, -(z / y)),
    text="({0} / {1})",
    numpy="divide",
    simplify=_simpler_div,
)
neg = primitive("neg", lambda x, z: (-1,), text="(-{0})", numpy="negative", simplify=_simpler_neg)
floor_divide = primitive("floor_divide", lambda x, y, z: (0, 0))
remainder = primitive("remainder", lambda x, y, z: (1, -floor(x / y)))
power = primitive(
    "power",
    lambda x, y, z: (
        select(equal(y, 0), 0.0, y * power(x, y - 1)),
        select(less(0, x), z * log(x), 0.0),
    ),
)

# Comparison and logic: functions rather than operators, since && and `and` differ -----------------

less = primitive("less", text="({0} < {1})", is_bool=True)
less_equal = primitive("less_equal", text="({0} <= {1})", is_bool=True)
equal = primitive("equal", text="({0} == {1})", is_bool=True)
not_equal = primitive("not_equal", text="({0} != {1})", is_bool=True)
logical_and = primitive("logical_and", is_bool=True)
logical_or = primitive("logical_or", is_bool=True)
logical_xor = primitive("logical_xor", is_bool=True)
logical_not = primitive("logical_not", is_bool=True)
isnan = primitive("isnan", is_bool=True)
isinf = primitive("isinf", is_bool=True)
isfinite = primitive("isfinite", is_bool=True)
signbit = primitive("signbit", is_bool=True)


def _simpler_select(condition: Expr, x: Expr, y: Expr) -> Expr | None:
    return x if x is y else None


select = primitive(
    "select",
    lambda c, x, y, z: (None, select(c, 1.0, 0.0), select(c, 0.0, 1.0)),
    numpy="where",
    simplify=_simpler_select,
)
maximum = primitive("maximum", lambda x, y, z: (select(y <= x, 1.0, 0.0), select(y <= x, 0.0, 1.0)))
minimum = primitive("minimum", lambda x, y, z: (select(x <= y, 1.0, 0.0), select(x <= y, 0.0, 1.0)))

# Rounding and sign: constant between their steps, so their derivative is zero ---------------------

floor = primitive("floor", lambda x, y: (0,))
ceil = primitive("ceil", lambda x, y: (0,))
trunc = primitive("trunc", lambda x, y: (0,))
rint = primitive("rint", lambda x, y: (0,))
sign = primitive("sign", lambda x, y: (0,))
absolute = primitive("absolute", lambda x, y: (sign(x),))
copysign = primitive("copysign", lambda x, y, z: (select(equal(x, z), 1.0, -1.0), 0))

# Exponentials, powers, logarithms -----------------------------------------------------------------

exp = primitive("exp", lambda x, y: (y,))
exp2 = primitive("exp2", lambda x, y: (y * math.log(2),))
expm1 = primitive("expm1", lambda x, y: (y + 1,))
log = primitive("log", lambda x, y: (1 / x,))
log1p = primitive("log1p", lambda x, y: (1 / (1 + x),))
log2 = primitive("log2", lambda x, y: (1 / (x * math.log(2)),))
log10 = primitive("log10", lambda x, y: (1 / (x * math.log(10)),))
sqrt = primitive("sqrt", lambda x, y: (0.5 / y,))
hypot = primitive("hypot", lambda x, y, z: (x / z, y / z))
logaddexp = primitive("logaddexp", lambda x, y, z: (exp(x - z), exp(y - z)))

# Trigonometric and hyperbolic ---------------------------------------------------------------------

sin = primitive("sin", lambda x, y: (cos(x),))
cos = primitive("cos", lambda x, y: (-sin(x),))
tan = primitive("tan", lambda x, y: (1 + y * y,))
arcsin = primitive("arcsin", lambda x, y: (1 / sqrt(1 - x * x),))
arccos = primitive("arccos", lambda x, y: (-1 / sqrt(1 - x * x),))
arctan = primitive("arctan", lambda x, y: (1 / (1 + x * x),))
arctan2 = primitive("arctan2", lambda x, y, z: (y / (x * x + y * y), -x / (x * x + y * y)))
sinh = primitive("sinh", lambda x, y: (cosh(x),))
cosh = primitive("cosh", lambda x, y: (sinh(x),))
tanh = primitive("tanh", lambda x, y: (1 - y * y,))
arcsinh = primitive("arcsinh", lambda x, y: (1 / sqrt(x * x + 1),))
# Not sqrt(x * x - 1), whose sign is wrong for complex x in the left half-plane.
arccosh = primitive("arccosh", lambda x, y: (1 / (sqrt(x - 1) * sqrt(x + 1)),))
arctanh = primitive("arctanh", lambda x, y: (1 / (1 - x * x),))

# Functions of probability and activation, primitive because their stable forms have branches
# -----------

erf = primitive("erf", lambda x, y: (2 / math.sqrt(math.pi) * exp(-(x * x)),))
sigmoid = primitive("sigmoid", lambda x, y: (y * (1 - y),))
softplus = primitive("softplus", lambda x, y: (sigmoid(x),))

# Bits ---------------------------------------------------------------------------------------------

bitwise_and = primitive("bitwise_and", text="({0} & {1})")
bitwise_or = primitive("bitwise_or", text="({0} | {1})")
bitwise_xor = primitive("bitwise_xor", text="({0} ^ {1})")
bitwise_invert = primitive("bitwise_invert", numpy="invert")
left_shift = primitive("left_shift")
right_shift = primitive("right_shift")


# What is made of an expression --------------------------------------------------------------------


def arguments(exprs: Iterable[Expr]) -> set[str]:
    """The names of the arguments that occur in the expressions."""
    return {node.args[0] for node in _in_order(exprs) if node.is_argument}


# What has one right answer in a floating-point dtype; of the others libraries differ in the last
# digit.
EXACT = frozenset(
    {"add", "sub", "mul", "div", "neg", "sqrt", "select", "maximum", "minimum"}
    | {"floor", "ceil", "trunc", "rint", "sign", "absolute", "copysign"}
    | {"bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_invert", "left_shift", "right_shift"}
    | {name for name, primitive in PRIMITIVES.items() if primitive.is_bool}
)


def is_exact(expr: Expr) -> bool:
    """Whether the expression has the same bits wherever it is computed step by step."""
    primitives = (node.primitive for node in _in_order([expr]))
    return all(primitive is None or primitive.name in EXACT for primitive in primitives)


def substitute(expr: Expr, replacements: dict[Expr, Expr]) -> Expr:
    """`expr` with whole sub-expressions replaced."""
    done: dict[Expr, Expr] = {}

    def visit(node: Expr) -> Expr:
        if node in replacements:
            return replacements[node]
        if node.primitive is None:
            return node
        if node not in done:
            done[node] = _node(node.primitive, *(visit(arg) for arg in node.args))
        return done[node]

    return visit(expr)


def pullback(y: Expr, names: Iterable[str]) -> list[Expr]:
    """The gradient for each named argument of `y`, given the gradient `g` that arrives at `y`.

    Where a derivative contains `y` itself (exp, tanh, sqrt) it is named as the argument "y", so
    that the result is kept instead of being computed again.
    """
    gradients: dict[Expr, Expr] = {y: argument("g")}
    for node in reversed(_in_order([y])):
        arriving = gradients.get(node)
        if arriving is None or node.primitive is None or node.primitive.derivative is None:
            continue
        for arg, partial in zip(
            node.args, node.primitive.derivative(*node.args, node), strict=True
        ):
            if partial is None or arg.is_constant:
                continue
            part = mul(arriving, partial)
            gradients[arg] = add(gradients[arg], part) if arg in gradients else part
    keep = {} if y.primitive is None else {y: argument("y")}
    return [substitute(gradients.get(argument(name), constant(0.0)), keep) for name in names]


def _in_order(exprs: Iterable[Expr]) -> list[Expr]:
    """All nodes below the expressions, arguments before the nodes that use them."""
    order: dict[Expr, None] = {}

    def visit(node: Expr) -> None:
        if node in order:
            return
        if node.primitive is not None:
            for arg in node.args:
                visit(arg)
        order[node] = None

    for expr in exprs:
        visit(expr)
    return list(order)


def _text(node: Expr, args: list[str]) -> str:
    return node.primitive.text.format(*args, args=", ".join(args))  # type: ignore[union-attr]


def _constant_text(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "T(NAN)" if math.isnan(value) else "T(INFINITY)" if value > 0 else "T(-INFINITY)"
    return f"T({float(value)!r})" if isinstance(value, float) else f"T({value!r})"


class Statement(NamedTuple):
    """One assignment `name = text` of type bool or, usually, of the compute type T."""

    name: str
    text: str
    is_bool: bool


def statements(results: Iterable[Expr]) -> tuple[list[Statement], list[str]]:
    """The expressions as assignments, each shared part once, and the text of each result."""
    results = list(results)
    lines: list[Statement] = []
    texts: dict[Expr, str] = {}
    for node in _in_order(results):
        if node.is_argument:
            texts[node] = node.args[0]
        elif node.is_constant:
            texts[node] = _constant_text(node.args[0])
        else:
            name = f"t{len(lines)}"
            lines.append(
                Statement(name, _text(node, [texts[arg] for arg in node.args]), node.is_bool)
            )
            texts[node] = name
    return lines, [texts[result] for result in results]


def evaluate(
    result: Expr,
    values: dict[str, Any],
    xp: Any,
    as_constant: Callable[[Any], Any],
    functions: dict[str, Callable[..., Any]],
) -> Any:
    """The value of an expression on arrays: primitives by their names in `functions`, else in `xp`.

    `as_constant` gives the expression's numbers the dtype in which it is computed.
    """
    known: dict[Expr, Any] = {}
    for node in _in_order([result]):
        if node.is_argument:
            known[node] = values[node.args[0]]
        elif node.is_constant:
            known[node] = as_constant(node.args[0])
        else:
            name = node.primitive.numpy  # type: ignore[union-attr]
            function = functions.get(name) or getattr(xp, name)
            known[node] = function(*(known[arg] for arg in node.args))
    return known[result]
