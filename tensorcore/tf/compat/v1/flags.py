"""`tf.flags`: options of a program, given on its command line as --name=value."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tensorcore.errors import InvalidArgumentError


class _Flags:
    """`tf.flags.FLAGS`: the options as attributes, read from sys.argv when first asked for."""

    def __init__(self) -> None:
        self.__dict__["_options"] = {}
        self.__dict__["_values"] = None
        self.__dict__["_set"] = {}  # by the program itself, which has the last word

    def _define(self, name: str, default: Any, text: str, read: Any) -> None:
        self._options[name] = (default, text, read)
        self.__dict__["_values"] = None

    def _parse(self, arguments: list[str]) -> list[str]:
        """Take the options from arguments; returns the others."""
        parser = argparse.ArgumentParser(allow_abbrev=False)
        for name, (default, text, read) in self._options.items():
            names = [f"--{name}"]
            if read is _boolean:
                group = parser.add_mutually_exclusive_group()
                group.add_argument(
                    *names, nargs="?", const=True, default=default, type=read, help=text, dest=name
                )
                group.add_argument(
                    f"--no{name}", action="store_false", dest=name, default=argparse.SUPPRESS
                )
            else:
                parser.add_argument(*names, default=default, type=read, help=text, dest=name)
        known, rest = parser.parse_known_args(arguments)
        self.__dict__["_values"] = {**vars(known), **self._set}
        return rest

    def __call__(self, argv: list[str]) -> list[str]:
        return [argv[0], *self._parse(list(argv[1:]))]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._options:
            raise AttributeError(
                f"the option {name!r} is not defined; define it with tf.flags.DEFINE_string("
                f"{name!r}, default, help)"
            )
        if self._values is None:
            self._parse(sys.argv[1:])
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self, name)
        self._values[name] = self._set[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._options

    def flag_values_dict(self) -> dict[str, Any]:
        """All options and their values."""
        return {name: getattr(self, name) for name in self._options}


FLAGS = _Flags()


def _boolean(text: Any) -> bool:
    if isinstance(text, bool):
        return text
    if text.lower() in ("true", "t", "1", "yes"):
        return True
    if text.lower() in ("false", "f", "0", "no"):
        return False
    raise InvalidArgumentError(f"expected true or false, received {text!r}")


def DEFINE_string(name: str, default: Any, help: str = "", **ignored: Any) -> None:
    """An option that is text."""
    FLAGS._define(name, default, help, str)


def DEFINE_integer(name: str, default: Any, help: str = "", **ignored: Any) -> None:
    """An option that is an integer."""
    FLAGS._define(name, default, help, int)


def DEFINE_float(name: str, default: Any, help: str = "", **ignored: Any) -> None:
    """An option that is a number."""
    FLAGS._define(name, default, help, float)


def DEFINE_boolean(name: str, default: Any, help: str = "", **ignored: Any) -> None:
    """An option that is true or false: --name, --noname or --name=true."""
    FLAGS._define(name, default, help, _boolean)


DEFINE_bool = DEFINE_boolean


def DEFINE_enum(
    name: str, default: Any, enum_values: list[str], help: str = "", **ignored: Any
) -> None:
    """An option that is one of several texts."""

    def read(text: str) -> str:
        if text not in enum_values:
            raise argparse.ArgumentTypeError(f"expected one of {enum_values}, received {text!r}")
        return text

    FLAGS._define(name, default, help, read)


def DEFINE_list(name: str, default: Any, help: str = "", **ignored: Any) -> None:
    """An option that is texts with commas between them."""
    given = default.split(",") if isinstance(default, str) else default
    FLAGS._define(name, given, help, lambda text: text.split(","))
