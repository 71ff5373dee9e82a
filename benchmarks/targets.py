"""What the comparison must and should reach, and the table that says what it did."""

from __future__ import annotations

from typing import Any, NamedTuple

MIB = 2**20


class Target(NamedTuple):
    """A row of the table.

    `kind` says what is compared with `must` and `aim`: the "ratio" to the best peer, the "percent"
    that the best peer's time is of ours (more is better), or the figure itself in its unit ("us",
    "s", "bytes").
    """

    workload: str
    ours: str
    kind: str
    must: float
    aim: float
    peers: tuple[str, ...] = ()  # only these; all if empty
    why: str = ""  # why the aim is not reached


FIT = "tensorcore fit"
SMALL_PARTS = (
    "of one thread's 167 us a step, products at the peak of the machine are 111 and Adam's roots "
    "and quotients 35; two threads share these, but not the 13 us of some thirty small pieces"
)
LARGER_BATCHES = (
    "matrix products are 80 % of a step and at the peak of the machine, 110 to 115 GFLOP/s a "
    "thread; gathering rows, which are anywhere in memory, is 6 %"
)
PRODUCTS = "matrix products are most of the step, and BLAS is at the peak of the machine for all"
EMBEDDING = (
    "gather, mean and scatter-add pass over (512, 256, 16) values that one loop need not store"
)
WIDE_LAYER = (
    "a layer of 2.8 million weights is 90 % of the step: three products at 65 to 90 GFLOP/s a "
    "thread, whose matrices come from memory, and an update that moves 66 MB"
)
CONVOLUTIONS_AT_PEAK = (
    "convolutions and their gradients are 86 % of the work and run at the peak of the machine, 100 "
    "to 110 GFLOP/s a thread; pools and sums, which read memory, are 4 %"
)
PRODUCTS_AND_ATTENTION = (
    "matrix products are 81 % of the work, at 95 to 105 GFLOP/s a thread, near the peak of the "
    "machine for all; attention is 12 %, at 60 to 75"
)
ONE_SAMPLE = "reading 400 kB of weights takes 7 us, and some 10 us are the way to the plan and back"
COMPILER = (
    "numba and its LLVM are loaded to read machine code from the disk: 36 MiB of file pages that "
    "processes share, some 35 MiB of Python modules and of what LLVM keeps for each kernel"
)
COMPILED_ONCE = (
    "kernels whose references round otherwise are waited for, once on a machine, so that losses do "
    "not depend on time: some 2 s of numba and LLVM in two processes"
)
LOADED_AT_ONCE = (
    "numba is imported and the kernels of the step are read from the disk before the first step, "
    "so that there is no switch later"
)
TARGETS = (
    Target("W1 b32", FIT, "ratio", 1.0, 0.5, why=SMALL_PARTS),
    Target("W1 b128", FIT, "ratio", 1.0, 0.65, why=LARGER_BATCHES),
    Target("W1 b512", FIT, "ratio", 1.0, 0.7, why=LARGER_BATCHES),
    Target("W2", FIT, "ratio", 1.0, 0.55, why=WIDE_LAYER),
    Target("W3", FIT, "ratio", 0.6, 0.35, why=EMBEDDING),
    Target("W4", FIT, "ratio", 1.0, 0.85, why=CONVOLUTIONS_AT_PEAK),
    Target("W5", FIT, "ratio", 1.1, 1.0, why=PRODUCTS_AND_ATTENTION),
    Target("W7 one", "tensorcore model(x)", "ratio", 1.0, 0.36, ("torch eager",), why=ONE_SAMPLE),
    Target("W7 one", FIT, "us", 300.0, 100.0),
    Target("W7 10000", FIT, "ratio", 1.0, 0.85, ("torch eager",), why=PRODUCTS),
    Target("first step, empty cache", "tensorcore", "s", 4.0, 2.0, why=COMPILED_ONCE),
    Target("first step, warm cache", "tensorcore", "s", 0.6, 0.3, why=LOADED_AT_ONCE),
    Target("memory", "tensorcore", "bytes", 120 * MIB, 60 * MIB, why=COMPILER),
)


EAGER = ("torch eager",)
STEPS_OF_SMALL_MODELS = ("W1 b32", "W1 b128", "W1 b512", "W3")
STEPS_OF_LARGE_MODELS = ("W2", "W4", "W5", "W8", "W9")
BOUND_BY_MEMORY = ("element-wise chain, 1 GB", "softmax, 1 GB", "layer norm, 1 GB", "Adam, 1 GB")
GPU_TARGETS = (
    *(Target(name, FIT, "ratio", 0.5, 0.5, EAGER) for name in STEPS_OF_SMALL_MODELS),
    *(Target(name, FIT, "ratio", 1.0, 0.7) for name in STEPS_OF_SMALL_MODELS),
    *(Target(name, FIT, "ratio", 1.15, 0.95) for name in STEPS_OF_LARGE_MODELS),
    *(Target(name, "tensorcore", "percent", 85, 92, ("copy",)) for name in BOUND_BY_MEMORY),
    Target("matmul 8192 bfloat16", "tensorcore", "percent", 97, 100, ("torch",)),
    Target("matmul 8192 TF32", "tensorcore", "percent", 97, 100, ("torch",)),
    Target("host time an operation, traced", "tensorcore", "us", 2, 0.5),
    Target("host time an operation, eager", "tensorcore", "us", 12, 6),
)


