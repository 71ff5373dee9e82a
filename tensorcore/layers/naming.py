"""Names of layers, models and so on: the class name in snake case, numbered when repeated."""

from __future__ import annotations

import re

_counts: dict[str, int] = {}


def to_snake_case(name: str) -> str:
    """`name` in snake case, as Keras writes it.

    >>> to_snake_case("MaxPooling2D"), to_snake_case("ReLU")
    ('max_pooling2d', 're_lu')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(stem: str) -> str:
    """`stem` at its first use, then `stem_1`, `stem_2`..."""
    count = _counts.get(stem, 0)
    _counts[stem] = count + 1
    return f"{stem}_{count}" if count else stem


def reset_names() -> None:
    """Start counting anew, as `keras.backend.clear_session()` does."""
    _counts.clear()
