"""`keras.ops`: Keras 3's functions on tensors, which also take `keras.Input`.

There is no logic here: names and argument names are Keras's, the operations are tensorcore's.
"""

from __future__ import annotations

from tensorcore.keras.later import refusal
from tensorcore.keras.ops import image
from tensorcore.keras.ops.functions import *  # noqa: F403
from tensorcore.keras.ops.functions import __all__ as _functions
from tensorcore.keras.ops.table import FUNCTIONS

globals().update(FUNCTIONS)

__all__ = [*_functions, *FUNCTIONS, "image"]

__getattr__ = refusal(__name__, __all__)
