"""Python and the installed packages."""

from __future__ import annotations

import importlib.metadata
import platform
import re

from tensorcore.doctor.finding import BROKEN, Finding

_OPTIONAL = {
    "cupy": "NVIDIA GPUs",
    "matplotlib": "pictures",
    "tensorboardx": "TensorBoard logs",
    "onnx": "ONNX files",
}


def installed() -> dict[str, str]:
    """The installed distributions: lower-case name -> version."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found[name.lower().replace("_", "-")] = distribution.version
    return found


def required() -> list[str]:
    """The names of the packages that tensorcore cannot do without."""
    try:
        lines = importlib.metadata.requires("tensorcore") or []
    except importlib.metadata.PackageNotFoundError:
        return ["numpy", "numba"]
    core = [line for line in lines if "extra ==" not in line]
    names = [re.match(r"[A-Za-z0-9._-]+", line) for line in core]
    return [name.group().lower().replace("_", "-") for name in names if name]


def cupy_wheels(packages: dict[str, str]) -> list[str]:
    """The CuPy distributions among the packages: there should be one at most."""
    return sorted(name for name in packages if re.fullmatch(r"cupy(-cuda\w+|-rocm.*)?", name))


def check() -> list[Finding]:
    """Python's version, the packages that are needed, and those that add something."""
    packages = installed()
    findings = [Finding("Python", f"{platform.python_version()} on {platform.platform()}")]
    names = required()
    there = [f"{name} {packages[name]}" for name in names if name in packages]
    missing = [name for name in names if name not in packages]
    findings.append(Finding("packages", ", ".join(there)))
    if missing:
        findings.append(
            Finding("packages", f"missing: {', '.join(missing)}", BROKEN, "pip install tensorcore")
        )
    extras = [
        f"{name} {packages[name]}" if name in packages else f"{name} not there ({purpose})"
        for name, purpose in _OPTIONAL.items()
        if name != "cupy"
    ]
    return [*findings, Finding("optional packages", ", ".join(extras))]
