"""What a check found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

GOOD, DEGRADED, BROKEN = "good", "degraded", "broken"
EXIT_STATUS = {GOOD: 0, DEGRADED: 1, BROKEN: 2}


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        topic: what was looked at, such as "NVRTC".
        text: what was found, in one line.
        status: "good", "degraded" or "broken".
        remedy: the command or the change that mends it; empty if nothing has to be mended.
    """

    topic: str
    text: str
    status: str = GOOD
    remedy: str = ""


def worst(findings: Sequence[Finding]) -> str:
    """The status of all findings together."""
    return max((f.status for f in findings), key=EXIT_STATUS.__getitem__, default=GOOD)


def verdict(findings: Sequence[Finding]) -> str:
    """All findings in one line: the status, and the first thing that has to be mended, without
    the details in parentheses.
    """
    status = worst(findings)
    if status == GOOD:
        return "good: everything that was looked at works"
    problems = [f for f in findings if f.status == status]
    rest = len([f for f in findings if f.status != GOOD]) - 1
    more = f" (and {rest} more)" if rest else ""
    what = problems[0].text.partition(" (")[0]
    return f"{status}: {problems[0].topic}: {what}{more}"
