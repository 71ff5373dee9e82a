"""Keras with the backend that KERAS_BACKEND names: `model.fit`, `model.predict`, calls."""

from __future__ import annotations

import os
from typing import Any

import keras_models

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras


def versions() -> dict[str, str]:
    """What runs here."""
    backend = __import__(keras.backend.backend())
    return {"keras": keras.__version__, keras.backend.backend(): backend.__version__}


def call(workload: str, data: Any, device: str) -> Any:
    """`model(x)` of one sample."""
    return keras_models.call(keras, workload, data)


def fit(workload: str, data: Any, device: str) -> Any:
    """One epoch of `model.fit`, or `model.predict`."""
    if device == "gpu" and keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() != "gpu":
            raise RuntimeError(f"JAX computes on {jax.default_backend()} here")
    return keras_models.fit_or_predict(keras)(workload, data, device)


COMPETITORS = {"fit": fit, "model(x)": call}
