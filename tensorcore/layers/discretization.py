"""Numbers sorted into bins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tensorcore import dtypes, nn
from tensorcore.errors import InvalidArgumentError, TrainingError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.ops.reductions import max as greatest
from tensorcore.ops.reductions import sum as total
from tensorcore.ops.shaping import expand_dims, squeeze
from tensorcore.ops.sorting import searchsorted
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

MODES = ("int", "one_hot", "multi_hot", "count")


class Discretization(Layer):
    """The number of the bin that each value falls into.

    Args:
        bin_boundaries: where one bin ends and the next begins, in ascending order: N of them make
            N + 1 bins, and a boundary belongs to the bin above it.
        num_bins: so many bins, whose boundaries `adapt(data)` finds: each gets about as many
            values.
        epsilon: how exact these are, as a share of the values.
        output_mode: "int" for numbers; "one_hot" for vectors with a 1; "multi_hot" and "count" for
            one vector a sample, which says which bins occur, or how often.

    >>> Discretization([0.0, 1.0])([-1.5, 0.0, 0.5, 7.0]).tolist()
    [0, 1, 1, 2]
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sparse:
            raise InvalidArgumentError("Discretization: sparse=True is not there; leave it out")
        if output_mode not in MODES:
            raise InvalidArgumentError(
                f"Discretization: output_mode must be one of {', '.join(MODES)}, received "
                f"{output_mode!r}"
            )
        if (bin_boundaries is None) == (num_bins is None):
            raise InvalidArgumentError(
                "Discretization: give bin_boundaries, or num_bins for adapt(data) to find them; "
                f"received {bin_boundaries!r} and {num_bins!r}"
            )
        if num_bins is not None and num_bins < 1:
            raise InvalidArgumentError(
                f"Discretization: num_bins must be a positive int, received {num_bins!r}"
            )
        if bin_boundaries is not None and list(bin_boundaries) != sorted(bin_boundaries):
            raise InvalidArgumentError(
                "Discretization: bin_boundaries must be in ascending order, received "
                f"{list(bin_boundaries)}"
            )
        keep(self, num_bins=num_bins, epsilon=epsilon, output_mode=output_mode)
        self.bin_boundaries = None if bin_boundaries is None else [float(b) for b in bin_boundaries]

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Find the boundaries: quantiles of the data.

        Args:
            data: an array, or an iterable of batches (a Dataset).
            batch_size: accepted; arrays are taken as a whole.
            steps: look at this many batches only.
        """
        if self.num_bins is None:
            raise TrainingError(
                f"{self._who()}: adapt is of no use, since bin_boundaries were given; use num_bins"
            )
        summary = np.zeros((2, 0), np.float32)
        for number, batch in enumerate(_batches(data)):
            if steps is not None and number >= steps:
                break
            found = _summary(batch.ravel(), self.epsilon)
            summary = np.concatenate([found, summary], axis=1)
            summary = _compressed(summary[:, np.argsort(summary[0])], self.epsilon)
        self.bin_boundaries = _compressed(summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise TrainingError(
                f"{self._who()}: there are no boundaries yet; call adapt(data) first, or give "
                "bin_boundaries=[...]"
            )
        edges = as_tensor(np.asarray(self.bin_boundaries, np.float32), device=inputs.device)
        values = inputs if dtypes.is_inexact(inputs.dtype) else astype(inputs, dtypes.float32)
        numbers = searchsorted(astype(edges, values.dtype), values, side="right")
        if self.output_mode == "int":
            return astype(numbers, dtypes.int32)
        return self._encoded(numbers)

    def _encoded(self, numbers: Any) -> Any:
        depth = len(self.bin_boundaries or ()) + 1
        if numbers.ndim == 0:
            numbers = expand_dims(numbers, axis=-1)
        if self.output_mode == "one_hot" and numbers.ndim > 1 and numbers.shape[-1] == 1:
            numbers = squeeze(numbers, axis=-1)
        vectors = nn.one_hot(numbers, depth, dtype=self.compute_dtype)
        if self.output_mode == "one_hot":
            return vectors
        over = 1 if numbers.ndim > 1 else 0
        reduce = greatest if self.output_mode == "multi_hot" else total
        return reduce(vectors, axis=over)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bin_boundaries": self.bin_boundaries, "sparse": False}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        both = config.get("num_bins") is not None and config.get("bin_boundaries") is not None
        made = cls(**{**config, "bin_boundaries": None} if both else config)
        if both:  # they were found by `adapt`
            made.bin_boundaries = list(config["bin_boundaries"])
        return made


def _batches(data: Any) -> Iterator[np.ndarray]:
    """The data as arrays: one, or what an iterable yields (x of pairs x, y)."""
    if isinstance(data, (np.ndarray, list, tuple)) or hasattr(data, "numpy"):
        data = [data]
    for batch in data:
        values = batch[0] if isinstance(batch, tuple) else batch
        yield np.asarray(values.numpy() if hasattr(values, "numpy") else values, np.float32)


def _summary(values: np.ndarray, epsilon: float) -> np.ndarray:
    """(values, how many each stands for) of sorted values taken at equal distances."""
    step = max(values.size * epsilon, 1.0)
    chosen = np.sort(values)[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """A summary by 1 / epsilon values, interpolated."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    counts = summary[1].cumsum()
    known = counts / counts[-1]
    values = np.interp(shares, known, summary[0])
    counts = np.interp(shares, known, counts)
    return np.stack([values, np.diff(counts, prepend=0.0)]).astype(np.float32)
