"""Which names that TensorFlow's users use are here, and which are not and why.

    python benchmarks/tf_names.py api-frequency.csv --files 20

The table has the columns name, files (in how many files of public programs the name occurs) and
others, which are not read.  Names beginning with tf are looked up in `tensorcore.tf`, then in
`tensorcore.tf.compat.v1`; Dataset.x in its class, keras.x in `tensorcore.keras`.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import warnings

PLACES = {
    "tf": ("tensorcore.tf", "tensorcore.tf.compat.v1"),
    "keras": ("tensorcore.keras",),
    "tensorflow_datasets": ("tensorcore.tfds",),
    "tensorflow_hub": ("tensorcore.hub",),
}
CLASSES = {
    "Checkpoint": "tf.train.Checkpoint",
    "Dataset": "tf.data.Dataset",
    "GradientTape": "tf.GradientTape",
    "History": "keras.callbacks.History",
    "Layer": "keras.layers.Layer",
    "Metric": "keras.metrics.Metric",
    "Model": "keras.Model",
    "Optimizer": "keras.optimizers.Optimizer",
    "Session": "tf.Session",
    "Tensor": "tf.Tensor",
}
OF_INSTANCES = {"History.history"}
LEFT_OUT = ("tpu", "TPU", "estimator", "contrib", "serving", "distribute", "dtensor", "lite")


def find(name: str) -> str:
    """Where the name is; empty if it is nowhere."""
    plain = name.removesuffix(" (overridden)")
    if plain.startswith("class("):
        plain = plain[6:-1]
    if plain in OF_INSTANCES:
        return "instances"
    head, _, rest = plain.partition(".")
    if head in CLASSES:
        return find(f"{CLASSES[head]}.{rest}")
    for module in PLACES.get(head, ()):
        value = importlib.import_module(module)
        try:
            for part in filter(None, rest.split(".")):
                value = getattr(value, part)
        except AttributeError:
            continue
        return module
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table")
    parser.add_argument("--files", type=int, default=20, help="names used by so many files or more")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with open(args.table, newline="") as file:
        names = [row["name"] for row in csv.DictReader(file) if int(row["files"]) >= args.files]
    present: dict[str, list[str]] = {}
    for name in names:
        where = find(name)
        if not where and any(word in name for word in LEFT_OUT):
            where = "left out"
        present.setdefault(where or "missing", []).append(name)
    for where in sorted(present):
        print(f"{len(present[where]):4} {where}")
    for where in ("left out", "missing"):
        for name in present.get(where, ()):
            print(f"{where}: {name}")


if __name__ == "__main__":
    main()
