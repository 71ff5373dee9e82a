"""The steps of TensorFlow 1's optimizers where its formulas are not those of Keras.

https://github.com/tensorflow/tensorflow/blob/v1.15.0/tensorflow/core/kernels/training_ops.cc
"""

from __future__ import annotations

from tensorcore.ops import scalar
from tensorcore.ops.elementwise import elementwise
from tensorcore.ops.updates import NONE


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 5, outputs=2)
def accumulated_momentum_update(w, a, g, learning_rate, momentum):
    """Momentum: a' = momentum a + g; w' = w - learning_rate a'."""
    accumulated = momentum * a + g
    return w - learning_rate * accumulated, accumulated


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 5, outputs=2)
def accumulated_nesterov_update(w, a, g, learning_rate, momentum):
    """Nesterov's momentum: a' = momentum a + g; w' = w - learning_rate (g + momentum a')."""
    accumulated = momentum * a + g
    return w - learning_rate * (g + momentum * accumulated), accumulated


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 4, outputs=2)
def squares_update(w, a, g, learning_rate):
    """Adagrad without an epsilon: a' = a + g**2; w' = w - learning_rate g / sqrt(a')."""
    squares = a + g * g
    return w - learning_rate * g / scalar.sqrt(squares), squares


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 8, outputs=3)
def mean_square_update(w, s, v, g, learning_rate, rate, momentum, epsilon):
    """RMSProp; rate = 1 - decay.

    s' = s + (g**2 - s) rate; v' = momentum v + learning_rate g / sqrt(s' + epsilon); w' = w - v'
    """
    squares = s + (g * g - s) * rate
    velocity = momentum * v + learning_rate * g / scalar.sqrt(squares + epsilon)
    return w - velocity, squares, velocity


@elementwise(takes="real", domain=(0.1, 0.3), gradient=(NONE,) * 9, outputs=4)
def centered_mean_square_update(w, s, m, v, g, learning_rate, rate, momentum, epsilon):
    """RMSProp by the variance of the gradient: s' - m'**2 in place of s'."""
    mean = m + (g - m) * rate
    squares = s + (g * g - s) * rate
    variance = squares - mean * mean + epsilon
    velocity = momentum * v + learning_rate * g / scalar.sqrt(variance)
    return w - velocity, squares, mean, velocity


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 7, outputs=3)
def accumulated_delta_update(w, a, d, g, learning_rate, rate, epsilon):
    """Adadelta (Zeiler, 2012); rate = 1 - rho.

    a' = a + (g**2 - a) rate; u = sqrt(d + epsilon) / sqrt(a' + epsilon) g; d' = d + (u**2 - d)
    rate; w' = w - learning_rate u
    """
    squares = a + (g * g - a) * rate
    step = scalar.sqrt(d + epsilon) / scalar.sqrt(squares + epsilon) * g
    return w - learning_rate * step, squares, d + (step * step - d) * rate
