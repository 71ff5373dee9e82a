"""Where in the user's program an error arose: file, line, source, and the layers around."""

from __future__ import annotations

import linecache
import os
import sysconfig
from typing import Any

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_NOT_THE_USERS = (
    _HERE + os.sep,
    os.path.join(os.path.dirname(_HERE), "kernels") + os.sep,
    *{sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")},
)


def note_place(error: BaseException) -> None:
    """Add a note with the user's line and, inside layers, the innermost layer's path."""
    if getattr(error, "_has_place", False):
        return
    place: tuple[str, int] | None = None
    layers: list[Any] = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if not code.co_filename.startswith(_NOT_THE_USERS) and code.co_filename[0] != "<":
            place = code.co_filename, step.tb_lineno
        itself: Any = step.tb_frame.f_locals.get("self")
        is_call = code.co_name == "__call__" and hasattr(itself, "_flatten_layers")
        if is_call and itself not in layers[-1:]:  # a class and its base both have a __call__
            layers.append(itself)
        step = step.tb_next
    if place is not None:
        line = linecache.getline(*place).strip()
        error.add_note(f"in {os.path.basename(place[0])}, line {place[1]}: {line}")
    if layers:
        path = "/".join(layer.name for layer in layers)
        error.add_note(f'in layer "{path}" ({type(layers[-1]).__name__})')
    if place is not None or layers:
        error._has_place = True  # type: ignore[attr-defined]
