"""The page results/gpu.md: what was measured on a GPU; without a result file, that nothing was.

python benchmarks/gpu_page.py     writes it from results/compare-gpu.json
"""

from __future__ import annotations

import json
from typing import Any

import targets
from measure import RESULTS

HEAD = """# On a GPU

Made by `benchmarks/run_gpu.sh`. Steps are those of `model.fit` on arrays of the host; loops of
peers have theirs on the GPU. W1 to W5 are in float32 for all, W8 (ResNet-18, 224 x 224, batch 256)
and W9 (transformer of width 1024, 16 x 512 words) in mixed bfloat16.
"""


def page(result: dict[str, Any] | None) -> str:
    """The page of a result file; None: there is none."""
    lines = targets.table([], "gpu") if result is None else result["table"]
    rows = [targets.TITLES, ["---"] * len(targets.TITLES), *map(targets.cells, lines)]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([HEAD, _machine(result), "", text, ""])


def _machine(result: dict[str, Any] | None) -> str:
    if result is None:
        return "No GPU was at hand: not measured."
    noted = result["machine"]
    versions = {"tensorcore": noted["tensorcore"], **result["versions"]}
    versions |= {key: noted[key] for key in ("cupy", "cuda_runtime", "driver") if key in noted}
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    words = f"{noted['devices']['gpu:0']}; {said}; {noted['date']}; commit {noted['commit']}."
    return "A rehearsal, whose figures mean nothing: " + words if result["rehearsed"] else words


def main() -> None:
    """Write the page."""
    path = RESULTS / "compare-gpu.json"
    result = json.loads(path.read_text()) if path.exists() else None
    (RESULTS / "gpu.md").write_text(page(result))


if __name__ == "__main__":
    main()
