"""The process in which competitors run: `python worker.py MODULE`, asked through its input.

Each line of the input is one JSON object, and is answered by one:

    {"do": "setup", "competitor": name, "workload": name, "data": folder, "device": "cpu" | "gpu"}
                       make it ready and warm; the answer is that of a round
    {"do": "round", "at_least_s": seconds}
                       rounds of the competitor for so long, or one: {"seconds": ..., "steps": ...}
    {"do": "drop"}     forget it
    {"do": "versions"}

MODULE is a file beside this one.  Its `COMPETITORS` maps names to functions
`(workload, data, device) -> round`; a round trains or predicts for some steps, waits until all is
done, and returns the number of steps; `round.parameters()` may say how many numbers are trained.
`forget()` of the module gives memory back.  A workload that a competitor has no program for raises
`NotImplementedError`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

# What is compiled after some runs is part of a training: ours go over to it at the 32nd.
WARM_STEPS = 40
WARM_S = 20.0  # but no longer than this


class Data(dict[str, Any]):
    """The arrays of a workload, mapped from files so that all processes share their memory."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        for path in sorted(Path(folder).glob("*.npy")):
            mapped = np.load(path, mmap_mode="r" if path.stem in "xy" else None)
            self[path.stem] = np.asarray(mapped)  # a plain array, as programs have it


def answer(module: Any, request: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked."""
    if request["do"] == "versions":
        return {"versions": module.versions()}
    if request["do"] == "setup":
        data = Data(request["data"])
        make = module.COMPETITORS[request["competitor"]]
        state["round"] = make(request["workload"], data, request["device"])
        warm(state["round"])
        found = {"ready": True, **timed(state["round"])}
        if hasattr(state["round"], "parameters"):
            found["parameters"] = state["round"].parameters()
        return found
    if request["do"] == "drop":
        state.clear()
        gc.collect()
        getattr(module, "forget", int)()
        return {"dropped": True}
    return timed(state["round"], request.get("at_least_s", 0.0))


def warm(round: Any) -> None:
    """Run a competitor until it has compiled what it compiles."""
    start = time.perf_counter()
    steps = round()
    while steps < WARM_STEPS and time.perf_counter() - start < WARM_S:
        steps += round()


def timed(round: Any, at_least_s: float = 0.0) -> dict[str, Any]:
    """Seconds and steps of one round, or of several that take so long together."""
    start = time.perf_counter()
    steps = round()
    while time.perf_counter() - start < at_least_s:
        steps += round()
    return {"seconds": time.perf_counter() - start, "steps": steps}


def main() -> None:
    """Answer until the input ends."""
    # What libraries print must not come between the answers.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.path.insert(0, str(Path(__file__).parent))
    module = importlib.import_module(sys.argv[1])
    state: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            found = answer(module, json.loads(line), state)
        except NotImplementedError as missing:
            found = {"absent": str(missing) or "no program for this workload"}
        except Exception as problem:
            traceback.print_exc()
            found = {"error": f"{type(problem).__name__}: {problem}"[:500]}
        replies.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
