"""Ask Keras 3 for the numbers that `test_golden.py` compares with, and write `numbers.npz`.

Run by hand, in an environment with Keras and JAX:

    KERAS_BACKEND=jax python tests/golden/make_numbers.py              # all, some minutes
    KERAS_BACKEND=jax python tests/golden/make_numbers.py layers.LSTM   # these anew
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.golden import store, table

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


def drawn(case: Any) -> tuple[Any, dict[str, np.ndarray], dict[str, Any]]:
    """The random generator after the arrays, the arrays by name, and the arguments of the call."""
    rng = case.rng()
    arrays = {f"input{i}": data.draw(rng) for i, data in enumerate(case.data)}
    call = {}
    for key, value in case.call.items():
        if isinstance(value, table.Data):
            arrays[key] = call[key] = value.draw(rng)
        else:
            call[key] = value
    for name in list(arrays):
        if arrays[name].dtype == np.float64:
            arrays[name] = arrays[name].astype(np.float32)
    return rng, arrays, call


def layer_numbers(case: Any) -> store.Numbers:
    layer = case.thing.make(MODULES)
    rng, arrays, call = drawn(case)
    inputs = [arrays[f"input{i}"] for i in range(len(case.data))]

    def called(trainable: Any, fixed: Any, values: Any) -> Any:
        args = [list(values)] if case.joined else values
        variables = [*layer.trainable_variables, *layer.non_trainable_variables]
        state = list(zip(variables, [*trainable, *fixed], strict=True))
        # `stateless_call` would leave penalties on outputs out.
        with keras.StatelessScope(state_mapping=state, collect_losses=True) as scope:
            outputs = layer(*args, **call)
            losses = list(layer.losses)
        layer._clear_losses()
        fixed = [scope.get_current_value(v) for v in layer.non_trainable_variables]
        return jax.tree_util.tree_leaves(outputs), fixed, losses

    layer(*([inputs] if case.joined else inputs), **call)
    layer._clear_losses()
    for weight in layer.weights:
        value = rng.normal(size=weight.shape) * 0.5
        if "variance" in weight.path:
            value = np.abs(value) + 0.5
        if weight.dtype == "float32" and not case.name.startswith("layers.Normalization"):
            weight.assign(value.astype(np.float32))
    found = dict(arrays)
    found |= {f"weight{i}": np.asarray(w.value) for i, w in enumerate(layer.weights)}
    trainable = [v.value for v in layer.trainable_variables]
    fixed = [v.value for v in layer.non_trainable_variables]
    outputs, _, _ = called(trainable, fixed, inputs)
    upstream = [rng.normal(size=y.shape).astype(np.float32) for y in outputs]
    found |= {f"output{i}": np.asarray(y) for i, y in enumerate(outputs)}
    found |= {f"upstream{i}": g for i, g in enumerate(upstream)}

    def loss(trainable: Any, floats: Any, fixed: Any) -> Any:
        values = [floats.get(i, x) for i, x in enumerate(inputs)]
        outputs, fixed, losses = called(trainable, fixed, values)
        total = sum(jnp.sum(y * g) for y, g in zip(outputs, upstream))
        return total + sum(losses), fixed

    floats = {i: x for i, x in enumerate(inputs) if x.dtype == np.float32}
    gradient = jax.grad(loss, argnums=(0, 1), has_aux=True)
    (to_weights, to_inputs), _ = gradient(trainable, floats, fixed)
    found |= {f"input_gradient{i}": np.asarray(g) for i, g in to_inputs.items()}
    found |= {f"weight_gradient{i}": np.asarray(g) for i, g in enumerate(to_weights)}
    for _ in range(3):
        (to_weights, _), fixed = gradient(trainable, floats, fixed)
        trainable = [w - LEARNING_RATE * g for w, g in zip(trainable, to_weights)]
    for variable, value in zip(layer.trainable_variables, trainable):
        variable.assign(value)
    for variable, value in zip(layer.non_trainable_variables, fixed):
        variable.assign(value)
    found |= {f"trained{i}": np.asarray(w.value) for i, w in enumerate(layer.weights)}
    return found


def loss_numbers(case: Any) -> store.Numbers:
    rng, found, _ = drawn(case)
    y_true, y_pred = found["input0"], found["input1"]
    for reduction in ("none", "sum", "sum_over_batch_size"):
        options = {**case.thing.options, "reduction": reduction}
        loss = case.thing._replace(options=options).make(MODULES)
        found[reduction] = np.asarray(loss(y_true, y_pred))
        if reduction == "none":
            weight = rng.uniform(0.2, 2.0, found["none"].shape).astype(np.float32)
            found["sample_weight"] = weight
        found[f"{reduction}_weighted"] = np.asarray(loss(y_true, y_pred, weight))
    found["gradient"] = np.asarray(jax.grad(lambda p: jnp.sum(loss(y_true, p, weight)))(y_pred))
    return found


def metric_numbers(case: Any) -> store.Numbers:
    rng, found, _ = drawn(case)
    second = [data.draw(rng).astype(np.float32) for data in case.data]
    found |= {f"second{i}": value for i, value in enumerate(second)}
    found["sample_weight"] = rng.uniform(0.2, 2.0, second[0].shape[:1]).astype(np.float32)
    metric = case.thing.make(MODULES)
    metric.update_state(*(found[f"input{i}"] for i in range(len(case.data))))
    found["result"] = np.asarray(metric.result())
    if case.name.partition(".")[2].partition(".")[0] in table.UNWEIGHTED:
        metric.update_state(*second)
    else:
        metric.update_state(*second, sample_weight=found["sample_weight"])
    found["second_result"] = np.asarray(metric.result())
    return found


def optimizer_numbers(case: Any) -> store.Numbers:
    rng, found, _ = drawn(case)
    optimizer = case.thing.make(MODULES)
    variables = [keras.Variable(found[f"input{i}"], name=f"v{i}") for i in range(2)]
    for step in range(6):
        gradients = [rng.normal(size=v.shape).astype(np.float32) for v in variables]
        found |= {f"gradient{step}.{i}": g for i, g in enumerate(gradients)}
        optimizer.apply([jnp.asarray(g) for g in gradients], variables)
        found |= {f"value{step}.{i}": np.asarray(v.value) for i, v in enumerate(variables)}
    optimizer.finalize_variable_values(variables)
    found |= {f"final{i}": np.asarray(v.value) for i, v in enumerate(variables)}
    return found


def schedule_numbers(case: Any) -> store.Numbers:
    schedule = case.thing.make(MODULES)
    return {"values": np.array([float(schedule(step)) for step in table.STEPS])}


def activation_numbers(case: Any) -> store.Numbers:
    rng, found, _ = drawn(case)
    function = getattr(keras.activations, case.thing.name)
    x = found["input0"] * 2
    y, pull = jax.vjp(lambda x: function(x, **case.thing.options), x)
    upstream = rng.normal(size=y.shape).astype(np.float32)
    return {
        "input0": x,
        "output": y,
        "upstream": upstream,
        "gradient": pull(jnp.asarray(upstream))[0],
    }


def object_numbers(case: Any) -> store.Numbers:
    _, found, _ = drawn(case)
    thing = case.thing.make(MODULES)
    return {**found, "output": np.asarray(thing(jnp.asarray(found["input0"])))}


KINDS = [
    (table.LAYERS, layer_numbers),
    (table.LOSSES, loss_numbers),
    (table.METRICS, metric_numbers),
    (table.OPTIMIZERS, optimizer_numbers),
    (table.SCHEDULES, schedule_numbers),
    (table.ACTIVATIONS, activation_numbers),
    (table.CONSTRAINTS, object_numbers),
    (table.REGULARIZERS, object_numbers),
]


def main(*names: str) -> None:
    """Make the numbers of all cases, or only of those whose name starts with one of `names`."""
    found = store.store.all() if names else {}
    refused = []
    for cases, make in KINDS:
        for case in cases:
            if names and not case.name.startswith(names):
                continue
            try:
                found[case.name] = make(case)
            except Exception as problem:
                refused.append(f"{case.name}: {type(problem).__name__}: {problem}")
        print(len(found), "cases", flush=True)
    if refused:
        raise SystemExit("\n".join(refused))
    known = {case.name for cases, _ in KINDS for case in cases}
    store.save({name: arrays for name, arrays in found.items() if name in known})


if __name__ == "__main__":
    main(*sys.argv[1:])
