"""TensorFlow: a loop over a step that is one `tf.function`, the batch gathered inside."""

from __future__ import annotations

import os
from typing import Any

import keras_models
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import tensorflow as tf


def versions() -> dict[str, str]:
    """What runs here."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


def function(workload: str, data: Any, device: str) -> Any:
    """Train over one epoch of shuffled rows."""
    model = keras_models.build(keras, workload)
    if workload.startswith("W7"):
        return _infer(model, workload, data)
    x, y, batch = tf.constant(data["x"]), tf.constant(data["y"]), int(data["batch"])
    loss_of = keras.losses.get(model.loss)
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    steps = len(data["x"]) // batch

    @tf.function
    def step(rows: Any) -> Any:
        xs, ys = tf.gather(x, rows), tf.gather(y, rows)
        if len(ys.shape) == 1 and workload.startswith("W3"):
            ys = ys[:, None]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(loss_of(ys, model(xs, training=True)))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def round() -> int:
        order = tf.constant(np.random.permutation(len(data["x"])).astype(np.int32))
        loss = None
        for i in range(steps):
            loss = step(order[i * batch : (i + 1) * batch])
        loss.numpy()
        return steps

    return round


def _infer(model: Any, workload: str, data: Any) -> Any:
    x, times = tf.constant(data["x"]), int(data["times"])

    @tf.function
    def infer(x: Any) -> Any:
        return model(x, training=False)

    def round() -> int:
        for _ in range(times):
            infer(x).numpy()
        return times

    return round


COMPETITORS = {"tf.function": function}
