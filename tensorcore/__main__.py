"""The command `tensorcore`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

import tensorcore as tc
from tensorcore.device import gpu_problem


def info() -> int:
    """Print versions, devices and why a GPU is missing, threads, cache folders, and the environment
    variables that are set.
    """
    from tensorcore.datasets import store
    from tensorcore.kernels.cpu import jit, threads

    print(
        f"tensorcore {tc.__version__}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"numba {jit.numba.__version__}"
    )
    print(f"default device: {tc.default_device()}")
    for device in tc.devices():
        print(tc.memory_summary(device))
    problem = gpu_problem()
    if problem is not None:
        print(f"gpu: {problem}")
    print(f"threads: {tc.config.threads} of {os.cpu_count()} CPUs, {_who_set(threads)}")
    print("threading layer: Python threads with the GIL released; OpenMP and TBB are not used")
    kernels = jit.cache_folder() or "none can be written: every start compiles anew"
    print(f"compiled kernels: {kernels}")
    print(f"data sets: {store.data_dir() or store.cache_dir()}")
    print("environment:", " ".join(_environment()) or "no variable of tensorcore is set")
    return 0


def _who_set(threads: Any) -> str:
    """Where the number of threads comes from."""
    if os.environ.get("TENSORCORE_NUM_THREADS"):
        return "as TENSORCORE_NUM_THREADS says"
    quota = threads.quota()
    limit = f", the control group grants {quota:g}" if quota < threads.UNLIMITED else ""
    return f"by the affinity of this process{limit}"


def _environment() -> list[str]:
    """The variables that tensorcore and its libraries read, as NAME=value."""
    prefixes = ("TENSORCORE_", "NUMBA_", "OPENBLAS_", "OMP_", "MKL_", "CUPY_", "CUDA_")
    return [
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith(prefixes) or name == "NO_COLOR"
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


class Command(NamedTuple):
    """A command: what it is for in a line, examples, and the module that has the rest of it.

    Such a module is imported when its command is asked for: `add_arguments(parser)` declares the
    options, `main(options)` runs it.
    """

    help: str
    examples: str
    module: str = ""


EXAMPLES = """examples:
  tensorcore doctor                    what works here, and what mends the rest
  tensorcore benchmark --quick         how fast each device is, in under a minute
  tensorcore profile train.py          where the time of a program goes
  tensorcore run program.py            a program that says import tensorflow, untouched
"""
COMMANDS = {
    "info": Command(
        "versions, devices and their memory",
        "tensorcore info",
    ),
    "ops": Command(
        "every operation, and how each device runs it",
        "tensorcore ops | grep softmax",
    ),
    "doctor": Command(
        "what works here, and what mends the rest; exit status 0 good, 1 degraded, 2 broken",
        "tensorcore doctor --numerics",
    ),
    "completion": Command(
        "a script that completes commands and options in a shell",
        'eval "$(tensorcore completion bash)"',
    ),
    "benchmark": Command(
        "how fast each device is",
        "tensorcore benchmark --quick",
        "tensorcore.benchmark.command",
    ),
    "profile": Command(
        "run a program, and tell where its time went by layer and operation",
        "tensorcore profile --flame picture.svg train.py --epochs 1",
        "tensorcore.profiler.command",
    ),
    "warmup": Command(
        "compile the usual kernels now, so that no program waits for them",
        "tensorcore warmup --device cpu,gpu",
        "tensorcore.warmup",
    ),
    "run": Command(
        "run a program that says import tensorflow",
        "tensorcore run program.py",
        "tensorcore.run.command",
    ),
}


def parser_for(words: Iterable[str]) -> argparse.ArgumentParser:
    """The parser, with the options of those commands with a module that are among the words."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="tensorcore",
        description="Tensors on the CPU and on NVIDIA GPUs.",
        epilog=EXAMPLES,
        formatter_class=plain,
    )
    parser.add_argument("--version", action="version", version=f"tensorcore {tc.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    parsers = {
        name: commands.add_parser(
            name,
            help=command.help.partition(";")[0],
            description=command.help[0].upper() + command.help[1:] + ".",
            epilog=f"example: {command.examples}",
            formatter_class=plain,
        )
        for name, command in COMMANDS.items()
    }
    parsers["doctor"].add_argument("--json", action="store_true", help="for programs")
    parsers["doctor"].add_argument(
        "--numerics",
        action="store_true",
        help="measure every operation against float64 too (half a minute)",
    )
    parsers["completion"].add_argument("shell", choices=("bash", "zsh", "fish"))
    for name in {*words} & {*COMMANDS}:
        if COMMANDS[name].module:
            importlib.import_module(COMMANDS[name].module).add_arguments(parsers[name])
    return parser


def _run(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    parser = parser_for(words)
    chosen = parser.parse_args(arguments)
    command = COMMANDS.get(chosen.command)
    if command is not None and command.module:
        return importlib.import_module(command.module).main(chosen)
    if chosen.command == "info":
        return info()
    if chosen.command == "doctor":
        from tensorcore.doctor import report

        return report.run(chosen.json, chosen.numerics)
    if chosen.command == "completion":
        from tensorcore import completion

        print(completion.script(parser_for(COMMANDS), chosen.shell))
        return 0
    if chosen.command == "ops":
        from tensorcore.ops.__main__ import main as print_table

        return print_table()
    parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
