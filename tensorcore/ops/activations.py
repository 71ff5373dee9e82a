"""Activation functions, element-wise, and the sigmoid cross-entropy."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tensorcore.ops import scalar
from tensorcore.ops.composing import composed
from tensorcore.ops.elementwise import elementwise, operation_of

FEW = 1024  # elements


@functools.cache
def relu_slope() -> Any:
    """The operation (g, y): g where the result y of relu is positive, else 0."""
    slope = scalar.select(scalar.argument("y") <= 0.0, scalar.constant(0.0), scalar.argument("g"))
    return operation_of("relu_vjp_y", ["g", "y"], slope)


# By the result, which is positive where x is and which the next layer keeps anyway.
@elementwise(takes="real", gradient=(lambda g, y: relu_slope()(g, y),))
def relu(x):
    """Rectified linear unit, max(x, 0); its slope at 0 is 0.

    >>> tc.nn.relu(tc.asarray([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return scalar.maximum(0.0, x)


def _relu_of_few(x: np.ndarray) -> Any:
    """NumPy's way where one call costs less than the loop of the generated kernel."""
    return np.maximum(x, x.dtype.type(0)) if x.size <= FEW else None


relu.straight = _relu_of_few


@elementwise(takes="real", domain=(-4.0, 8.0))
def relu6(x):
    """min(max(x, 0), 6) (Krizhevsky, 2010).

    >>> tc.nn.relu6(tc.asarray([-1.0, 2.0, 9.0])).tolist()
    [0.0, 2.0, 6.0]
    """
    return scalar.minimum(6.0, scalar.maximum(0.0, x))


@elementwise(computes="float", takes="real", domain=[(-2.5, 2.5), (0.1, 0.4)])
def leaky_relu_of(x, negative_slope):
    """x where it is positive, else negative_slope * x."""
    return scalar.select(x > 0.0, x, negative_slope * x)


@composed
def leaky_relu(x: Any, negative_slope: Any = 0.2) -> Any:
    """x where it is positive, else negative_slope * x (Maas et al., 2013).

    >>> tc.nn.leaky_relu(tc.asarray([-1.0, 2.0]), negative_slope=0.5).tolist()
    [-0.5, 2.0]
    """
    return leaky_relu_of(x, negative_slope)


@elementwise(computes="float", takes="real", domain=[(-2.5, 2.5), (0.5, 1.5)])
def elu_of(x, alpha):
    """x where it is positive, else alpha * (exp(x) - 1)."""
    return scalar.select(x > 0.0, x, alpha * scalar.expm1(x))


@composed
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """Exponential linear unit: x where it is positive, else alpha * (exp(x) - 1) (Clevert et al.,
    2015).

    >>> tc.nn.elu(tc.asarray([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return elu_of(x, alpha)


@elementwise(computes="float", takes="real")
def selu(x):
    """Scaled exponential linear unit (Klambauer et al., 2017).

    >>> round(float(tc.nn.selu(1.0)), 4)
    1.0507
    """
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * scalar.select(x > 0.0, x, alpha * scalar.expm1(x))


@elementwise(computes="float")
def sigmoid(x):
    """Logistic function 1 / (1 + exp(-x)), without overflow on either side.

    >>> float(tc.nn.sigmoid(0.0))
    0.5
    """
    return scalar.sigmoid(x)


@elementwise(computes="float", takes="real")
def log_sigmoid(x):
    """log(sigmoid(x)), without underflow.

    >>> round(float(tc.nn.log_sigmoid(0.0)), 4)
    -0.6931
    """
    return -scalar.softplus(-x)


@elementwise(computes="float", takes="real")
def softplus(x):
    """log(1 + exp(x)), without overflow.

    >>> round(float(tc.nn.softplus(0.0)), 4)
    0.6931
    """
    return scalar.softplus(x)


@elementwise(computes="float", takes="real")
def softsign(x):
    """x / (1 + |x|).

    >>> float(tc.nn.softsign(1.0))
    0.5
    """
    return x / (1.0 + scalar.absolute(x))


@elementwise(computes="float", takes="real")
def silu(x):
    """x * sigmoid(x), also called swish (Ramachandran et al., 2017).

    >>> float(tc.nn.silu(0.0))
    0.0
    """
    return x * scalar.sigmoid(x)


@elementwise(computes="float", takes="real")
def gelu_erf(x):
    """x times the probability that a standard normal value is below x."""
    return 0.5 * x * (1.0 + scalar.erf(x * math.sqrt(0.5)))


@elementwise(computes="float", takes="real")
def gelu_tanh(x):
    """The approximation of GELU by tanh."""
    # 0.5 * (1 + tanh(u)) is sigmoid(2 u), which keeps its digits where tanh is nearly -1.
    return x * scalar.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


@composed
def gelu(x: Any, approximate: bool = False) -> Any:
    """Gaussian error linear unit x * P(X <= x), X standard normal (Hendrycks and Gimpel, 2016).

    Args:
        x: real tensor.
        approximate: use the tanh form, 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3))).

    >>> round(float(tc.nn.gelu(1.0)), 4)
    0.8413
    """
    return gelu_tanh(x) if approximate else gelu_erf(x)


@elementwise(computes="float", takes="real")
def mish(x):
    """x * tanh(softplus(x)) (Misra, 2019).

    >>> float(tc.nn.mish(0.0))
    0.0
    """
    return x * scalar.tanh(scalar.softplus(x))


@elementwise(computes="float", takes="real", domain=(-4.0, 4.0))
def hard_sigmoid(x):
    """(x + 3) / 6, limited to 0 and 1.

    >>> float(tc.nn.hard_sigmoid(0.0))
    0.5
    """
    return scalar.minimum(1.0, scalar.maximum(0.0, (x + 3.0) / 6.0))


@elementwise(computes="float", takes="real", domain=(-4.0, 4.0))
def hard_silu(x):
    """x * hard_sigmoid(x).

    >>> float(tc.nn.hard_silu(4.0))
    4.0
    """
    return x * scalar.minimum(1.0, scalar.maximum(0.0, (x + 3.0) / 6.0))


def _from_logits(g: Any, logits: Any, targets: Any) -> Any:
    return g * (sigmoid(logits) - targets)


@elementwise(
    computes="float",
    takes="real",
    domain=[(-2.5, 2.5), (0.0, 1.0)],
    # Written out, since max(x, 0) and |x| have a kink at 0 that their sum does not have.
    gradient=(_from_logits, lambda g, logits: -g * logits),
)
def sigmoid_cross_entropy(logits, targets):
    """Cross-entropy of a yes/no prediction: -t log(p) - (1 - t) log(1 - p) with p =
    sigmoid(logits).

    Computed as max(x, 0) - x t + log(1 + exp(-|x|)), which neither overflows nor cancels.

    >>> round(float(tc.nn.sigmoid_cross_entropy(tc.asarray(0.0), 1.0)), 4)
    0.6931
    """
    positive_part = scalar.maximum(0.0, logits)
    return positive_part - logits * targets + scalar.softplus(-scalar.absolute(logits))
