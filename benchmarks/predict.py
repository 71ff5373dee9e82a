"""Steps of training as the cost model predicts them, beside measured ones.

    python benchmarks/predict.py
    python benchmarks/predict.py --only W1,W3 --parts

The workloads W1 to W5 are those of `compare.py`.  The cost model has never seen them: its rates
come from other models (`tensorcore/costs/samples.py`), are measured in some 10 s the first time,
and are measured anew when a kernel has changed, or with --anew.  Epochs of `fit` are the measure:
the fastest of some, since noise only makes them longer.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import workloads

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import keras_models

os.environ.setdefault("TENSORCORE_DEVICE", "cpu")
os.environ.setdefault("TENSORCORE_COMPILE", "foreground")  # kernels are measured

import tensorcore as tc
from tensorcore import costs, keras
from tensorcore.benchmark.text import seconds, table

WITHIN = 0.3
HEAD = ("workload", "measured", "predicted", "error bar", "ratio", "")


def main() -> int:
    """0 if every prediction is within 30 % of what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="W1,W2,W3,W4,W5", help="workloads, by commas")
    parser.add_argument("--parts", action="store_true", help="what takes the time of a step")
    parser.add_argument("--anew", action="store_true", help="measure the rates of the machine anew")
    arguments = parser.parse_args()
    cpu = tc.device("cpu")
    rates = costs.measure_rates(cpu) if arguments.anew else costs.rates_of(cpu)
    lines, parts, far = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        for workload in workloads.named(arguments.only.split(",")):
            print(f"{workload} ...", file=sys.stderr, flush=True)
            data = _data(workload, Path(folder))
            model = keras_models.build(keras, workload)
            (predicted,) = costs.predict(model, *data[:2], data[2], rates=[rates])
            measured = _measured(model, *data)
            ratio = predicted.seconds / measured
            is_near = abs(ratio - 1) <= WITHIN
            far += not is_near
            lines.append(
                [
                    workload,
                    seconds(measured),
                    seconds(predicted.seconds),
                    f"{100 * predicted.error_s / predicted.seconds:.0f} %",
                    f"{ratio:.2f}",
                    "" if is_near else "far",
                ]
            )
            longest = ", ".join(f"{name} {seconds(s)}" for name, s in predicted.parts[:8])
            parts.append(f"{workload}: {longest}")
    print(table(HEAD, lines))
    if arguments.parts:
        print("\n" + "\n".join(parts))
    return 1 if far else 0


def _data(workload: str, parent: Path) -> tuple[Any, Any, int]:
    folder = workloads.prepare(workload, parent, quick=True)
    x, y, batch = (np.load(folder / f"{name}.npy") for name in ("x", "y", "batch"))
    return x, y, int(batch)


def _measured(model: Any, x: Any, y: Any, batch: int) -> float:
    """Seconds of a step: that of the fastest epoch."""
    epochs = []
    begun = time.perf_counter()
    while len(epochs) < 4 or (time.perf_counter() - begun < 3 and len(epochs) < 10):
        start = time.perf_counter()
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        epochs.append((time.perf_counter() - start) / (len(x) // batch))
    return min(epochs)


if __name__ == "__main__":
    sys.exit(main())
