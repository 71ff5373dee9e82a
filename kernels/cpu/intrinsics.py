"""Single machine operations that numba has no name for, usable in kernels for every float type.

They turn into LLVM instructions without branches, so that loops over them can be vectorised.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from tensorcore.kernels.cpu.compiler import cgutils, intrinsic, types


def _integer_of(kind: Any) -> Any:
    """The signed integer type as wide as a float type."""
    return types.int32 if kind.bitwidth == 32 else types.int64


@intrinsic
def bits(context: Any, x: Any) -> Any:
    """The bits of a float as a signed integer of the same width."""
    result = _integer_of(x)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(result))

    return result(x), generate


@intrinsic
def float_of_bits(context: Any, i: Any) -> Any:
    """The float whose bits are the integer `i`."""
    result = types.float32 if i.bitwidth == 32 else types.float64

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(result))

    return result(i), generate


@intrinsic
def like(context: Any, x: Any, value: Any) -> Any:
    """`value` in the type of `x`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.cast(builder, args[1], value, x)

    return x(x, value), generate


@intrinsic
def select(context: Any, condition: Any, x: Any, y: Any) -> Any:
    """`x` if `condition` else `y`, both computed: never a branch."""
    result = context.unify_pairs(x, y)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first = context.cast(builder, args[1], signature.args[1], result)
        second = context.cast(builder, args[2], signature.args[2], result)
        return builder.select(args[0], first, second)

    return result(types.boolean, x, y), generate


def _unary(name: str, doc: str) -> Any:
    """A function of one float that LLVM has under `name`."""

    def typed(context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = args[0].type
            suffix = "f32" if kind == ir.FloatType() else "f64"
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(kind, [kind]), f"llvm.{name}.{suffix}"
            )
            return builder.call(function, args)

        return x(x), generate

    typed.__name__ = name
    typed.__doc__ = doc
    return intrinsic(typed)


float_abs = _unary("fabs", "The absolute value of a float.")
float_floor = _unary("floor", "The largest whole number that is not above a float.")
float_ceil = _unary("ceil", "The smallest whole number that is not below a float.")
float_trunc = _unary("trunc", "A float without its fraction.")
float_rint = _unary("rint", "The nearest whole number, ties to the even one.")
float_sqrt = _unary("sqrt", "The square root of a float, correctly rounded.")


@intrinsic
def copy_sign(context: Any, x: Any, y: Any) -> Any:
    """The float `x` with the sign of `y`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        suffix = "f32" if kind == ir.FloatType() else "f64"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind, kind]), f"llvm.copysign.{suffix}"
        )
        return builder.call(function, args)

    return x(x, x), generate


@intrinsic
def bit_width(context: Any, x: Any) -> Any:
    """The number of bits of an integer's type."""
    width = 8 if isinstance(x, types.Boolean) else x.bitwidth

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.int64, width)

    return types.int64(x), generate
