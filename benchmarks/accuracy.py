"""How exact results are: `python benchmarks/accuracy.py --device cpu [--json]`.

What is measured stands in tensorcore/accuracy.  `--json` writes results/accuracy-<device>.json and
results/accuracy.md, which shows all devices that have a file; for the CPU also the table that
`tensorcore doctor --numerics` compares with.  An emulated GPU (`--emulated`) is called so and has a
file of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import RESULTS, save

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "tensorcore" / "accuracy" / "published.json"


def main() -> int:
    """Measure, print, and write if asked to; 1 if a result is less exact than it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--emulated", action="store_true", help="the tests' pretend GPU")
    parser.add_argument("--json", action="store_true", help="write the results and the page")
    parser.add_argument("--only", help="only operations whose name contains this")
    options = parser.parse_args()
    if options.emulated:
        options.device = "gpu"
        sys.path.insert(0, str(ROOT))
        from tests import emulator

        emulator.install(guard_pages=False)
    from tensorcore.accuracy import is_fine, line, measure

    warnings.simplefilter("ignore")
    start = time.perf_counter()
    rows = measure(options.device, options.only)
    for row in rows:
        print(line(row))
    bad = [row for row in rows if not is_fine(row)]
    print(f"\n{len(rows)} rows in {time.perf_counter() - start:.0f} s; {len(bad)} to look at")
    for row in bad:
        print("  " + line(row))
    if options.json:
        name = "gpu-emulated" if options.emulated else options.device
        what = device_words(options.device, options.emulated)
        print("written:", save(f"accuracy-{name}", rows, device=name, processor=what))
        print("written:", write_page())
        if name == "cpu" and options.only is None:
            print("written:", write_published(rows))
    return int(bool(bad))


def device_words(kind: str, emulated: bool) -> str:
    """What computed the results."""
    if kind == "cpu":
        return "CPU"
    if emulated:
        return "emulated GPU: CUDA kernels compiled by g++, nothing is said about real hardware"
    import cupy

    return cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()


def write_published(rows: list[dict[str, Any]]) -> Path:
    """The errors by name, for the package."""
    from tensorcore.accuracy.measure import error_of, key_of

    table = {key_of(row): error_of(row) for row in rows}
    PUBLISHED.write_text(json.dumps(table, indent=0) + "\n", encoding="utf-8")
    return PUBLISHED


def write_page() -> Path:
    """The Markdown page of all devices that have results."""
    from tensorcore.accuracy.measure import REASONS

    found = {}
    for path in sorted(RESULTS.glob("accuracy-*.json")):
        found[path.stem.removeprefix("accuracy-")] = json.loads(path.read_text())
    names = list(found)
    lines = ["# How exact the results are", "", PAGE_WORDS, ""]
    for name, result in found.items():
        machine = result["machine"]
        lines.append(
            f"* **{name}**: {result['processor']}; tensorcore {machine['tensorcore']} "
            f"({machine['commit']}), NumPy {machine['numpy']}, {machine['processor']}, "
            f"{machine['date'][:10]}"
        )
    lines += ["", "## Element-wise operations: greatest error in ULP (mean)", ""]
    lines += table(found, names, "element-wise", ulp_cell)
    lines += ["", "## Usual sizes, float32: relative error", ""]
    lines += table(found, names, "practice", relative_cell)
    lines += ["", "## The other operations on their samples, float32: relative error", ""]
    lines += table(found, names, "record", relative_cell)
    lines += ["", "## More than is aimed at", ""]
    lines += [f"* `{name}`: {reason}." for name, reason in REASONS.items()]
    path = RESULTS / "accuracy.md"
    path.write_text("\n".join(lines) + "\n")
    return path


PAGE_WORDS = """Made by `python benchmarks/accuracy.py --device <device> --json`.

An ULP is the distance between neighbouring numbers of the dtype at the exact result (that of
float64): correct rounding gives at most 0.5.  The inputs of float32 are 60 000 from the record's
domain, 60 000 of all sizes from 1e-38 to 1e38, and the edges (zeros, subnormal numbers, the
largest, infinity, NaN) in all combinations; operations of one input get all 65536 inputs in float16
and bfloat16.  "special" counts infinities and NaN that are not where they must be.  Relative errors
are |y - exact| / |exact|, each the greatest element."""


def table(found: Any, names: list[str], kind: str, cell: Callable[[Any], str]) -> list[str]:
    """A Markdown table with one row an operation and one column a device and dtype."""
    columns: list[tuple[str, str]] = []
    cells: dict[str, dict[tuple[str, str], str]] = {}
    for name in names:
        for row in found[name]["rows"]:
            if row["kind"] == kind:
                column = (name, row["dtype"])
                if column not in columns:
                    columns.append(column)
                cells.setdefault(row["what"], {})[column] = cell(row)
    head = "| operation | " + " | ".join(f"{name} {dtype}" for name, dtype in columns) + " |"
    rule = "| --- |" + " ---: |" * len(columns)
    body = [
        f"| `{what}` | " + " | ".join(row.get(column, "") for column in columns) + " |"
        for what, row in sorted(cells.items())
    ]
    return [head, rule, *body]


def ulp_cell(row: dict[str, Any]) -> str:
    special = f", special {row['special_wrong']}" if row["special_wrong"] else ""
    return f"{row['max_ulp']:.2f} ({row['mean_ulp']:.2f}){special}"


def relative_cell(row: dict[str, Any]) -> str:
    return f"{row['relative']:.1e}"


if __name__ == "__main__":
    sys.exit(main())
