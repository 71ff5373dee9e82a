"""Initial values of weights, by class or by name: `"glorot_uniform"` is `GlorotUniform()`."""

from __future__ import annotations

from typing import Any

from tensorcore.initializers.base import Initializer, RandomInitializer, fans
from tensorcore.initializers.constant import Constant, Ones, Zeros
from tensorcore.initializers.matrices import Identity, Orthogonal
from tensorcore.initializers.random import RandomNormal, RandomUniform, TruncatedNormal
from tensorcore.initializers.registry import Registry
from tensorcore.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "fans",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

constant, ones, zeros = Constant, Ones, Zeros
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
variance_scaling = VarianceScaling
identity, orthogonal, OrthogonalInitializer = Identity, Orthogonal, Orthogonal

_registry = Registry(
    "initializer",
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    uniform=RandomUniform,
    normal=RandomNormal,
    one=Ones,
    zero=Zeros,
)


def get(identifier: Any) -> Any:
    """The initializer named by a string, made from a configuration, or given as class, object or
    function.

    >>> get("zeros")((2,)).tolist()
    [0.0, 0.0]
    """
    return _registry.get(identifier)


def serialize(initializer: Any) -> Any:
    """The initializer as a name and a configuration."""
    return _registry.serialize(initializer)


def deserialize(config: Any) -> Any:
    """The initializer that `serialize` wrote down."""
    return _registry.get(config)