def table(rows: list[dict[str, Any]], device: str = "cpu") -> list[dict[str, Any]]:
    """A line for each target: for those that were measured on the CPU, and for all on a GPU."""
    if device == "gpu":
        return [_line(target, rows) or _unmeasured(target) for target in GPU_TARGETS]
    return [line for target in TARGETS if (line := _line(target, rows)) is not None]


def rehearsed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines without verdicts: what was measured means nothing."""
    fixed = {"verdict": "rehearsed", "why": ""}
    return [line if line["verdict"] == "not measured" else {**line, **fixed} for line in lines]


def _unmeasured(target: Target) -> dict[str, Any]:
    empty = dict.fromkeys(("figure", "best_peer_figure", "reached"))
    fixed = {name: getattr(target, name) for name in ("workload", "ours", "kind", "must", "aim")}
    peer = target.peers[0] if target.peers else ""
    return {**fixed, **empty, "best_peer": peer, "verdict": "not measured", "why": ""}


def _line(target: Target, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    mine, theirs = None, []
    for row in rows:
        value = _figure(row)
        if row["workload"] != target.workload or value is None:
            continue
        if row["competitor"] == target.ours:
            mine = value
        elif _is_rival(row["competitor"], target):
            theirs.append((value, row["competitor"]))
    if mine is None:
        return None
    best = min(theirs, default=(None, ""))
    reached: float | None = mine
    if target.kind in ("ratio", "percent"):
        reached = None if best[0] is None else _compared(target.kind, mine, best[0])
    verdict = "not compared"
    if reached is not None:
        sign = -1 if target.kind == "percent" else 1
        limits = (("aim", target.aim), ("must", target.must))
        verdict = next((v for v, limit in limits if sign * reached <= sign * limit), "misses")
    return {
        "workload": target.workload,
        "ours": target.ours,
        "figure": mine,
        "best_peer": best[1],
        "best_peer_figure": best[0],
        "kind": target.kind,
        "reached": reached,
        "must": target.must,
        "aim": target.aim,
        "verdict": verdict,
        "why": target.why if verdict in ("must", "misses") else "",
    }


def _compared(kind: str, mine: float, best: float) -> float:
    return mine / best if kind == "ratio" else 100 * best / mine


def _is_rival(name: str, target: Target) -> bool:
    return name in target.peers if target.peers else not name.startswith("tensorcore")


def _figure(row: dict[str, Any]) -> float | None:
    return next((row[k] for k in ("median_us", "median_s", "median_bytes") if k in row), None)


TITLES = ("workload", "ours", "figure", "best peer", "its figure", "reached", "must", "aim", "")


def cells(line: dict[str, Any]) -> tuple[str, ...]:
    """A line as texts, under TITLES."""
    unit = "us" if line["kind"] in ("ratio", "percent") else str(line["kind"])
    shown = {"ratio": "{:.2f}".format, "percent": "{:.0f} %".format}.get(line["kind"])
    reached = "-" if shown is None or line["reached"] is None else shown(line["reached"])
    say = {"ratio": "{:g}".format, "percent": "{:g} %".format}.get(line["kind"])
    limits = [say(v) if say else _say(v, unit) for v in (line["must"], line["aim"])]
    verdict = {"aim": "reached", "must": "must reached"}.get(line["verdict"], line["verdict"])
    ours = line["ours"].removeprefix("tensorcore ")
    figures = (line["figure"], line["best_peer_figure"])
    mine, theirs = ("-" if v is None else _say(v, unit) for v in figures)
    return (line["workload"], ours, mine, line["best_peer"], theirs, reached, *limits, verdict)


def as_text(lines: list[dict[str, Any]]) -> str:
    """The table as text."""
    rows = [TITLES, *map(cells, lines)]
    notes = [f"{row[0]} ({row[1]}): {line['why']}" for line, row in zip(lines, rows[1:])]
    notes = [note for note, line in zip(notes, lines) if line["why"]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(TITLES))]
    text = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([*text, "", *notes])


def _say(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / MIB:.0f} MiB"
    if unit == "s":
        return f"{value:.2f} s"
    if value >= 1000:
        return f"{value / 1000:.2f} ms"
    return f"{value:.1f} us" if value >= 0.95 or not value else f"{value:.2g} us"
