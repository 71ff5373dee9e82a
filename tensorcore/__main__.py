"""The command `tensorcore`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

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


# Commands with options of their own, in a module that is imported when they are asked for.
LATE = {
    "benchmark": ("how fast each device is", "tensorcore.benchmark.command"),
    "profile": ("where the time of a program goes", "tensorcore.profiler.command"),
    "run": ("run a program that says import tensorflow", "tensorcore.run.command"),
}


def parser_for(words: Iterable[str]) -> argparse.ArgumentParser:
    """The parser, with the options of those late commands that are among the words."""
    parser = argparse.ArgumentParser(
        prog="tensorcore",
        description="Tensors on the CPU and on NVIDIA GPUs.",
        epilog="example: tensorcore info",
    )
    parser.add_argument("--version", action="version", version=f"tensorcore {tc.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("info", help="versions, devices and their memory")
    commands.add_parser("ops", help="every operation, and how each device runs it")
    doctor = commands.add_parser("doctor", help="what works here, and what mends the rest")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument(
        "--numerics", action="store_true", help="measure every operation against float64 too"
    )
    completion = commands.add_parser(
        "completion",
        help="completes commands and options in a shell",
        epilog='example: eval "$(tensorcore completion bash)"',
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    for name, (words_of, module) in LATE.items():
        command = commands.add_parser(name, help=words_of)
        if name in words:
            importlib.import_module(module).add_arguments(command)
    return parser


def _run(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    parser = parser_for(words)
    chosen = parser.parse_args(arguments)
    if chosen.command in LATE:
        return importlib.import_module(LATE[chosen.command][1]).main(chosen)
    if chosen.command == "info":
        return info()
    if chosen.command == "doctor":
        from tensorcore.doctor import report

        return report.run(chosen.json, chosen.numerics)
    if chosen.command == "completion":
        from tensorcore import completion

        print(completion.script(parser_for(LATE), chosen.shell))
        return 0
    if chosen.command == "ops":
        from tensorcore.ops.__main__ import main as print_table

        return print_table()
    parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
