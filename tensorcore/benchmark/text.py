"""The results as text: a table that reads the same in a file, without colours."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcore.benchmark.runner import Ceiling, Row


def seconds(value: float) -> str:
    """A duration in the unit that suits it."""
    for factor, unit in ((1e9, "ns"), (1e6, "us"), (1e3, "ms")):
        if value * factor < 999.5:
            return f"{value * factor:.3g} {unit}"
    return f"{value:.3g} s"


def rate(value: float) -> str:
    """A rate with three digits, or nothing where there is none."""
    return f"{value:.3g}" if value else ""


def of_ceiling(row: Row) -> str:
    """How near a row came to the ceiling of its device."""
    return f"{row.percent:.0f} % of {row.bound}"


COLUMNS = ("what", "size", "dtype", "device", "median", "spread", "first", "GFLOP/s", "GB/s")


def cells(row: Row) -> list[str]:
    """A row's texts, under `COLUMNS` and the ceiling."""
    spread = f"{100 * (row.high_s - row.low_s) / row.median_s:.0f} %"
    return [
        row.name,
        row.shape,
        row.dtype,
        row.device,
        seconds(row.median_s),
        spread,
        seconds(row.first_s),
        rate(row.gflops),
        rate(row.gbytes),
        of_ceiling(row),
    ]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns side by side; what starts with a digit stands at the right."""
    everything = [list(head), *map(list, lines)]
    widths = [max(len(line[i]) for line in everything) for i in range(len(head))]

    def one(line: Sequence[str]) -> str:
        parts = [
            text.rjust(width) if text[:1].isdigit() else text.ljust(width)
            for text, width in zip(line, widths, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return "\n".join(map(one, everything))


def report(rows: Sequence[Row], ceilings: dict[str, Ceiling]) -> str:
    """The table of all rows, and the ceilings."""
    lines = [table([*COLUMNS, "ceiling"], [cells(row) for row in rows]), ""]
    for device, ceiling in ceilings.items():
        copy, product = ceiling.bytes_per_s / 1e9, ceiling.flops_per_s / 1e9
        lines.append(
            f"ceilings of {device}, measured in this run: copy {copy:.1f} GB/s, "
            f"product {product:,.0f} GFLOP/s (float32)"
        )
    lines.append("small arrays stay in caches, which are faster than the copy that is the ceiling")
    return "\n".join(lines)
