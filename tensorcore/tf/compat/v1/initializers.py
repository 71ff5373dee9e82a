"""`tf.initializers` and the same names with "_initializer"."""

from tensorcore.session.initializers import (
    Initializer,
    constant_value,
    glorot_normal,
    glorot_uniform,
    ones,
    random_normal,
    random_uniform,
    truncated_normal,
    variance_scaling,
    zeros,
)

constant = constant_value


def he_normal(seed=None):
    """Variance 2 / inputs, normal (He et al., 2015)."""
    return variance_scaling(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed=None):
    """Variance 2 / inputs, uniform."""
    return variance_scaling(2.0, "fan_in", "uniform", seed)


def lecun_normal(seed=None):
    """Variance 1 / inputs, normal."""
    return variance_scaling(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed=None):
    """Variance 1 / inputs, uniform."""
    return variance_scaling(1.0, "fan_in", "uniform", seed)
