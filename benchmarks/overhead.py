"""What one operation costs beside NumPy's own: `python benchmarks/overhead.py [--json]`.

Rows are measured side by side in one run; look at the ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

os.environ.setdefault("TENSORCORE_DEVICE", "cpu")
os.environ.setdefault("TENSORCORE_COMPILE", "foreground")  # kernels are measured

import numpy as np
from measure import save, time_us

import tensorcore as tc
from tensorcore import keras


def import_time(statement: str, rounds: int = 9) -> float:
    """Seconds that a fresh Python needs for an import statement."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    # As for every user after the first start, with compiled files there.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    runs = [
        float(subprocess.run(command, capture_output=True, text=True, env=env).stdout)
        for _ in range(rounds + 1)
    ]
    return statistics.median(runs[1:])


def small_operations() -> list[dict]:
    """Operations on small arrays against the NumPy call that does the same."""
    a, m = np.ones(8, np.float32), np.ones((32, 32), np.float32)
    x, y, matrix = tc.asarray(a), tc.asarray(a.copy()), tc.asarray(m)

    def taped() -> None:
        with tc.GradientTape() as tape:
            tape.watch(x)
            for _ in range(20):
                x + y

    pairs = [
        ("add, 8 floats", lambda: a + a, lambda: x + y, 1),
        ("add a number", lambda: a + np.float32(1), lambda: x + 1.0, 1),
        ("add, taped", lambda: a + a, taped, 20),
        ("exp, 8 floats", lambda: np.exp(a), lambda: tc.exp(x), 1),
        ("sum, 8 floats", lambda: np.sum(a), lambda: tc.sum(x), 1),
        ("matmul 32 x 32", lambda: m @ m, lambda: matrix @ matrix, 1),
        ("x[1:3]", lambda: a[1:3], lambda: x[1:3], 1),
    ]
    rows = []
    for name, numpy_call, our_call, calls in pairs:
        ours = time_us(our_call)["median_us"] / calls
        theirs = time_us(numpy_call)["median_us"]
        rows.append({"what": name, "us": ours, "numpy_us": theirs, "ratio": ours / theirs})
    return rows


def w1_model() -> keras.Sequential:
    """W1: Flatten 28 x 28, Dense 128 relu, Dropout 0.2, Dense 10 softmax."""
    return keras.Sequential(
        [
            keras.layers.Flatten(input_shape=(28, 28)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def training() -> list[dict]:
    """A layer on one sample, and training steps of W1."""
    rng = np.random.default_rng(0)
    layer = keras.layers.Dense(10)
    sample = tc.asarray(rng.random((1, 128), np.float32))
    layer(sample)
    rows = [{"what": "Dense(10) on one sample of 128", **time_us(lambda: layer(sample))}]
    for batch in (32, 128, 512):
        model = w1_model()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        x = tc.asarray(rng.random((batch, 28, 28), np.float32))
        y = tc.asarray(rng.integers(0, 10, batch))
        for name, step in (("eager", model.train_step), ("traced", model.step("train_step"))):
            for _ in range(3):
                step((x, y))
            what = f"training step of W1, batch {batch}, {name}"
            rows.append({"what": what, **time_us(lambda step=step, x=x, y=y: step((x, y)), 1.0)})
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="write benchmarks/results/overhead-cpu.json"
    )
    arguments = parser.parse_args()
    numpy_s, ours_s = import_time("import numpy"), import_time("import tensorcore")
    print(
        f"import numpy {numpy_s:.3f} s, import tensorcore {ours_s:.3f} s: {ours_s - numpy_s:+.3f} "
        f"s\n"
    )
    rows = small_operations()
    print(f"{'operation':20} {'tensorcore':>12} {'NumPy':>10} {'ratio':>7}")
    for row in rows:
        print(f"{row['what']:20} {row['us']:9.2f} us {row['numpy_us']:7.2f} us {row['ratio']:7.1f}")
    steps = training()
    print()
    for row in steps:
        print(
            f"{row['what']:44} {row['median_us']:9.1f} us  ({row['min_us']:.1f} to "
            f"{row['max_us']:.1f})"
        )
    if arguments.json:
        imports = {"numpy_s": numpy_s, "tensorcore_s": ours_s}
        print("\nwritten:", save("overhead-cpu", rows + steps, device="cpu", imports=imports))


if __name__ == "__main__":
    main()
