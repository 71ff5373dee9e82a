"""tensorcore: `model.fit` and `model.predict`, calls of the model, and a loop with a tape."""

from __future__ import annotations

import gc
import os
from typing import Any

import keras_models
import numpy as np

os.environ.setdefault("TENSORCORE_DEVICE", "cpu")
os.environ.setdefault("TENSORCORE_COMPILE", "foreground")  # kernels are measured

import tensorcore as tc
from tensorcore import keras


def versions() -> dict[str, str]:
    """What runs here."""
    return {"tensorcore": tc.__version__, "numpy": np.__version__}


def fit(workload: str, data: Any, device: str) -> Any:
    """`fit`, or `predict` for the workloads W7."""
    tc.set_default_device(device)
    return keras_models.fit_or_predict(keras)(workload, data, device)


def call(workload: str, data: Any, device: str) -> Any:
    """`model(x)` of one sample."""
    tc.set_default_device(device)
    return keras_models.call(keras, workload, data)


def tape(workload: str, data: Any, device: str) -> Any:
    """A loop of one's own: a traced step with a GradientTape on batches that lie ready."""
    if workload.startswith("W7"):
        raise NotImplementedError
    tc.set_default_device(device)
    model = keras_models.build(keras, workload, data.get("sizes", ()))
    loss_of = keras.losses.get(model.loss)
    optimizer = model.optimizer
    batch = int(data["batch"])
    count = len(data["x"]) // batch
    batches = [
        (
            tc.asarray(data["x"][i * batch : (i + 1) * batch].copy()),
            tc.asarray(data["y"][i * batch : (i + 1) * batch].copy()),
        )
        for i in range(count)
    ]

    @tc.function
    def step(x: Any, y: Any) -> Any:
        with tc.GradientTape() as recorded:
            loss = tc.mean(loss_of(y, model(x, training=True)))
        variables = model.trainable_variables
        gradients = recorded.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    def round() -> int:
        loss = None
        for x, y in batches:
            loss = step(x, y)
        float(loss)
        return count

    round.parameters = lambda: keras_models.trained_numbers(model)  # type: ignore[attr-defined]
    return round


def forget() -> None:
    """Give memory back before the next workload."""
    gc.collect()
    tc.empty_cache()


COMPETITORS = {
    "tensorcore fit": fit,
    "tensorcore tape loop": tape,
    "tensorcore model(x)": call,
}
