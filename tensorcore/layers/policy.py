"""In which dtype a layer keeps its weights, and in which it computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError


class DTypePolicy:
    """A dtype for the weights and one for the computation.

    Args:
        name: a floating-point dtype for both; or "mixed_float16" and "mixed_bfloat16", which
            compute in 16 bits and keep the weights in float32, where small updates are not lost.

    Attributes:
        name: as given.
        variable_dtype: of the weights.
        compute_dtype: of the inputs and results.

    Source: Micikevicius et al., Mixed Precision Training, 2018.

    >>> from tensorcore import keras
    >>> policy = keras.mixed_precision.DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    def __init__(self, name: str = "float32") -> None:
        self.name = name
        compute = name.removeprefix("mixed_") if isinstance(name, str) else name
        is_mixed = compute != name
        try:
            self._compute = dtypes.as_dtype(compute)
        except (TypeError, ValueError):
            self._compute = np.dtype(bool)
        if is_mixed and compute not in ("float16", "bfloat16"):
            self._compute = np.dtype(bool)
        if self._compute.kind == "b" and compute != "bool":
            raise InvalidArgumentError(
                f'a dtype policy must be a dtype such as "float32", or "mixed_float16" or '
                f'"mixed_bfloat16", received {name!r}'
            )
        self.name = name if is_mixed else self._compute.name
        self._variable = dtypes.float32 if is_mixed else self._compute

    @property
    def compute_dtype(self) -> str:
        return self._compute.name

    @property
    def variable_dtype(self) -> str:
        return self._variable.name

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """A policy made from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


class _Global:
    policy = DTypePolicy("float32")


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are made without `dtype`."""
    return _Global.policy


def set_dtype_policy(policy: Any) -> None:
    """Let layers that are made from now on compute by this policy.

    >>> from tensorcore import keras
    >>> keras.mixed_precision.set_global_policy("mixed_bfloat16")
    >>> keras.layers.Dense(2).compute_dtype.name
    'bfloat16'
    >>> keras.mixed_precision.set_global_policy("float32")
    """
    _Global.policy = as_policy(policy)


def as_policy(given: Any) -> DTypePolicy:
    """The policy that an argument `dtype` means: a policy, a name, a dtype, a configuration."""
    if given is None:
        return _Global.policy
    if isinstance(given, DTypePolicy):
        return given
    if isinstance(given, dict):
        return DTypePolicy((given.get("config") or {}).get("name") or "float32")
    return DTypePolicy(given if isinstance(given, str) else dtypes.as_dtype(given).name)


def config_of(policy: DTypePolicy) -> dict[str, Any]:
    """A policy as the configurations of layers have it."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": policy.get_config(),
        "registered_name": None,
    }
