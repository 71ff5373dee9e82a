"""The command `tensorcore run`."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import types
from typing import Any

from tensorcore.errors import InvalidArgumentError, MissingNameError, TensorcoreError
from tensorcore.run.aliases import installed, is_ours
from tensorcore.run.check import missing_in
from tensorcore.run.program import Program

DESCRIPTION = """Run a program that says `import tensorflow`, `keras` or `tensorflow.compat.v1`,
unchanged and without TensorFlow.  Whether it speaks the language of TensorFlow 1 is seen in its
text."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tensorcore run`."""
    parser.description = DESCRIPTION
    parser.usage = (
        "tensorcore run [--check] [--device DEVICE] [--tf {1,2}] program.py [the same options] "
        "[arguments of the program]"
    )
    _add_options(parser)
    parser.add_argument("program", help="the program's file")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="go to the program, as its sys.argv[1:]"
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="list what is missing, and run nothing"
    )
    parser.add_argument("--device", help="cpu, gpu or gpu:1; the default is that of tensorcore")
    parser.add_argument(
        "--tf", type=int, choices=(1, 2), help="which TensorFlow `import tensorflow` means"
    )


def main(chosen: argparse.Namespace) -> int:
    """Run or check a program; returns the exit status."""
    arguments = _take_own_options(chosen)
    try:
        program = Program(chosen.program)
    except OSError as problem:
        print(
            f"tensorcore run: can't open file {chosen.program!r}: {problem.strerror}",
            file=sys.stderr,
        )
        return 2
    except SyntaxError as problem:
        traceback.print_exception(problem.with_traceback(None))
        return 1
    style = chosen.tf or program.style
    if chosen.check:
        return check(program, style)
    try:
        if chosen.device is not None:
            _use_device(chosen.device)
    except TensorcoreError as problem:
        print(f"tensorcore run: {problem}", file=sys.stderr)
        return 2
    with installed(style):
        return execute(chosen.program, arguments)


def _take_own_options(chosen: argparse.Namespace) -> list[str]:
    """The program's own arguments; options of this command may also stand right behind the
    program's name.
    """
    rest = list(chosen.arguments)
    parser = argparse.ArgumentParser(prog="tensorcore run", add_help=False)
    _add_options(parser)
    own: list[str] = []
    while rest and rest[0].partition("=")[0] in ("--check", "--device", "--tf"):
        takes_value = rest[0] in ("--device", "--tf")
        own += [rest.pop(0) for _ in range(min(1 + takes_value, len(rest)))]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    parser.parse_args(own, chosen)
    return rest


def _use_device(name: str) -> None:
    import tensorcore as tc

    if not name:
        raise InvalidArgumentError("--device needs a name: cpu, gpu or gpu:0")
    tc.set_default_device(name)


def check(program: Program, style: int) -> int:
    """Say what of a program is missing; 1 if anything is."""
    found = missing_in(program, style)
    for missing in found:
        print(missing)
    names = len({use.name for use in program.uses})
    said = "nothing is missing" if not found else f"{len(found)} of them missing"
    print(f"{program.path}: speaks TensorFlow {style}, asks for {names} names, {said}")
    return 1 if found else 0


def execute(path: str, arguments: list[str]) -> int:
    """Run a program as `python path arguments` would; returns the exit status."""
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    before = sys.argv, sys.path[:], sys.modules["__main__"]
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.modules["__main__"] = module
    try:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except SystemExit as stop:
        return _status(stop)
    except BaseException as problem:
        _show(problem, path)
        return 130 if isinstance(problem, KeyboardInterrupt) else 1
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = before
        sys.stdout.flush()
    return 0


def _status(stop: SystemExit) -> int:
    """The exit status that Python would give."""
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    print(stop.code, file=sys.stderr)
    return 1


def _show(problem: BaseException, path: str) -> None:
    """The traceback from the program's first line on, and where to look for what is missing."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    problem.__traceback__ = trace
    sys.excepthook(type(problem), problem, trace)
    if _is_missing(problem):
        print(
            f"tensorcore run: `tensorcore run --check {path}` lists all that is missing",
            file=sys.stderr,
        )


def _is_missing(problem: Any) -> bool:
    if isinstance(problem, MissingNameError):
        return True
    name = (getattr(problem, "name", None) or "") if isinstance(problem, ImportError) else ""
    return is_ours(name) or name.startswith("tensorcore.")
