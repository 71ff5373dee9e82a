"""Messages of programs and of sessions, in the form that TensorFlow gives them."""

from __future__ import annotations

import logging
import sys
from typing import Any

DEBUG, INFO, WARN, ERROR, FATAL = 10, 20, 30, 40, 50
_NAMES = {DEBUG: "DEBUG", INFO: "INFO", WARN: "WARNING", ERROR: "ERROR", FATAL: "FATAL"}
_level = [INFO]


def set_verbosity(level: int | str) -> None:
    """Say only what is at least so important."""
    if isinstance(level, str):
        level = {name: number for number, name in _NAMES.items()}.get(level.upper(), WARN)
    _level[0] = int(level)


def get_verbosity() -> int:
    """How important a message must be to be said."""
    return _level[0]


def log(level: int, message: Any, *args: Any) -> None:
    """Say a message on stderr."""
    if level >= max(_level[0], logging.getLogger("tensorflow").level):
        text = str(message) % args if args else str(message)
        print(f"{_NAMES.get(level, 'INFO')}:tensorflow:{text}", file=sys.stderr)


def debug(message: Any, *args: Any) -> None:
    log(DEBUG, message, *args)


def info(message: Any, *args: Any) -> None:
    log(INFO, message, *args)


def warn(message: Any, *args: Any) -> None:
    log(WARN, message, *args)


def error(message: Any, *args: Any) -> None:
    log(ERROR, message, *args)


def fatal(message: Any, *args: Any) -> None:
    log(FATAL, message, *args)


warning = warn


def flush() -> None:
    """Nothing is held back."""
    sys.stderr.flush()
