"""Asks real TensorFlow what the programs of `tf1_programs.py` give.

    python tests/golden/make_tf1.py

writes tests/golden/tf1.npz.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow.compat.v1 as tf
import tf1_programs as programs


def main() -> None:
    tf.disable_v2_behavior()
    found = {}
    for expression in programs.EXPRESSIONS:
        for number, value in enumerate(programs.evaluate(tf, expression)):
            found[f"{expression} #{number}"] = value
    for optimizer in programs.OPTIMIZERS:
        values, names = programs.train(tf, optimizer)
        found[f"{optimizer} names"] = np.array(names)
        for number, value in enumerate(values):
            found[f"{optimizer} #{number}"] = value
    path = os.path.join(os.path.dirname(__file__), "tf1.npz")
    np.savez_compressed(
        path, **{f"a{n}": v for n, v in enumerate(found.values())}, keys=list(found)
    )
    print(f"TensorFlow {tf.__version__}: {len(found)} arrays, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
