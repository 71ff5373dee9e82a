"""The command `tensorcore profile program.py`; the program may say `import tensorflow`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tensorcore.errors import InvalidArgumentError, TensorcoreError
from tensorcore.kernels.cpu import tiers
from tensorcore.profiler import flame
from tensorcore.profiler.profile import Profile
from tensorcore.run.aliases import installed
from tensorcore.run.command import execute
from tensorcore.run.program import Program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rows", type=int, default=20, help="lines of each table (default: 20)")
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="a trace for chrome://tracing, as JSON"
    )
    parser.add_argument("--flame", type=Path, metavar="FILE", help="a picture, PNG or SVG")
    parser.add_argument("program", type=Path, help="the program to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")


def main(options: argparse.Namespace) -> int:
    """Run the program and print where its time went, also if it stops with an error."""
    try:
        _check(options)
    except TensorcoreError as error:
        print(f"tensorcore profile: {error}", file=sys.stderr)
        return 2
    profile, style = Profile(), Program(str(options.program)).style
    try:
        with installed(style), tiers.at_once(), profile:
            status = execute(str(options.program), options.arguments)
    finally:
        print(profile.table(options.rows), file=sys.stderr)
        if options.trace is not None:
            profile.save_trace(options.trace)
        if options.flame is not None and profile.events:
            profile.save_flame(options.flame)
    return status


def _check(options: argparse.Namespace) -> None:
    """Refuse before the program runs what could not be done after it."""
    if not options.program.is_file():
        raise InvalidArgumentError(f"there is no file {options.program}")
    if options.rows < 1:
        raise InvalidArgumentError(f"--rows must be 1 or more, received {options.rows}")
    for file in (options.trace, options.flame):
        if file is not None and not file.resolve().parent.is_dir():
            raise InvalidArgumentError(f"{file}: there is no folder {file.resolve().parent}")
    if options.flame is not None:
        flame.check(options.flame)
