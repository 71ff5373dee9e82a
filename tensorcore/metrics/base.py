"""The metric: a value that is gathered over many batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorcore import dtypes, initializers
from tensorcore.device import default_device
from tensorcore.layers.masks import mask_of
from tensorcore.layers.naming import to_snake_case, unique_name
from tensorcore.losses.shapes import weighted
from tensorcore.mode import outside
from tensorcore.ops.arithmetic import divide
from tensorcore.ops.creation import zeros
from tensorcore.ops.logical import equal, where
from tensorcore.ops.reductions import sum
from tensorcore.ops.shaping import broadcast_to
from tensorcore.ops.transfer import astype
from tensorcore.saving.registry import Configurable
from tensorcore.tensor import as_tensor
from tensorcore.variable import Variable


class Metric(Configurable, keras_module="keras.metrics"):
    """Base class: a subclass gathers in `update_state(...)` and computes the value in `result()`.

    Args:
        name: under which the value appears in logs; made from the class name if None.
        dtype: of the state.

    State is kept in variables on the device of the values: gathering never waits for the device.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name if name is not None else unique_name(to_snake_case(type(self).__name__))
        self.dtype = "float32" if dtype is None else dtype
        self._variables: list[tuple[Variable, Any]] = []

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take a batch into account."""
        raise NotImplementedError(
            f"{type(self).__name__}: a metric needs a method update_state(...)"
        )

    def result(self) -> Any:
        """The value so far, a tensor."""
        raise NotImplementedError(f"{type(self).__name__}: a metric needs a method result()")

    def reset_state(self) -> None:
        """Start anew."""
        for variable, initializer in self._variables:
            variable.assign(initializer(variable.shape, dtype=variable.dtype))

    reset_states = reset_state  # its name in Keras 2

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take a batch into account and return the value so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    @property
    def variables(self) -> list[Variable]:
        """The state."""
        return [variable for variable, _ in self._variables]

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
        device: Any = None,
    ) -> Variable:
        """Make a variable that belongs to the state."""
        if isinstance(shape, str):  # Keras 2 had the name first
            shape, name = (), shape
        initializer = initializers.get(initializer)
        with outside():
            start = initializer(tuple(shape), dtype=dtype or self.dtype)
        variable = Variable(
            start,
            trainable=False,
            name=name,
            device=device or default_device(),
        )
        self._variables.append((variable, initializer))
        return variable

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
        **ignored: Any,
    ) -> Variable:
        """The same as `add_variable`, under its older name."""
        return self.add_variable(shape, initializer, dtype, name)

    def grow(self, variable: Variable, delta: Any) -> None:
        """Add to a variable of the state, wherever the values were computed."""
        if getattr(delta, "device", variable.device) is not variable.device:
            delta = delta.to(variable.device)
        variable.assign_add(delta)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        return {"name": self.name, "dtype": dtypes.as_dtype(self.dtype).name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A metric made from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Mean(Metric):
    """The weighted mean of all values given so far.

    >>> mean = Mean()
    >>> mean.update_state([1.0, 3.0])
    >>> mean.update_state(5.0)
    >>> float(mean.result())
    3.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self._total: Variable | None = None
        self._count: Variable | None = None

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take values into account.

        Args:
            values: number or tensor.
            sample_weight: factors, of the values' shape or that of their leading dimensions; ones
                if None.
        """
        values = as_tensor(values)
        if sample_weight is None:
            self._add(sum(values), values.size)
            return
        if not values.shape and not hasattr(sample_weight, "shape"):
            self._add(values * sample_weight, sample_weight)
            return
        product = weighted(values, sample_weight)
        weight = as_tensor(sample_weight, device=values.device, dtype=values.dtype)
        while len(weight.shape) < len(values.shape):
            weight = weight[..., None]
        if len(weight.shape) > len(values.shape):
            weight = weight[..., 0]
        self._add(sum(product), sum(broadcast_to(weight, values.shape)))

    def _add(self, total: Any, count: Any) -> None:
        if self._total is None or self._total.device is not total.device:
            self._place_state(total.device)
        self._total.assign_add(total)  # type: ignore[union-attr]
        self._count.assign_add(count)  # type: ignore[union-attr]

    def _place_state(self, device: Any) -> None:
        """Make the state where the values are; at most once a change of the model's device."""
        before = [variable.value.to(device) for variable in self.variables]
        self._variables.clear()
        self._total = self.add_variable(name="total", device=device)
        self._count = self.add_variable(name="count", device=device)
        for variable, value in zip((self._total, self._count), before, strict=False):
            variable.assign(value)

    def result(self) -> Any:
        if self._total is None:
            return zeros((), dtype=self.dtype)
        nothing = equal(self._count, 0.0)
        return where(nothing, 0.0, divide(self._total, where(nothing, 1.0, self._count)))


class Sum(Metric):
    """The weighted sum of all values given so far.

    >>> total = Sum()
    >>> total.update_state([1.0, 3.0])
    >>> float(total.result())
    4.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        self.grow(self.total, sum(weighted(as_tensor(values), sample_weight)))

    def result(self) -> Any:
        return self.total.value


class MeanMetric(Mean):
    """The mean of a function of labels and predictions.

    Args:
        function: (y_true, y_pred) -> values.
        name: under which the mean appears in logs.
        options: further arguments of the function.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        known = getattr(function, "__name__", None) or getattr(function, "name", "metric")
        super().__init__(name or known, dtype)
        self.function = function
        self.options = options

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        values = self.function(y_true, y_pred, **self.options)
        mask = mask_of(values) if hasattr(values, "shape") else None
        if mask is not None:  # places that do not count, such as those of an ignored class
            factors = astype(mask, values.dtype)
            sample_weight = factors if sample_weight is None else weighted(factors, sample_weight)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}
