"""`keras.metrics`: the names of `tensorcore.metrics`."""

from tensorcore.keras.later import refusal
from tensorcore.metrics import *  # noqa: F403
from tensorcore.metrics import MeanMetric as MeanMetricWrapper
from tensorcore.metrics import __all__ as _names

__all__ = [*_names, "MeanMetricWrapper"]

__getattr__ = refusal(__name__, __all__)
