"""Random initializers with fixed parameters."""

from __future__ import annotations

from typing import Any

from tensorcore.initializers.base import RandomInitializer


class RandomNormal(RandomInitializer):
    """Normal numbers of the given mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        return self.normal(shape, self.mean, self.stddev, "float32" if dtype is None else dtype)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normal numbers; those farther than two standard deviations from the mean are drawn anew."""

    def __call__(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        dtype = "float32" if dtype is None else dtype
        return self.normal(shape, self.mean, self.stddev, dtype, truncated=True)


class RandomUniform(RandomInitializer):
    """Uniform numbers from `minval` to `maxval`."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        return self.generator().uniform(
            shape,
            self.minval,
            self.maxval,
            dtype="float32" if dtype is None else dtype,
            device="cpu",
        )

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}
