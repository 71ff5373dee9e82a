"""Shapes that layers are given: which are accepted, and what a layer expects of its inputs."""

from __future__ import annotations

from typing import Any, NamedTuple

from tensorcore.errors import InvalidArgumentError

Shape = tuple[Any, ...]


class InputSpec(NamedTuple):
    """What a layer accepts: a number of dimensions, and the sizes of some of them."""

    ndim: int | None = None
    min_ndim: int | None = None
    axes: dict[int, int] | None = None

    def problem(self, shape: Shape) -> str | None:
        """What was expected instead of `shape`; None if it fits."""
        if self.ndim is not None and len(shape) != self.ndim:
            return f"{self.ndim} dimensions"
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            return f"at least {self.min_ndim} dimensions"
        for axis, size in (self.axes or {}).items():
            if shape[axis] not in (size, None):
                return f"size {size} in dimension {axis}, for which its weights were made"
        return None


def checked_shape(layer: str, shape: Any) -> tuple[Any, ...]:
    """The shape of one sample: whole numbers from 1 on, or None."""
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else None
    if sizes is None or not all(
        size is None or (hasattr(size, "__index__") and size > 0) for size in sizes
    ):
        remedy = f" For one dimension write ({shape},)." if isinstance(shape, int) else ""
        raise InvalidArgumentError(
            f"{layer}: input_shape must be a tuple of positive whole numbers or None, such as "
            f"(28, 28), received {shape!r}.{remedy}"
        )
    return sizes


def as_shapes(value: Any) -> Any:
    """Shapes as JSON has them, as tuples in the same nesting."""
    if isinstance(value, dict):
        return {name: as_shapes(part) for name, part in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    if all(part is None or isinstance(part, int) for part in value):
        return tuple(value)
    return [as_shapes(part) for part in value]
