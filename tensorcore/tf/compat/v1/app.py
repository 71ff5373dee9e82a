"""`tf.app`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from tensorcore.tf.compat.v1 import flags


def run(main: Callable[..., Any] | None = None, argv: list[str] | None = None) -> NoReturn:
    """Read the options, call `main` with the other arguments, and leave the program."""
    rest = flags.FLAGS(sys.argv if argv is None else argv)
    target = main or sys.modules["__main__"].main  # type: ignore[attr-defined]
    sys.exit(target(rest))
