"""What kernels over rows share: the maximum of a row, and its exponentials with their sum.

Here `exp` and `log` are chosen by the type of their argument when a kernel is compiled.
"""

from __future__ import annotations

import numpy as np
from tensorcore.kernels.cpu import float32_functions, float64_functions, scalar_functions
from tensorcore.kernels.cpu.compiler import overload, types
from tensorcore.kernels.cpu.intrinsics import bits, float_of_bits, select
from tensorcore.kernels.cpu.jit import REORDER, inline

OPTIONS = scalar_functions.OPTIONS


def exp(x):
    """e^x without branches."""
    raise NotImplementedError


def exp_of_negative(x):
    """e^x where no x is above 0, and 0 where that is next to nothing."""
    raise NotImplementedError


def log(x):
    """The natural logarithm without branches."""
    raise NotImplementedError


@overload(exp, jit_options=OPTIONS)
def _exp(x):
    if x == types.float32:
        return lambda x: float32_functions.exp(x)
    return lambda x: float64_functions.exp(x)


@overload(exp_of_negative, jit_options=OPTIONS)
def _exp_of_negative(x):
    if x == types.float32:
        return lambda x: float32_functions.exp_of_negative(x)
    return lambda x: float64_functions.exp_of_negative(x)


@overload(log, jit_options=OPTIONS)
def _log(x):
    if x == types.float32:
        return lambda x: float32_functions.log(x)
    return lambda x: float64_functions.log(x)


def _ordered(x):
    """The bits of a float, changed so that they compare as integers like the floats do."""
    raise NotImplementedError


def _from_ordered(i):
    """The float that `_ordered` made `i` of: the change undoes itself."""
    raise NotImplementedError


@overload(_ordered, jit_options=OPTIONS)
def _ordered_of(x):
    if x == types.float32:
        return lambda x: np.int32(bits(x) ^ ((bits(x) >> np.int32(31)) & np.int32(0x7FFFFFFF)))
    return lambda x: bits(x) ^ ((bits(x) >> 63) & 0x7FFFFFFFFFFFFFFF)


@overload(_from_ordered, jit_options=OPTIONS)
def _from_ordered_of(i):
    if i == types.int32:
        return lambda i: float_of_bits(np.int32(i ^ ((i >> np.int32(31)) & np.int32(0x7FFFFFFF))))
    return lambda i: float_of_bits(i ^ ((i >> 63) & 0x7FFFFFFFFFFFFFFF))


@inline
def row_max(row):
    """The largest value.  NaN may win or not: it reaches the sum that follows in any case."""
    # In integers, since the order of floating-point maxima may not be changed and so is not
    # vectorised.
    best = _ordered(row[0])
    for i in range(1, row.size):
        value = _ordered(row[i])
        best = select(value > best, value, best)
    return _from_ordered(best)


@inline(fastmath=REORDER)
def row_sum_of_exp(row, largest, result):
    """Write e^(row - largest) to `result` and return the sum."""
    for i in range(row.size):
        result[i] = exp(row[i] - largest)
    total = row.dtype.type(0)
    for i in range(row.size):
        total += result[i]
    return total
