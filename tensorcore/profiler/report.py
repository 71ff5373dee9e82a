"""A profile as text and as a trace for Chrome."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorcore.profiler.events import Sum
from tensorcore.saving.atomic import atomic_file

HEAD = ("", "calls", "total", "share", "host", "forward", "backward", "update", "made")


def table(profile: Any, rows: int) -> str:
    """The longest layers and operations, with what they took in each phase."""
    total = sum(event.total_s for event in profile.events)
    traced = sum(event.total_s for event in profile.events if event.traced)
    parts = [
        f"{len(profile.events)} operations took {_ms(total)} of {_ms(profile.seconds)}; "
        f"{_share(traced, total)} of that in planned graphs, the rest one by one",
        *_compiled(profile.compiled),
        "",
        _block("layer", profile.by_layer(), total, rows),
        "",
        _block("operation", profile.by_operation(), total, rows),
    ]
    return "\n".join(parts)


def _compiled(count: int) -> list[str]:
    if not count:
        return []
    return [f"{count} kernels were compiled meanwhile; a second run has them, and is faster"]


def _block(what: str, found: Sequence[Sum], total: float, rows: int) -> str:
    lines = [[what, *HEAD[1:]]]
    for one in found[:rows]:
        name = one.name if len(one.name) <= 48 else f"{one.name[:45]}..."
        times = (one.host_s, one.forward_s, one.backward_s, one.update_s)
        lines.append(
            [
                name,
                str(one.calls),
                _ms(one.total_s),
                _share(one.total_s, total),
                *map(_ms, times),
                f"{one.nbytes / 2**20:.1f} MiB",
            ]
        )
    if len(found) > rows:
        lines.append([f"and {len(found) - rows} more"] + [""] * (len(HEAD) - 1))
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds else ""


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def save_trace(profile: Any, path: Path) -> None:
    """Write the events in Chrome's trace format: one line for the host, one for the device."""
    events: list[dict[str, Any]] = [
        {"name": "thread_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": "host"}},
        {"name": "thread_name", "ph": "M", "pid": 1, "tid": 2, "args": {"name": "device"}},
    ]
    for event in profile.events:
        common = {
            "name": event.name,
            "cat": event.phase,
            "ph": "X",
            "pid": 1,
            "ts": event.start_s * 1e6,
            "args": {"layer": event.layer, "bytes": event.nbytes, "traced": event.traced},
        }
        events.append({**common, "tid": 1, "dur": event.host_s * 1e6})
        events.append({**common, "tid": 2, "dur": event.total_s * 1e6})
    with atomic_file(path) as file:
        file.write(json.dumps({"traceEvents": events}).encode())
