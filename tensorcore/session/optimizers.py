"""TensorFlow 1's optimizers: their state are variables of the graph, which checkpoints hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.ops import exponential, session_updates, updates
from tensorcore.ops.record import Spec
from tensorcore.session.gradients import gradients
from tensorcore.session.graph import Graph
from tensorcore.session.groups import group
from tensorcore.session.tensors import GraphTensor
from tensorcore.session.variables import (
    GLOBAL_VARIABLES,
    TRAINABLE_VARIABLES,
    GraphVariable,
    constant,
)
from tensorcore.tensor import as_tensor


class Optimizer:
    """Base class: `train_op = GradientDescentOptimizer(0.1).minimize(loss)`.

    A subclass names its state (`slots`: name -> what it starts with), its update operation (see
    `tensorcore/ops/updates.py`), and the numbers that the operation takes after weight, state and
    gradient.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    slots: Sequence[tuple[str, float]] = ()
    update_op: Any = None

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "") -> None:
        self._name = name or type(self).__name__.removesuffix("Optimizer")
        self._learning_rate = learning_rate
        self._slots: dict[tuple[GraphVariable, str], GraphVariable] = {}

    def get_name(self) -> str:
        return self._name

    # To be overridden -----------------------------------------------------------------------------

    def numbers(self, graph: Graph) -> tuple[Any, ...]:
        """What the update takes after the gradient, numbers or tensors."""
        return (self.learning_rate(),)

    def prepare(self, graph: Graph) -> None:
        """Make state that is not kept by variable."""

    def finish(self, graph: Graph) -> list[Any]:
        """Operations that follow the updates of a step."""
        return []

    # Steps ----------------------------------------------------------------------------------------

    def learning_rate(self) -> Any:
        """The learning rate, a number or a tensor."""
        rate = self._learning_rate
        return rate() if callable(rate) else rate

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = 1,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Any:
        """The operation of one step against the gradient of `loss`.

        Args:
            loss: a tensor of the graph.
            global_step: a variable that counts the steps.
            var_list: the variables to change; all trainable ones if None.
        """
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        variables = [variable for gradient, variable in pairs if gradient is not None]
        if not variables:
            raise InvalidArgumentError(
                "No gradients provided for any variable, check your graph for ops that do not "
                "support gradients, between variables "
                f"{[str(variable) for _, variable in pairs]} and loss {loss}."
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = 1,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, GraphVariable]]:
        """Pairs of gradient and variable, None where the loss does not depend on it."""
        if not isinstance(loss, GraphTensor):
            raise ArgumentTypeError(
                f"{self._name}: the loss must be a tensor of the graph, received {loss!r}"
            )
        if not dtypes.is_float(loss.dtype):
            raise InvalidArgumentError(
                f"Invalid type tf.{loss.dtype_name} for {loss.name}, expected: [tf.float32, "
                "tf.float64, tf.float16, tf.bfloat16]."
            )
        if isinstance(var_list, GraphVariable):
            var_list = [var_list]
        variables = loss.graph.get_collection(TRAINABLE_VARIABLES)
        if var_list is not None:
            variables = list(var_list)
        if not variables:
            raise InvalidArgumentError("No variables to optimize.")
        found = gradients(loss, variables, None if grad_loss is None else [grad_loss])
        return list(zip(found, variables, strict=True))

    def apply_gradients(
        self, grads_and_vars: Any, global_step: Any = None, name: str | None = None
    ) -> Any:
        """The operation of one step with pairs of gradient and variable."""
        pairs = list(grads_and_vars)
        if not pairs:
            raise InvalidArgumentError("No variables provided.")
        wanted = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        if not wanted:
            raise InvalidArgumentError(
                "No gradients provided for any variable: "
                f"{[str(variable) for _, variable in pairs]}."
            )
        graph = wanted[0][1].graph
        self.prepare(graph)
        for _, variable in wanted:
            for slot, start in self.slots:
                self._make_slot(variable, slot, start)
        with graph.name_scope(name or self._name) as scope:
            numbers = self.numbers(graph)
            steps = [self._update(gradient, variable, numbers) for gradient, variable in wanted]
            with graph.control_dependencies(steps):
                steps += self.finish(graph)
            if global_step is None:
                return group(*steps, name=scope)
            with graph.control_dependencies(steps):
                return global_step.assign_add(1, name=scope).op

    def _update(self, gradient: Any, variable: GraphVariable, numbers: tuple[Any, ...]) -> Any:
        states = [self._slots[variable, slot] for slot, _ in self.slots]
        name = variable.name.partition(":")[0].replace("/", "_")
        found = variable.graph.add(
            Update(self.update_op, len(states) + 1, variable.constraint),
            ([variable, *states], gradient, numbers),
            name=f"update_{name}",
            kind=f"Apply{self._name}",
            results=Spec(variable.data.shape, variable.dtype),
            writes=[variable, *states],
        )
        return found.op

    # State ----------------------------------------------------------------------------------------

    def _make_slot(self, variable: GraphVariable, slot: str, start: float) -> None:
        if (variable, slot) in self._slots:
            return
        name = f"{variable.name.partition(':')[0]}/{self._name}"
        self._slots[variable, slot] = self._state(
            variable.graph, name, np.full(variable.data.shape, start, variable.dtype)
        )

    def _state(self, graph: Graph, name: str, value: Any) -> GraphVariable:
        with graph.name_scope(None), graph.control_dependencies(None):
            return GraphVariable(value, False, [GLOBAL_VARIABLES], name=name, graph=graph)

    def get_slot(self, var: GraphVariable, name: str) -> GraphVariable | None:
        """The state of this name that belongs to a variable."""
        return self._slots.get((var, name))

    def get_slot_names(self) -> list[str]:
        """The names of the states."""
        return sorted({name for _, name in self._slots})

    def variables(self) -> list[GraphVariable]:
        """All variables that the optimizer made."""
        return list(self._slots.values())


