"""Every layer, loss, metric, optimizer and so on against the numbers of real Keras.

The configurations stand in `golden/table.py`; the numbers were made by `golden/make_numbers.py`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.layers.structure import leaves
from tests.golden import table
from tests.golden.store import store

MODULES = SimpleNamespace(
    layers=keras.layers,
    losses=keras.losses,
    metrics=keras.metrics,
    optimizers=keras.optimizers,
    schedules=keras.optimizers.schedules,
    activations=keras.activations,
    constraints=keras.constraints,
    regularizers=keras.regularizers,
)
LEARNING_RATE = 0.1
TOLERANCE = 1e-5


def cases(*tables: list[table.Case]) -> Any:
    found = [case for cases in tables for case in cases]
    return pytest.mark.parametrize("case", found, ids=lambda case: case.name)


def close(name: str, actual: Any, expected: np.ndarray, least: float = 0.1) -> None:
    """Equal up to 1e-5 of the greatest value, or of `least`."""
    actual = np.asarray(actual.numpy() if hasattr(actual, "numpy") else actual)
    assert actual.shape == expected.shape, name
    scale = max(least, 0.1, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(
        actual, expected, rtol=TOLERANCE, atol=TOLERANCE * scale, err_msg=name
    )


def inputs_of(case: table.Case, numbers: Any, first: str = "input") -> list[Any]:
    """The arrays of the case, whole numbers as int32."""
    found = [(data, numbers[f"{first}{i}"]) for i, data in enumerate(case.data)]
    whole = ("int", "binary", "sign")
    return [tc.asarray(v.astype("int32") if d.kind in whole else v) for d, v in found]


class LayerCase:
    """A layer of the table with Keras's weights."""

    def __init__(self, case: table.Case) -> None:
        self.numbers = numbers = store[case.name]
        self.joined = case.joined
        self.layer = case.thing.make(MODULES)
        self.inputs = inputs_of(case, numbers)
        self.call = {
            key: tc.asarray(numbers[key].astype(bool)) if isinstance(value, table.Data) else value
            for key, value in case.call.items()
        }
        self.run(self.inputs)
        weights = [numbers[f"weight{i}"] for i in range(len(self.layer.weights))]
        assert f"weight{len(weights)}" not in numbers
        self.layer.set_weights(weights)
        count = sum(key.startswith("upstream") for key in numbers)
        self.upstream = [tc.asarray(numbers[f"upstream{i}"]) for i in range(count)]

    def run(self, inputs: list[Any]) -> list[Any]:
        args = [list(inputs)] if self.joined else inputs
        return list(leaves(self.layer(*args, **self.call)))

    def loss(self, inputs: list[Any]) -> tuple[Any, list[Any]]:
        self.layer.clear_losses()
        outputs = self.run(inputs)
        total = sum(tc.sum(y * g) for y, g in zip(outputs, self.upstream, strict=True))
        return total + sum(self.layer.losses, start=0.0), outputs

    def gradients(self, inputs: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        floats = [x for x in inputs if tc.isdtype(x.dtype, "real floating")]
        with tc.GradientTape() as tape:
            for x in floats:
                tape.watch(x)
            loss, outputs = self.loss(inputs)
        weights = self.layer.trainable_weights
        found = tape.gradient(loss, [*floats, *weights])
        return outputs, found[: len(floats)], found[len(floats) :]


@cases(table.LAYERS)
def test_layer(device, case):
    """Outputs, gradients and three steps of training; eager, then traced."""
    layer = LayerCase(case)
    numbers, inputs = layer.numbers, layer.inputs
    outputs, to_inputs, to_weights = layer.gradients(inputs)
    for i, y in enumerate(outputs):
        close(f"output{i}", y, numbers[f"output{i}"])
    names = [key for key in numbers if key.startswith("input_gradient")]
    for name, gradient in zip(names, to_inputs, strict=True):
        if gradient is None:
            assert not numbers[name].any(), name
            continue
        close(name, gradient, numbers[name])
    expected = [numbers[f"weight_gradient{i}"] for i in range(len(to_weights))]
    # One that is 0 as its terms cancel is as exact as these, which are like those of the others.
    usual = max((np.abs(gradient).max(initial=0.0) for gradient in expected), default=0.0)
    for i, gradient in enumerate(to_weights):
        close(f"weight_gradient{i}", gradient, expected[i], least=usual)

    count = len(layer.layer.weights)
    layer.layer.set_weights([numbers[f"weight{i}"] for i in range(count)])

    @tc.function
    def step(values):
        _, _, gradients = layer.gradients(values)
        for variable, gradient in zip(layer.layer.trainable_weights, gradients, strict=True):
            variable.assign_sub(LEARNING_RATE * gradient)
        return tc.sum(values[0])

    if layer.layer.trainable_weights or case.call.get("training"):
        for _ in range(3):
            step(inputs)
        for i, variable in enumerate(layer.layer.weights):
            close(f"trained{i}", variable, numbers[f"trained{i}"])


@cases(table.LAYERS)
def test_layer_config(case):
    """The configuration makes an equal layer, and the shape of the output is foretold."""
    layer = case.thing.make(MODULES)
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert keras.layers.serialize(again) == keras.layers.serialize(layer)


@cases(table.LOSSES)
def test_loss(device, case):
    numbers = store[case.name]
    y_true, y_pred = inputs_of(case, numbers)
    weight = tc.asarray(numbers["sample_weight"])
    for reduction in ("none", "sum", "sum_over_batch_size"):
        options = {**case.thing.options, "reduction": reduction}
        loss = case.thing._replace(options=options).make(MODULES)
        close(reduction, loss(y_true, y_pred), numbers[reduction])
        name = f"{reduction}_weighted"
        close(name, loss(y_true, y_pred, weight), numbers[name])
    again = type(loss).from_config(loss.get_config())
    assert again.get_config() == loss.get_config()

    @tc.function
    def gradient(p):
        return tc.grad(lambda p: loss(y_true, p, weight))(p)

    close("gradient", gradient(y_pred), numbers["gradient"])


@cases(table.METRICS)
def test_metric(device, case):
    """Two batches, the second one with sample weights; the first eager, the second traced."""
    numbers = store[case.name]
    metric = case.thing.make(MODULES)
    metric.update_state(*inputs_of(case, numbers))
    close("result", metric.result(), numbers["result"])

    @tc.function
    def update(values, weight):
        metric.update_state(*values, sample_weight=weight)
        return tc.sum(weight)

    update(inputs_of(case, numbers, "second"), tc.asarray(numbers["sample_weight"]))
    close("second_result", metric.result(), numbers["second_result"])
    again = type(metric).from_config(metric.get_config())
    assert again.get_config() == metric.get_config()
    metric.reset_state()
    metric.update_state(*inputs_of(case, numbers))
    close("result after reset_state", metric.result(), numbers["result"])


@cases(table.OPTIMIZERS)
def test_optimizer(device, case):
    """Six steps, the odd ones traced; a configuration makes an equal optimizer."""
    numbers = store[case.name]
    optimizer = case.thing.make(MODULES)
    variables = [tc.Variable(numbers[f"input{i}"], name=f"v{i}") for i in range(2)]

    def apply(gradients):
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return gradients[0]

    traced = tc.function(apply)
    for step in range(6):
        gradients = [tc.asarray(numbers[f"gradient{step}.{i}"]) for i in range(2)]
        (traced if step % 2 else apply)(gradients)
        for i, variable in enumerate(variables):
            close(f"value{step}.{i}", variable, numbers[f"value{step}.{i}"])
    optimizer.finalize_variable_values(variables)
    for i, variable in enumerate(variables):
        close(f"final{i}", variable, numbers[f"final{i}"])
    again = type(optimizer).from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()


@cases(table.SCHEDULES)
def test_schedule(case):
    schedule = case.thing.make(MODULES)
    values = np.array([float(schedule(step)) for step in table.STEPS])
    close("values", values, store[case.name]["values"])
    again = type(schedule).from_config(schedule.get_config())
    assert again.get_config() == schedule.get_config()


@cases(table.ACTIVATIONS)
def test_activation(device, case):
    numbers = store[case.name]
    function = getattr(keras.activations, case.thing.name)
    x = tc.asarray(numbers["input0"])
    y, pull = tc.vjp(lambda x: function(x, **case.thing.options), x)
    close("output", y, numbers["output"])
    close("gradient", pull(tc.asarray(numbers["upstream"]))[0], numbers["gradient"])


@cases(table.CONSTRAINTS, table.REGULARIZERS)
def test_constraint_or_regularizer(device, case):
    numbers = store[case.name]
    thing = case.thing.make(MODULES)
    close("output", thing(tc.asarray(numbers["input0"])), numbers["output"])
    again = type(thing).from_config(thing.get_config())
    assert again.get_config() == thing.get_config()
