"""The command `tensorcore`."""

from __future__ import annotations

import argparse
import platform
import sys

import numpy as np

import tensorcore as tc
from tensorcore.device import gpu_problem


def info() -> int:
    """Print versions and devices, and why a GPU is missing."""
    print(
        f"tensorcore {tc.__version__}, Python {platform.python_version()}, NumPy {np.__version__}"
    )
    for device in tc.devices():
        print(tc.memory_summary(device))
    problem = gpu_problem()
    if problem is not None:
        print(f"gpu: {problem}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="tensorcore",
        description="Tensors on the CPU and on NVIDIA GPUs.",
        epilog="example: tensorcore info",
    )
    parser.add_argument("--version", action="version", version=f"tensorcore {tc.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("info", help="versions, devices and their memory")
    commands.add_parser("ops", help="every operation, and how each device runs it")
    chosen = parser.parse_args(arguments)
    if chosen.command == "info":
        return info()
    if chosen.command == "ops":
        from tensorcore.ops.__main__ import main as print_table

        return print_table()
    parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
