"""The optimizer: learning rate, clipping, and one fused update over all parameters."""

from __future__ import annotations

import inspect
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorcore.autodiff import GradientTape
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError, TrainingError
from tensorcore.layers.naming import to_snake_case, unique_name
from tensorcore.mode import mode, outside, phase
from tensorcore.ops.arithmetic import add, multiply, subtract
from tensorcore.ops.creation import zeros
from tensorcore.ops.transfer import astype
from tensorcore.optimizers import clipping
from tensorcore.optimizers.flat import FlatGroup
from tensorcore.optimizers.schedules import LearningRateSchedule
from tensorcore.saving.objects import serialize_keras_object
from tensorcore.saving.registry import Configurable
from tensorcore.variable import Variable


class Optimizer(Configurable, keras_module="keras.optimizers"):
    """Base class of optimizers.

    Args:
        learning_rate: a float, a schedule, or a function without arguments.
        clipnorm: scale the gradient of each variable down to this norm.
        clipvalue: limit each element of the gradients to this absolute value.
        global_clipnorm: scale all gradients together down to this norm.
        weight_decay: draw the variables to 0 before each step: w -= learning_rate * weight_decay *
            w.
        use_ema: keep a running mean of each variable, which `finalize_variable_values` puts into
            the variables at the end of `fit`.
        ema_momentum: how much of that mean is kept at each step.
        ema_overwrite_frequency: put the mean into the variables every so many steps already.
        gradient_accumulation_steps: take one step with the mean of so many gradients.
        loss_scale_factor: must be None for now.
        name: shown in messages.

    A subclass names its state, its update operation (see `tensorcore/ops/updates.py`) and the
    numbers that the operation takes after weight, state and gradient:

        class Momentum(Optimizer):
            state_names = ("velocity",)
            update_op = staticmethod(updates.momentum_update)

            def scalars(self, learning_rate, step):
                return learning_rate, 0.9
    """

    state_names: Sequence[str] = ()
    state_starts: Mapping[str, float] = {}  # what a state starts with, if not with 0
    update_op: Any = None
    saved_by_state = False  # whether files have all of the first state, then all of the second...

    def __init__(
        self,
        learning_rate: Any = 0.01,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **others: Any,
    ) -> None:
        learning_rate = others.pop("lr", learning_rate)  # its name in older programs
        who = type(self).__name__
        for old in ("jit_compile", "is_legacy_optimizer", "decay"):
            others.pop(old, None)
        for argument in others:
            import difflib  # late: needed only when something is wrong

            near = difflib.get_close_matches(argument, _arguments(type(self)), n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise ArgumentTypeError(f"{who}: unknown argument {argument!r}{hint}")
        if loss_scale_factor is not None:
            raise InvalidArgumentError(
                f"{who}: loss_scale_factor={loss_scale_factor!r} is not there yet; leave it out"
            )
        for argument, value in (
            ("gradient_accumulation_steps", gradient_accumulation_steps),
            ("ema_overwrite_frequency", ema_overwrite_frequency),
        ):
            least = 2 if argument.startswith("gradient") else 1
            if value is not None and (not isinstance(value, int) or value < least):
                raise InvalidArgumentError(
                    f"{who}: {argument} must be an int from {least} on, received {value!r}"
                )
        if not 0 <= ema_momentum <= 1:
            raise InvalidArgumentError(
                f"{who}: ema_momentum must be from 0 to 1, received {ema_momentum!r}"
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
        self.weight_decay = weight_decay or None
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._not_decayed: list[Callable[[Variable], bool]] = []
        self._averages: dict[int, Variable] = {}  # serial of a variable -> its running mean
        self._sums: dict[int, Variable] = {}  # ... -> the sum of the gradients since the last step
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
            rate = serialize_keras_object(rate)
        return {
            "name": self.name,
            "learning_rate": float(self._learning_rate) if rate is None else rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
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
            return self._schedule(self._steps_done())
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
        return [*found, *self._averages.values(), *self._sums.values()]

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
            group = FlatGroup(members, self.state_names, self.state_starts)
            self._groups.append(group)
            for index, variable in enumerate(members):
                self._places[variable.serial] = (group, index)
                if self.use_ema:
                    self._averages[variable.serial] = _zeros_like(variable, "average")
                if self.gradient_accumulation_steps:
                    self._sums[variable.serial] = _zeros_like(variable, "gradient_accumulator")
        self.built = True

    @property
    def known_variables(self) -> list[Variable]:
        """The parameters that `build` has taken over."""
        return [variable for group in self._groups for variable in group.variables]

    def state_of(self, variable: Variable) -> list[Variable]:
        """The state that belongs to a parameter, in the order of `state_names`."""
        group, index = self._places[variable.serial]
        further = (self._averages.get(variable.serial), self._sums.get(variable.serial))
        return [*group.states[index], *(state for state in further if state is not None)]

    def scale_loss(self, loss: Any) -> Any:
        """The loss to take gradients of; `LossScaleOptimizer` makes it larger."""
        return loss

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave variables out of `weight_decay`.

        Args:
            var_list: the variables.
            var_names: words; variables whose path contains one are left out.
        """
        serials = {variable.serial for variable in var_list or ()}
        words = list(var_names or ())
        self._not_decayed.append(
            lambda v: v.serial in serials or any(re.search(word, v.path) for word in words)
        )

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
        with phase("update"):
            self._step(gradients, variables)

    def _step(self, gradients: list[Any], variables: list[Variable]) -> None:
        numbers = list(self._next_scalars(variables))
        rate = ready = keep = overwrite = None
        if self._does_more:
            *numbers, rate, ready, keep, overwrite = numbers
        if self.gradient_accumulation_steps:
            gradients = self._accumulated(gradients, variables, ready)
        gradients = self._clip(gradients)
        if self.weight_decay:
            self._decay(variables, rate)
        self._update(
            gradients,
            variables,
            numbers,
            ready if self.gradient_accumulation_steps else None,
        )
        if self.use_ema:
            self._average(variables, keep, overwrite)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))

    def minimize(
        self, loss: Callable[[], Any], var_list: Sequence[Variable], tape: Any = None
    ) -> Any:
        """One step down the gradient of a loss.

        Args:
            loss: a function without arguments; or, with `tape`, what was computed under it.
            var_list: the variables.
            tape: a GradientTape that has recorded the loss.
        """
        if tape is None:
            if not callable(loss):
                raise ArgumentTypeError(
                    f"{type(self).__name__}.minimize: expected a function without arguments that "
                    f"computes the loss, or a tape, received {loss!r}"
                )
            with GradientTape() as tape:
                loss = loss()
        return self.apply_gradients(zip(tape.gradient(loss, list(var_list)), var_list, strict=True))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Put the running means into the variables, with `use_ema`."""
        for variable in var_list:
            if self.use_ema and variable.serial in self._averages:
                variable.assign(self._averages[variable.serial].value)

    def _accumulated(
        self, gradients: Sequence[Any], variables: Sequence[Variable], ready: Any
    ) -> list[Any]:
        """The means of the gradients since the last step; sums go back to 0 where it is taken."""
        found = []
        for gradient, variable in zip(gradients, variables, strict=True):
            kept = self._sums[variable.serial]
            total = add(kept, astype(gradient, variable.dtype))
            kept.assign(multiply(total, subtract(1.0, _of_dtype(ready, variable.dtype))))
            found.append(multiply(total, 1.0 / self.gradient_accumulation_steps))
        return found

    def _decay(self, variables: Sequence[Variable], rate: Any) -> None:
        decayed = [v for v in variables if not any(leaves(v) for leaves in self._not_decayed)]
        for group in self._groups:
            own = [self._places[v.serial] for v in decayed]
            indices = [index for place, index in own if place is group]
            if indices:
                group.decay(indices, rate)

    def _average(self, variables: Sequence[Variable], keep: Any, overwrite: Any) -> None:
        for variable in variables:
            average = self._averages[variable.serial]
            share = _of_dtype(keep, variable.dtype)
            mean = add(multiply(average, share), multiply(variable, subtract(1.0, share)))
            average.assign(mean)
            if self.ema_overwrite_frequency:
                share = _of_dtype(overwrite, variable.dtype)
                old = multiply(variable, subtract(1.0, share))
                variable.assign(add(old, multiply(mean, share)))

    def _next_scalars(self, variables: Sequence[Variable]) -> Sequence[Any]:
        """The numbers of this step, after which it counts; in a traced step taken at each run."""
        if mode.graph is None:
            return self._count_step()
        dtypes = {variable.dtype for variable in variables}
        # Each group takes the numbers in its own dtype, of which float64 keeps all digits.
        dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float64)
        count = len(self.scalars(1.0, 1)) + 4 * self._does_more
        reads = [self.iterations]
        if self._learning_rate is not None:
            reads.append(self._learning_rate)
        return mode.graph.host_numbers(self._count_step, count, dtype, reads, self._uncount_step)

    @property
    def _does_more(self) -> bool:
        """Whether a step is more than the update itself."""
        return bool(self.weight_decay or self.use_ema or self.gradient_accumulation_steps)

    def _steps_done(self) -> Any:
        """The number of steps so far; several batches may make one."""
        if not self.gradient_accumulation_steps:
            return self.iterations
        return np.int32(int(self.iterations) // self.gradient_accumulation_steps)

    def _count_step(self) -> tuple[Any, ...]:
        """The numbers of the update, and where more is to be done four others: the rate of weight
        decay, whether a step is taken, how much of running means is kept, whether these go into
        the variables.
        """
        every = self.gradient_accumulation_steps or 1
        batches = int(self.iterations)
        done = batches // every
        learning_rate = float(self.learning_rate)
        numbers = self.scalars(learning_rate, done + 1)
        if not self._does_more:
            self.iterations.write(_count_one)
            return numbers
        ready = float((batches + 1) % every == 0)
        rate = (self.weight_decay or 0.0) * learning_rate * ready
        keep = self.ema_momentum if done else 0.0
        frequency = self.ema_overwrite_frequency
        overwrite = float(bool(frequency) and (done + 1) % frequency == 0)
        self.iterations.write(_count_one)
        return (*numbers, rate, ready, keep, overwrite)

    def _uncount_step(self) -> None:
        """A traced step that failed is none."""
        self.iterations.write(_uncount_one)

    def _update(
        self,
        gradients: list[Any],
        variables: list[Variable],
        scalars: Sequence[Any],
        ready: Any = None,
    ) -> None:
        for group in self._groups:
            if len(variables) == len(group.variables) and all(
                map(operator.is_, variables, group.variables)
            ):
                group.update(self.update_op, gradients, scalars, ready)
                return
        by_group: dict[int, dict[int, Any]] = {}
        for variable, gradient in zip(variables, gradients, strict=True):
            group, index = self._places[variable.serial]
            by_group.setdefault(id(group), {})[index] = gradient
        for group in self._groups:
            given = by_group.get(id(group), {})
            if len(given) == len(group.variables):
                ordered = [given[i] for i in range(len(given))]
                group.update(self.update_op, ordered, scalars, ready)
                continue
            for index, gradient in given.items():
                group.update_one(index, self.update_op, gradient, scalars, ready)

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


def _zeros_like(variable: Variable, name: str) -> Variable:
    with outside():
        start = zeros(variable.shape, dtype=variable.dtype, device=variable.device)
        return Variable(start, trainable=False, name=f"{variable.path.replace('/', '_')}_{name}")


def _of_dtype(number: Any, dtype: Any) -> Any:
    """A number of the host as it is, one of a graph in the dtype."""
    return astype(number, dtype) if hasattr(number, "dtype") else number


def _arguments(cls: type) -> set[str]:
    """The names of the arguments that a class and its bases take."""
    return {name for base in cls.__mro__ for name in inspect.signature(base.__init__).parameters}


def _count_one(storage: Any) -> None:
    storage[...] = storage[()] + 1  # of NumPy a scalar, which is counted on in a tenth of the time


def _uncount_one(storage: Any) -> None:
    storage[...] = storage[()] - 1
