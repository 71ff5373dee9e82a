"""Where in the user's program an error arose: file, line, source, and the layers around."""

from __future__ import annotations

import functools
import linecache
import os
from typing import Any


@functools.cache
def _not_the_users() -> tuple[str, ...]:
    """Folders of code that the user did not write."""
    import sysconfig

    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    kernels = os.path.join(os.path.dirname(here), "kernels")
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    return tuple(folder + os.sep for folder in (here, kernels, *libraries))


def note_place(error: BaseException) -> None:
    """Add a note with the user's line and, inside layers, the innermost layer's path.

    Whoever catches the error further out knows more of the path: its notes replace these.
    """
    place, layers = _place_and_layers(error)
    notes = []
    if place is not None:
        line = linecache.getline(*place).strip()
        notes.append(f"in {os.path.basename(place[0])}, line {place[1]}: {line}")
    if layers:
        path = "/".join(layer.name for layer in layers)
        notes.append(f'in layer "{path}" ({type(layers[-1]).__name__})')
    earlier = getattr(error, "_place_notes", [])
    kept = [note for note in getattr(error, "__notes__", []) if note not in earlier]
    if kept or notes:
        error.__notes__ = [*kept, *notes]
    error._place_notes = notes  # type: ignore[attr-defined]


def _place_and_layers(error: BaseException) -> tuple[tuple[str, int] | None, list[Any]]:
    """File and line of the user's innermost frame, and the layers around it, outermost first."""
    place: tuple[str, int] | None = None
    layers: list[Any] = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if not code.co_filename.startswith(_not_the_users()) and code.co_filename[0] != "<":
            place = code.co_filename, step.tb_lineno
        itself: Any = step.tb_frame.f_locals.get("self")
        is_call = code.co_name == "__call__" and hasattr(itself, "_flatten_layers")
        if is_call and itself not in layers[-1:]:  # a class and its base both have a __call__
            layers.append(itself)
        step = step.tb_next
    return place, layers
