"""The optimizer: learning rate, clipping, and one fused update over all parameters."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError, TrainingError
from tensorcore.layers.naming import to_snake_case, unique_name
from tensorcore.mode import mode
from tensorcore.optimizers import clipping
from tensorcore.optimizers.flat import FlatGroup
from tensorcore.optimizers.schedules import LearningRateSchedule
from tensorcore.saving.registry import Configurable
from tensorcore.variable import Variable


class Optimizer(Configurable, keras_module="keras.optimizers"):
    """Base class of optimizers.

    Args:
        learning_rate: a float, a schedule, or a function without arguments.
        clipnorm: scale the gradient of each variable down to this norm.
        clipvalue: limit each element of the gradients to this absolute value.
        global_clipnorm: scale all gradients together down to this norm.
        name: shown in messages.
        weight_decay, use_ema, loss_scale_factor, gradient_accumulation_steps: not there yet.

    A subclass names its state, its update operation (see `tensorcore/ops/updates.py`) and the
    numbers that the operation takes after weight, state and gradient:

        class Momentum(Optimizer):
            state_names = ("velocity",)
            update_op = staticmethod(updates.momentum_update)

            def scalars(self, learning_rate, step):
                return learning_rate, 0.9
    """

    state_names: Sequence[str] = ()
    update_op: Any = None
    saved_by_state = False  # whether files have all of the first state, then all of the second...

    def __init__(
        self,
        learning_rate: Any = 0.01,
        *,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **others: Any,
    ) -> None:
        learning_rate = others.pop("lr", learning_rate)  # its name in older programs
        for argument, value in others.items():
            if argument not in _NOT_THERE_YET:
                raise ArgumentTypeError(f"{type(self).__name__}: unknown argument {argument!r}")
            if value not in (None, False):
                raise InvalidArgumentError(
                    f"{type(self).__name__}: {argument}={value!r} is not there yet; leave it out"
                )
        limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = [argument for argument, value in limits.items() if value is not None]
        if len(given) > 1:
            raise InvalidArgumentError(
                f"{type(self).__name__}: only one of clipnorm, clipvalue and global_clipnorm can "
                f"be used, received {' and '.join(given)}"
            )
        if given and limits[given[0]] <= 0:
            raise InvalidArgumentError(
                f"{type(self).__name__}: {given[0]} must be positive, received {limits[given[0]]}"
            )
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.name = name or unique_name(to_snake_case(type(self).__name__))
        # Both live on the host, where each step reads them: no device has to be waited for.
        self.iterations = Variable(
            np.zeros((), np.int32), trainable=False, name="iteration", device="cpu"
        )
        self._learning_rate: Any = None
        self._schedule: Any = None
        self.learning_rate = learning_rate
        self._groups: list[FlatGroup] = []
        self._places: dict[int, tuple[FlatGroup, int]] = {}  # serial of a variable -> where it is
        self.built = False

    # To be overridden
    # ---------------------------------------------------------------------------------

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        """The numbers that the update takes after the gradient; `step` counts from 1."""
        return (learning_rate,)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer (without its state)."""
        rate = self._schedule
        if isinstance(rate, LearningRateSchedule):
            rate = {"class_name": type(rate).__name__, "config": rate.get_config()}
        return {
            "name": self.name,
            "learning_rate": float(self._learning_rate) if rate is None else rate,
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An optimizer made from what `get_config` returned."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            from tensorcore.optimizers import schedules

            config["learning_rate"] = schedules.deserialize(config["learning_rate"])
        return cls(**config)

    # Learning rate
    # ------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> Any:
        """The learning rate now, a variable; with a schedule the schedule's value at this step."""
        if self._schedule is None:
            return self._learning_rate
        return self._schedule_value()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule) or (
            callable(value) and not hasattr(value, "shape")
        ):
            self._schedule = value
            return
        if self._schedule is not None:
            raise TrainingError(
                f"{type(self).__name__}: its learning rate follows a schedule and cannot be set; "
                "make the optimizer with a float instead"
            )
        try:
            number = -1.0 if isinstance(value, str) else float(value)
        except (TypeError, ValueError):
            number = -1.0
        if not number >= 0:
            raise ArgumentTypeError(
                f"{type(self).__name__}: learning_rate must be a number from 0 on or a schedule, "
                f"received {value!r}"
            )
        if self._learning_rate is None:
            self._learning_rate = Variable(
                np.float32(number), trainable=False, name="learning_rate", device="cpu"
            )
        else:
            self._learning_rate.assign(np.float32(number))

    lr = property(
        lambda self: self.learning_rate, lambda self, value: setattr(self, "learning_rate", value)
    )

    def _schedule_value(self) -> Any:
        if isinstance(self._schedule, LearningRateSchedule):
            return self._schedule(self.iterations)
        return self._schedule()

    # State
    # --------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # The flat buffers cannot be copied as they are, since variables live in slices of them.
        kept = [(group.variables, [flat.numpy() for flat in group.state]) for group in self._groups]
        own = {k: v for k, v in self.__dict__.items() if k not in ("_groups", "_places")}
        return {**own, "kept": kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        kept = state.pop("kept")
        self.__dict__.update(state, _groups=[], _places={})
        for variables, values in kept:
            self.build(variables)
            for flat, value in zip(self._groups[-1].state, values, strict=True):
                flat.assign(value)

    @property
    def variables(self) -> list[Variable]:
        """Step count, learning rate (without a schedule), and the state of each parameter."""
        found = [self.iterations]
        if self._learning_rate is not None:
            found.append(self._learning_rate)
        for group, index in self._places.values():
            found += group.states[index]
        return found

    @property
    def saved_variables(self) -> list[Variable]:
        """`variables` in the order of Keras's files."""
        found = self.variables
        if not self.saved_by_state:
            return found
        first = len(found) - sum(len(group.states[i]) for group, i in self._places.values())
        states = [group.states[index] for group, index in self._places.values()]
        return found[:first] + [state[k] for k in range(len(states[0])) for state in states]

    def build(self, variables: Iterable[Variable]) -> None:
        """Take over `variables`: move them into flat buffers, make their state; keep known ones."""
        fresh: dict[Any, list[Variable]] = {}
        for variable in variables:
            if variable.serial not in self._places:
                fresh.setdefault((variable.dtype, variable.device), []).append(variable)
        for members in fresh.values():
            group = FlatGroup(members, self.state_names)
            self._groups.append(group)
            for index, variable in enumerate(members):
                self._places[variable.serial] = (group, index)
        self.built = True

    @property
    def known_variables(self) -> list[Variable]:
        """The parameters that `build` has taken over."""
        return [variable for group in self._groups for variable in group.variables]

    def state_of(self, variable: Variable) -> list[Variable]:
        """The state that belongs to a parameter, in the order of `state_names`."""
        group, index = self._places[variable.serial]
        return group.states[index]

    def scale_loss(self, loss: Any) -> Any:
        """The loss to take gradients of; `LossScaleOptimizer` makes it larger."""
        return loss

    # Steps
    # --------------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """One step with pairs of gradient and variable; returns the number of steps so far."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """One step.

        Args:
            grads: one gradient a variable; None for variables to leave alone, which warns.
            trainable_variables: the variables; those given to `build` if None.

        Raises:
            InvalidArgumentError: no gradient at all.
        """
        if trainable_variables is None:
            trainable_variables = self.known_variables
        variables = list(trainable_variables)
        gradients = list(grads)
        if len(gradients) != len(variables):
            raise InvalidArgumentError(
                f"{type(self).__name__}: {len(gradients)} gradients for {len(variables)} variables"
            )
        if any(gradient is None for gradient in gradients):
            gradients, variables = self._without_missing(gradients, variables)
        if not variables:
            return
        for gradient, variable in zip(gradients, variables, strict=True):
            if tuple(gradient.shape) != variable.shape:
                raise ShapeError(
                    f"{type(self).__name__}: expected a gradient of shape {variable.shape} for "
                    f"{variable.path}, received shape {tuple(gradient.shape)}"
                )
        self.build(variables)
        gradients = self._clip(gradients)
        self._update(gradients, variables, self._next_scalars(variables))

    def _next_scalars(self, variables: Sequence[Variable]) -> Sequence[Any]:
        """The numbers of this step, after which it counts; in a traced step taken at each run."""
        if mode.graph is None:
            return self._count_step()
        dtypes = {variable.dtype for variable in variables}
        # Each group takes the numbers in its own dtype, of which float64 keeps all digits.
        dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float64)
        count = len(self.scalars(1.0, 1))
        reads = [self.iterations]
        if self._learning_rate is not None:
            reads.append(self._learning_rate)
        return mode.graph.host_numbers(self._count_step, count, dtype, reads)

    def _count_step(self) -> tuple[Any, ...]:
        numbers = self.scalars(float(self.learning_rate), int(self.iterations) + 1)
        self.iterations.write(_count_one)
        return numbers

    def _update(
        self, gradients: list[Any], variables: list[Variable], scalars: Sequence[Any]
    ) -> None:
        for group in self._groups:
            if len(variables) == len(group.variables) and all(
                map(operator.is_, variables, group.variables)
            ):
                group.update(self.update_op, gradients, scalars)
                return
        by_group: dict[int, dict[int, Any]] = {}
        for variable, gradient in zip(variables, gradients, strict=True):
            group, index = self._places[variable.serial]
            by_group.setdefault(id(group), {})[index] = gradient
        for group in self._groups:
            given = by_group.get(id(group), {})
            if len(given) == len(group.variables):
                group.update(self.update_op, [given[i] for i in range(len(given))], scalars)
                continue
            for index, gradient in given.items():
                group.update_one(index, self.update_op, gradient, scalars)

    def _without_missing(
        self, gradients: list[Any], variables: list[Variable]
    ) -> tuple[list[Any], list[Variable]]:
        missing = [v.path for g, v in zip(gradients, variables, strict=True) if g is None]
        if len(missing) == len(variables):
            raise InvalidArgumentError(
                f"{type(self).__name__}: no gradient for any variable: {', '.join(missing)}. The "
                "loss does not depend on them: compute it inside `with tc.GradientTape() as "
                "tape:` from the model's output, without .numpy(), argmax or rounding in between."
            )
        warnings.warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss.",
            stacklevel=4,
        )
        kept = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        return [g for g, _ in kept], [v for _, v in kept]

    def _clip(self, gradients: list[Any]) -> list[Any]:
        if self.clipnorm is not None:
            return [clipping.by_norm(gradient, self.clipnorm) for gradient in gradients]
        if self.clipvalue is not None:
            return [clipping.by_value(gradient, self.clipvalue) for gradient in gradients]
        if self.global_clipnorm is not None:
            return clipping.by_global_norm(gradients, self.global_clipnorm)
        return gradients


_NOT_THERE_YET = (
    "weight_decay",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "jit_compile",
)


def _count_one(storage: Any) -> None:
    storage += 1
