"""The command `tensorcore benchmark`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorcore as tc
from tensorcore.benchmark import baseline, machine, text
from tensorcore.benchmark.runner import Row, remeasured, run
from tensorcore.dtypes import as_dtype
from tensorcore.errors import InvalidArgumentError, TensorcoreError
from tensorcore.kernels.cpu import tiers

ATTEMPTS = 10  # how often a row that looks slower is measured again

EPILOG = """examples:
  tensorcore benchmark --quick                    everything in under a minute
  tensorcore benchmark --device cpu,gpu --html report.html
  tensorcore benchmark --only matmul,step --dtype float32,float16
  tensorcore benchmark --json before.json         then, after a change:
  tensorcore benchmark --baseline before.json     exit status 1 if something got slower
  tensorcore benchmark --compare torch=/path/to/python --only add,matmul
  tensorcore benchmark fit                        whole trainings: epochs, memory, accuracy
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", nargs="?", choices=["fit"], help="fit: whole trainings")
    parser.add_argument("--device", default="auto", help="cpu, gpu or both: cpu,gpu")
    parser.add_argument("--only", default="", help="parts of names or groups, by commas")
    parser.add_argument("--dtype", default="float32", help="by commas")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, shorter rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results")
    parser.add_argument("--html", type=Path, metavar="FILE", help="a page with pictures")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="compare with kept results")
    parser.add_argument(
        "--compare",
        default="",
        metavar="PEERS",
        help="numpy, cupy, torch, jax, tensorflow; name=PYTHON for another environment",
    )
    parser.add_argument("--plain", action="store_true", help="no progress line")


def main(options: argparse.Namespace) -> int:
    """Run the command; 0, or 1 if something is slower than the baseline, or 2 for bad input."""
    try:
        with tiers.at_once():
            return _measure(options)
    except TensorcoreError as error:
        print(f"tensorcore benchmark: {error}", file=sys.stderr)
        return 2


def _measure(options: argparse.Namespace) -> int:
    devices = _devices(options.device)
    for device in devices:
        machine.refuse_emulated(device)
    for file in (options.json, options.html):
        _check_folder(file)
    said = _said(options.plain)
    if options.what == "fit":
        from tensorcore.benchmark import fitting

        print(fitting.report(devices, quick=options.quick, said=said))
        return 0
    from tensorcore.benchmark import peers

    asked = peers.parse(options.compare)
    before = baseline.read(options.baseline) if options.baseline else []
    dtypes = [as_dtype(name).name for name in options.dtype.split(",")]
    only = [part.strip() for part in options.only.split(",") if part.strip()]
    rows, ceilings = run(devices, only=only, dtypes=dtypes, quick=options.quick, said=said)
    beside = peers.measure(asked, rows, quick=options.quick, said=said)
    said("")
    print(text.report(rows, ceilings))
    if beside:
        print("\n" + peers.as_text(rows, beside))
    described = machine.describe(devices)
    if options.json:
        baseline.write(options.json, rows, ceilings, described)
    if options.html:
        from tensorcore.benchmark import page

        page.write(options.html, rows, ceilings, described, beside)
    return _verdict(rows, before, options.quick) if options.baseline else 0


def _verdict(rows: list[Row], before: list[Row], quick: bool) -> int:
    changes = baseline.compare(rows, before)
    if not changes:
        raise InvalidArgumentError("the baseline has none of the rows that were measured")
    slower = confirmed(changes, before, quick)
    lines = [
        [change.row.name, change.row.shape, change.row.device, f"{change.ratio:.2f}"]
        for change in changes
    ]
    print("\n" + text.table(["against the baseline", "size", "device", "ratio"], lines))
    for change in slower:
        print(
            f"slower: {change.row.name} {change.row.shape} on {change.row.device}: "
            f"{change.ratio:.2f} times the baseline (limit {change.limit:.2f})"
        )
    print(f"{len(slower)} of {len(changes)} rows are slower than the baseline")
    return 1 if slower else 0


def confirmed(
    changes: Sequence[baseline.Change], before: Sequence[Row], quick: bool, pause_s: float = 0.5
) -> list[baseline.Change]:
    """Those that are still slower when they are measured again and again: a disturbance of the
    machine passes, a slowdown of the program stays.
    """
    slower = [change for change in changes if change.is_slower]
    for _ in range(ATTEMPTS):
        if not slower:
            break
        time.sleep(pause_s)
        again = [remeasured(change.row, quick) for change in slower]
        slower = [change for change in baseline.compare(again, before) if change.is_slower]
    return slower


def _devices(names: str) -> list[Any]:
    return [tc.device(name.strip()) for name in names.split(",") if name.strip()]


def _check_folder(file: Path | None) -> None:
    """Say before measuring that a result could not be kept."""
    if file is not None and not file.resolve().parent.is_dir():
        raise InvalidArgumentError(f"{file}: there is no folder {file.resolve().parent}")


def _said(plain: bool) -> Any:
    """A line that tells what is measured, on a terminal only."""
    if plain or not sys.stderr.isatty():
        return lambda text: None

    def say(words: str) -> None:
        sys.stderr.write(f"\r\033[K{words[:79]}")
        sys.stderr.flush()

    return say
