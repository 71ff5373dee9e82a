"""The report as one HTML page that needs nothing from elsewhere, and its pictures as files."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorcore.benchmark import peers, pictures, text
from tensorcore.benchmark.cases import BY_ELEMENTS
from tensorcore.benchmark.runner import Ceiling, Row
from tensorcore.saving.atomic import atomic_file

_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1b1f24; --soft: #57606a;
        --line: #d0d7de; --bar: #0072B2; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --ink: #e6edf3; --soft: #8b949e; --line: #30363d; --bar: #56B4E9; }
}
body { background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
       max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p, figcaption, dd { color: var(--soft); } dt { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dd { margin: 0; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; border: 1px solid var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
         white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
meter { width: 5rem; }
"""


def write(
    path: Path,
    rows: Sequence[Row],
    ceilings: dict[str, Ceiling],
    machine: dict[str, Any],
    beside: Any = None,
) -> list[Path]:
    """Write the page, and each picture beside it as a PNG file; returns all files."""
    drawn = _drawn(rows, ceilings)
    files = []
    figures = []
    for name, title, draw in drawn:
        light, dark = pictures.png(draw, pictures.LIGHT), pictures.png(draw, pictures.DARK)
        file = path.with_name(f"{path.stem}-{name}.png")
        with atomic_file(file) as stream:
            stream.write(light)
        files.append(file)
        figures.append(_figure(title, light, dark))
    content = _page(rows, ceilings, machine, figures, beside)
    with atomic_file(path) as stream:
        stream.write(content.encode())
    return [path, *files]


def _drawn(rows: Sequence[Row], ceilings: dict[str, Ceiling]) -> list[tuple[str, str, Any]]:
    """(file name, words for those who cannot see it, what draws it)."""
    found = []
    if any(row.name in BY_ELEMENTS for row in rows):
        words = "GB/s of memory-bound operations by size, with the copy as ceiling"
        found.append(("throughput", words, pictures.throughput(rows, ceilings)))
    if any(row.gflops for row in rows):
        words = "GFLOP/s against operations per byte, under the roof of each device"
        found.append(("roofline", words, pictures.roofline(rows, ceilings)))
    for name in ("add", "matmul", "step W1"):
        draw = pictures.crossover(rows, name)
        if draw is not None:
            words = f"time of {name} by size on CPU and GPU, with the size where they cross"
            found.append((f"crossover-{name.replace(' ', '-')}", words, draw))
    if any(row.group in ("step", "model") for row in rows):
        found.append(("training", "training steps a second as bars", pictures.training(rows)))
    if any(row.peak_bytes for row in rows):
        found.append(("memory", "the most memory of steps as bars", pictures.memory(rows)))
    return found


def _figure(title: str, light: bytes, dark: bytes) -> str:
    def uri(data: bytes) -> str:
        return "data:image/png;base64," + base64.b64encode(data).decode()

    return (
        '<figure><picture><source media="(prefers-color-scheme: dark)" '
        f'srcset="{uri(dark)}"><img alt="{html.escape(title)}" src="{uri(light)}"></picture>'
        f"<figcaption>{html.escape(title)}</figcaption></figure>"
    )


def _page(
    rows: Sequence[Row],
    ceilings: dict[str, Ceiling],
    machine: dict[str, Any],
    figures: Sequence[str],
    beside: Any,
) -> str:
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>tensorcore benchmark</title><style>{_STYLE}</style>",
        "<h1>tensorcore benchmark</h1>",
        _machine(machine),
        "<h2>Ceilings</h2><p>What a large copy and a large matrix product reached in this run.</p>",
        _table(
            ["device", "copy, GB/s", "product, GFLOP/s"],
            [
                [device, f"{c.bytes_per_s / 1e9:.1f}", f"{c.flops_per_s / 1e9:,.0f}"]
                for device, c in ceilings.items()
            ],
        ),
        "<h2>Pictures</h2>",
        *figures,
        "<h2>All rows</h2><p>Medians of rounds; the first call stands apart. Small arrays stay in "
        "caches, which are faster than the copy that is the ceiling.</p>",
        _table([*text.COLUMNS, "ceiling"], [text.cells(row) for row in rows]),
    ]
    if beside:
        parts.append("<h2>Beside others</h2>" + _table(*peers.lines(rows, beside)))
    return "\n".join([*parts, "</html>", ""])


def _machine(machine: dict[str, Any]) -> str:
    items = []
    for name, value in machine.items():
        shown = value
        if isinstance(value, dict):
            shown = "; ".join(f"{part}: {words}" for part, words in value.items())
        items.append(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(shown))}</dd>")
    return f"<dl>{''.join(items)}</dl>"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    def cells(kind: str, values: Sequence[str]) -> str:
        return "".join(f"<{kind}>{html.escape(str(value))}</{kind}>" for value in values)

    body = "".join(f"<tr>{cells('td', line)}</tr>" for line in lines)
    return (
        f'<div class="wide"><table><thead><tr>{cells("th", head)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
