"""The steps of further optimizers: element-wise, several results, written over the variables."""

from __future__ import annotations

from tensorcore.ops import scalar
from tensorcore.ops.elementwise import elementwise
from tensorcore.ops.updates import NONE


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 2, outputs=1)
def decay_update(w, rate):
    """Weight decay: w - rate w."""
    return w - w * rate


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 3, outputs=1)
def blend_update(w, fresh, share):
    """The value itself where share is 0, the new one where it is 1: w (1 - share) + fresh share."""
    return w * (1.0 - share) + fresh * share


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 9, outputs=4)
def amsgrad_update(w, m, v, h, g, step_size, rate_1, rate_2, epsilon):
    """Adam with the greatest v so far in its step (Reddi et al., 2018)."""
    new_m = m + (g - m) * rate_1
    new_v = v + (g * g - v) * rate_2
    new_h = scalar.maximum(h, new_v)
    return w - step_size * new_m / (scalar.sqrt(new_h) + epsilon), new_m, new_v, new_h


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 7, outputs=2)
def rmsprop_update(w, v, g, learning_rate, rho, rate, epsilon):
    """RMSprop: v' = rho v + rate g**2; w' = w - learning_rate g / sqrt(v' + epsilon)."""
    new_v = rho * v + rate * g * g
    return w - learning_rate * g / scalar.sqrt(new_v + epsilon), new_v


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 9, outputs=3)
def rmsprop_momentum_update(w, v, m, g, learning_rate, rho, rate, epsilon, momentum):
    """RMSprop with momentum: m' = momentum m + learning_rate g / sqrt(v' + epsilon); w' = w -
    m'.
    """
    new_v = rho * v + rate * g * g
    new_m = momentum * m + learning_rate * g / scalar.sqrt(new_v + epsilon)
    return w - new_m, new_v, new_m


# The variance v - a**2 of a centered step is positive for what is smaller than v.
_CENTERED = [(0.1, 0.9), (0.5, 0.9), (0.1, 0.3), (0.1, 0.3), (0.1, 0.9), (0.8, 0.9), (0.1, 0.2)]


@elementwise(takes="real", domain=[*_CENTERED, (0.1, 0.9)], gradient=(NONE,) * 8, outputs=3)
def rmsprop_centered_update(w, v, a, g, learning_rate, rho, rate, epsilon):
    """RMSprop with a running mean a of the gradient: v' - a'**2 + epsilon under the root."""
    new_v = rho * v + rate * g * g
    new_a = rho * a + rate * g
    return w - learning_rate * g / scalar.sqrt(new_v - new_a * new_a + epsilon), new_v, new_a


@elementwise(
    takes="real",
    domain=[_CENTERED[0], _CENTERED[1], (0.1, 0.9), *_CENTERED[2:], (0.1, 0.9), (0.1, 0.9)],
    gradient=(NONE,) * 10,
    outputs=4,
)
def rmsprop_centered_momentum_update(w, v, m, a, g, learning_rate, rho, rate, epsilon, momentum):
    """RMSprop with both a running mean of the gradient and momentum."""
    new_v = rho * v + rate * g * g
    new_a = rho * a + rate * g
    spread = scalar.sqrt(new_v - new_a * new_a + epsilon)
    new_m = momentum * m + learning_rate * g / spread
    return w - new_m, new_v, new_m, new_a


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 5, outputs=2)
def adagrad_update(w, s, g, learning_rate, epsilon):
    """Adagrad: s' = s + g**2; w' = w - learning_rate g / sqrt(s' + epsilon)."""
    new_s = s + g * g
    return w - learning_rate * g / scalar.sqrt(new_s + epsilon), new_s


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 8, outputs=3)
def adadelta_update(w, s, d, g, learning_rate, rho, rate, epsilon):
    """Adadelta: s' = rho s + rate g**2; step = -sqrt(d + epsilon) g / sqrt(s' + epsilon);
    d' = rho d + rate step**2; w' = w + learning_rate step.
    """
    new_s = rho * s + rate * g * g
    step = -(scalar.sqrt(d + epsilon) * g / scalar.sqrt(new_s + epsilon))
    return w + learning_rate * step, new_s, rho * d + rate * step * step


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 8, outputs=3)
def adamax_update(w, m, u, g, step_size, rate_1, beta_2, epsilon):
    """Adamax: m' = m + (g - m) rate_1; u' = max(beta_2 u, |g|); w' = w - step_size m' / (u' +
    epsilon).
    """
    new_m = m + (g - m) * rate_1
    new_u = scalar.maximum(beta_2 * u, scalar.absolute(g))
    return w - step_size * new_m / (new_u + epsilon), new_m, new_u


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 10, outputs=3)
def nadam_update(w, m, v, g, from_mean, from_gradient, rate_1, rate_2, correction, epsilon):
    """Nadam: Adam whose step looks ahead, w' = w - (from_mean m' + from_gradient g) / (sqrt(v'
    correction) + epsilon).
    """
    new_m = m + (g - m) * rate_1
    new_v = v + (g * g - v) * rate_2
    step = from_mean * new_m + from_gradient * g
    return w - step / (scalar.sqrt(new_v * correction) + epsilon), new_m, new_v


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 9, outputs=3)
def ftrl_update(w, n, z, g, learning_rate, exponent, l1, l2, shrinkage):
    """Follow the regularized leader (McMahan et al., 2013): n' = n + g**2; z' = z + g + shrinkage w
    - (n'**exponent - n**exponent) / learning_rate w; w' = (clip(z', -l1, l1) - z') / (n'**exponent
    / learning_rate + l2).
    """
    new_n = n + g * g
    after = scalar.power(new_n, exponent)
    slope = (after - scalar.power(n, exponent)) / learning_rate
    new_z = z + (g + shrinkage * w) - slope * w
    clipped = scalar.minimum(scalar.maximum(new_z, -l1), l1)
    return (clipped - new_z) / (after / learning_rate + l2), new_n, new_z


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 8, outputs=2)
def lion_update(w, m, g, learning_rate, beta_1, rate_1, beta_2, rate_2):
    """Lion (Chen et al., 2023): w' = w - learning_rate sign(beta_1 m + rate_1 g); m' = beta_2 m +
    rate_2 g.
    """
    step = scalar.sign(m * beta_1 + g * rate_1)
    return w - learning_rate * step, m * beta_2 + g * rate_2
