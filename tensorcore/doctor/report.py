"""What `tensorcore doctor` prints."""

from __future__ import annotations

import json
import sys
from typing import Any

import tensorcore as tc
from tensorcore.doctor import folders, gpu, numerics, packages, processor
from tensorcore.doctor.finding import BROKEN, EXIT_STATUS, GOOD, Finding, verdict, worst

CHECKS = (packages.check, processor.check, folders.check, gpu.check)
_MARKS = {GOOD: "ok", "degraded": "!", "broken": "X"}


def diagnose(with_numerics: bool = False) -> list[Finding]:
    """Run all checks; one that fails itself is a finding too.

    Args:
        with_numerics: measure the accuracy of every operation too, which takes half a minute.

    >>> from tensorcore import doctor
    >>> {finding.status for finding in doctor.diagnose()} <= {"good", "degraded", "broken"}
    True
    """
    findings: list[Finding] = []
    for check in (*CHECKS, *([numerics.check] if with_numerics else [])):
        try:
            findings += check()
        except Exception as error:  # a doctor that dies of the illness is of no use
            room = check.__module__.rpartition(".")[2]
            text = f"the check itself fails: {type(error).__name__}: {error}"
            remedy = "pip install --force-reinstall tensorcore"
            findings.append(Finding(room, text, BROKEN, remedy))
    return findings


def as_text(findings: list[Finding]) -> str:
    """A line for each finding, remedies below them, and the verdict at the end."""
    width = max(len(finding.topic) for finding in findings)
    lines = [f"tensorcore {tc.__version__}"]
    for finding in findings:
        lines.append(f"{_MARKS[finding.status]:>3}  {finding.topic:<{width}}  {finding.text}")
        if finding.remedy:
            lines.append(f"     {'':<{width}}  -> {finding.remedy}")
    return "\n".join([*lines, "", verdict(findings)])


def as_dict(findings: list[Finding]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "tensorcore": tc.__version__,
        "status": worst(findings),
        "verdict": verdict(findings),
        "findings": [finding._asdict() for finding in findings],
    }


def run(as_json: bool = False, with_numerics: bool = False) -> int:
    """Print the report; 0 good, 1 degraded, 2 broken."""
    findings = diagnose(with_numerics)
    text = json.dumps(as_dict(findings), indent=2) if as_json else as_text(findings)
    sys.stdout.write(text + "\n")
    return EXIT_STATUS[worst(findings)]
