"""`keras.preprocessing`: older places of functions."""

from tensorcore.keras.preprocessing import sequence

__all__ = ["sequence"]
