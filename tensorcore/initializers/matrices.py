"""Initializers of whole matrices: orthogonal ones, and the identity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tensorcore.device import CPU
from tensorcore.errors import ShapeError
from tensorcore.initializers.base import Initializer, RandomInitializer
from tensorcore.tensor import as_tensor


class Orthogonal(RandomInitializer):
    """Matrices whose rows, or columns, are orthogonal to each other and of length `gain`.

    Args:
        gain: factor of the matrix.
        seed: int, or None for the global stream.

    For more than two dimensions all but the last count as rows.  Source: Saxe et al., 2014.

    >>> w = Orthogonal(seed=1)((3, 3)).numpy()
    >>> (w @ w.T).round(3).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        if len(shape) < 2:
            raise ShapeError(
                f"Orthogonal: expected a shape of at least two dimensions, received {tuple(shape)}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        size = (max(rows, columns), min(rows, columns))
        drawn = self.normal(size, 0.0, 1.0, "float64").numpy()
        q, r = np.linalg.qr(drawn)
        # The signs of r's diagonal make the distribution uniform.
        q = q * np.sign(np.diag(r))
        values = (q if rows >= columns else q.T).reshape(shape) * self.gain
        kind = "float32" if dtype is None else dtype
        return as_tensor(values, dtype=kind, device=CPU)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed}


class Identity(Initializer):
    """The identity matrix, times `gain`."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        if len(shape) != 2:
            raise ShapeError(f"Identity: expected a shape (n, m), received {tuple(shape)}")
        kind = "float32" if dtype is None else dtype
        return as_tensor(np.eye(*shape) * self.gain, dtype=kind, device=CPU)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
