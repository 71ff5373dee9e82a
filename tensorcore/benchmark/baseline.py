"""Results in files, and whether a later run is slower than an earlier one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tensorcore.benchmark.runner import Ceiling, Row
from tensorcore.errors import InvalidArgumentError
from tensorcore.saving.atomic import atomic_file

FORMAT = 1
BAND = 0.2  # slower by this share of the baseline is noise: memory is shared with other machines


class Change(NamedTuple):
    """A row against the baseline: its ratio, and the ratio from which it counts as slower."""

    row: Row
    ratio: float
    limit: float

    @property
    def is_slower(self) -> bool:
        return self.ratio > self.limit


def key(row: Row) -> tuple[Any, ...]:
    """What makes two rows comparable."""
    return row.name, row.size, row.dtype, row.device


def write(
    path: Path, rows: Sequence[Row], ceilings: dict[str, Ceiling], machine: dict[str, Any]
) -> None:
    """Write results; the file is complete or it is not there."""
    content = {
        "format": FORMAT,
        "machine": machine,
        "ceilings": {name: ceiling._asdict() for name, ceiling in ceilings.items()},
        "rows": [row._asdict() for row in rows],
    }
    with atomic_file(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())


def read(path: Path) -> list[Row]:
    """The rows of a file that `write` wrote."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, expected {FORMAT}")
        return [Row(**row) for row in content["rows"]]
    except OSError as error:
        raise InvalidArgumentError(f"baseline {path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArgumentError(
            f"baseline {path}: is no file of results ({error}); make one with "
            "tensorcore benchmark --json FILE"
        ) from None


def compare(rows: Sequence[Row], before: Sequence[Row], band: float = BAND) -> list[Change]:
    """The rows that both runs have, with their ratios.

    The fastest rounds are compared, since noise only makes rounds slower.  A row whose rounds in
    the baseline lay further apart than the band, as where memory is the limit, gets that much.
    """
    known = {key(row): row for row in before}
    changes = []
    for row in rows:
        old = known.get(key(row))
        if old is not None:
            apart = old.high_s / old.low_s
            changes.append(Change(row, row.low_s / old.low_s, max(1 + band, apart)))
    return changes