class Update:
    """The function of an update: it writes over a variable and its states."""

    def __init__(self, op: Any, targets: int, constraint: Callable[[Any], Any] | None) -> None:
        self.op = op
        self.targets = targets
        self.constraint = constraint

    def __call__(self, targets: list[Any], gradient: Any, numbers: tuple[Any, ...]) -> Any:
        dtype = targets[0].dtype
        scalars = [as_tensor(number, dtype=dtype, device=targets[0].device) for number in numbers]
        updates.variable_update(self.op, targets, [*targets, gradient, *scalars])
        if self.constraint is not None:
            targets[0].assign(self.constraint(targets[0].value))
        return targets[0].value


class GradientDescentOptimizer(Optimizer):
    """w - learning_rate g."""

    update_op = staticmethod(updates.sgd_update)

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(learning_rate, use_locking, name)


class MomentumOptimizer(Optimizer):
    """a' = momentum a + g; w' = w - learning_rate a' (Nesterov: g + momentum a' in place of a')."""

    slots = (("momentum", 0.0),)

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(learning_rate, use_locking, name)
        self._momentum = momentum
        self.update_op = session_updates.accumulated_momentum_update
        if use_nesterov:
            self.update_op = session_updates.accumulated_nesterov_update

    def numbers(self, graph: Graph) -> tuple[Any, ...]:
        momentum = self._momentum
        return self.learning_rate(), momentum() if callable(momentum) else momentum


class AdagradOptimizer(Optimizer):
    """a' = a + g**2; w' = w - learning_rate g / sqrt(a')."""

    update_op = staticmethod(session_updates.squares_update)

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        super().__init__(learning_rate, use_locking, name)
        if initial_accumulator_value <= 0:
            raise InvalidArgumentError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        self.slots = (("accumulator", initial_accumulator_value),)


class AdadeltaOptimizer(Optimizer):
    """Steps as large as the last ones were (Zeiler, 2012)."""

    slots = (("accum", 0.0), ("accum_update", 0.0))
    update_op = staticmethod(session_updates.accumulated_delta_update)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(learning_rate, use_locking, name)
        self._rho = rho
        self._epsilon = epsilon

    def numbers(self, graph: Graph) -> tuple[Any, ...]:
        return self.learning_rate(), 1 - self._rho, self._epsilon


class RMSPropOptimizer(Optimizer):
    """Steps divided by the root of the gradient's mean square, which starts at 1."""

    def __init__(
        self,
        learning_rate: Any,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(learning_rate, use_locking, name)
        self._numbers = (1 - decay, momentum, epsilon)
        self.slots = (("rms", 1.0), ("momentum", 0.0))
        self.update_op = session_updates.mean_square_update
        if centered:
            self.slots = (("rms", 1.0), ("mg", 0.0), ("momentum", 0.0))
            self.update_op = session_updates.centered_mean_square_update

    def numbers(self, graph: Graph) -> tuple[Any, ...]:
        return (self.learning_rate(), *self._numbers)


class AdamOptimizer(Optimizer):
    """Adam (Kingma and Ba, 2014) with epsilon outside of the bias correction, its "epsilon hat"."""

    slots = (("m", 0.0), ("v", 0.0))
    update_op = staticmethod(updates.adam_update)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(learning_rate, use_locking, name)
        self._betas = (beta1, beta2)
        self._epsilon = epsilon
        self._powers: list[GraphVariable] = []

    def prepare(self, graph: Graph) -> None:
        if not self._powers:
            names = ("beta1_power", "beta2_power")
            for name, beta in zip(names, self._betas, strict=True):
                self._powers.append(self._state(graph, name, np.float32(beta)))

    def numbers(self, graph: Graph) -> tuple[Any, ...]:
        first, second = self._powers
        rate = self.learning_rate()
        if not isinstance(rate, GraphTensor):
            rate = constant(rate, "float32", "learning_rate", graph)
        step_size = rate * exponential.sqrt(1.0 - second) / (1.0 - first)
        beta1, beta2 = self._betas
        # 1 - beta is taken here: in float32 0.999 would leave it only four digits.
        return step_size, 1 - beta1, 1 - beta2, self._epsilon

    def finish(self, graph: Graph) -> list[Any]:
        steps = []
        for name, power, beta in zip(
            ("Assign", "Assign_1"), self._powers, self._betas, strict=True
        ):
            steps.append(power.assign(power * beta, name=name).op)
        return steps

    def variables(self) -> list[GraphVariable]:
        return [*self._powers, *super().variables()]
