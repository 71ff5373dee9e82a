"""`keras.models`: Sequential and Model."""

from tensorcore.training import Model, Sequential

__all__ = ["Model", "Sequential"]
