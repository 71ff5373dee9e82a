"""Initializers that keep the size of signals: their variance depends on inputs and outputs."""

from __future__ import annotations

import math
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.initializers.base import RandomInitializer, fans

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")
# The standard deviation of a standard normal value that is cut off at -2 and 2.
TRUNCATED_STDDEV = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Random values of variance scale / n.

    Args:
        scale: positive number.
        mode: n is the number of inputs ("fan_in"), of outputs ("fan_out"), or their mean
            ("fan_avg").
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: int, or None for the global stream.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        for argument, value, known in (
            ("mode", mode, MODES),
            ("distribution", distribution, DISTRIBUTIONS),
        ):
            if value not in known:
                raise InvalidArgumentError(
                    f"VarianceScaling: {argument} must be one of {known}, received {value!r}"
                )
        if scale <= 0:
            raise InvalidArgumentError(f"VarianceScaling: scale must be positive, received {scale}")
        self.scale = scale
        self.mode = mode
        self.distribution = distribution

    def __call__(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        fan_in, fan_out = fans(tuple(shape))
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        dtype = "float32" if dtype is None else dtype
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return self.generator().uniform(shape, -limit, limit, dtype=dtype, device="cpu")
        if self.distribution == "untruncated_normal":
            return self.normal(shape, 0.0, math.sqrt(variance), dtype)
        stddev = math.sqrt(variance) / TRUNCATED_STDDEV
        return self.normal(shape, 0.0, stddev, dtype, truncated=True)

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
        }


class _Named(VarianceScaling):
    """A VarianceScaling whose settings have a name."""

    settings: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.settings, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class GlorotUniform(_Named):
    """Uniform, variance 2 / (inputs + outputs) (Glorot and Bengio, 2010)."""

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Truncated normal, variance 2 / (inputs + outputs) (Glorot and Bengio, 2010)."""

    settings = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Named):
    """Uniform, variance 2 / inputs (He et al., 2015)."""

    settings = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    """Truncated normal, variance 2 / inputs (He et al., 2015)."""

    settings = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    """Uniform, variance 1 / inputs (LeCun et al., 1998)."""

    settings = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    """Truncated normal, variance 1 / inputs (LeCun et al., 1998)."""

    settings = (1.0, "fan_in", "truncated_normal")
