"""Files and numbers of real TensorFlow for tests/test_records.py.

Run by hand in an environment with TensorFlow: python tests/golden/make_records.py
With the argument `read FOLDER` it reads there what tests/test_records.py wrote (`TENSORCORE_KEEP`).
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import tensorflow as tf
from make_records_specs import CSV, example_values, specs

FOLDER = Path(__file__).resolve().parent / "records"
SPECS = specs(tf)
NAMES = ("label", "name", "steps", "weights", "words")


def plain(value):
    if isinstance(value, tf.SparseTensor):
        return {
            "indices": plain(value.indices),
            "values": plain(value.values),
            "shape": plain(value.dense_shape),
        }
    array = value.numpy()
    if isinstance(array, bytes):
        return {"bytes": base64.b64encode(array).decode()}
    if array.dtype == object:
        flat = [base64.b64encode(text).decode() for text in array.ravel()]
        return {"texts": flat, "shape": list(array.shape)}
    return {"dtype": array.dtype.name, "values": array.tolist()}


def write():
    FOLDER.mkdir(exist_ok=True)
    made = list(example_values(tf))
    for name, kind in (("plain", ""), ("gzip", "GZIP"), ("zlib", "ZLIB")):
        with tf.io.TFRecordWriter(str(FOLDER / f"{name}.tfrecord"), kind) as writer:
            for example in made:
                writer.write(example.SerializeToString(deterministic=True))
    texts = [example.SerializeToString(deterministic=True) for example in made]
    (FOLDER / "table.csv").write_text(CSV)
    numbers = {
        "single": [
            {k: plain(v) for k, v in tf.io.parse_single_example(text, SPECS).items()}
            for text in texts
        ],
        "batch": {k: plain(v) for k, v in tf.io.parse_example(texts, SPECS).items()},
        "shown": [str(made[2].features.feature[name]) for name in NAMES],
        "tensors": {
            name: base64.b64encode(tf.io.serialize_tensor(value).numpy()).decode()
            for name, value in TENSORS.items()
        },
        "csv": [
            [plain(v) for v in batch.values()]
            for batch in tf.data.experimental.make_csv_dataset(
                str(FOLDER / "table.csv"), 2, num_epochs=1, shuffle=False
            )
        ],
        "decoded": [
            plain(column)
            for column in tf.io.decode_csv(["1;NA;'a'", ";2.5;"], [[7], 0.5, ""], ";", True, "NA")
        ],
    }
    (FOLDER / "numbers.json").write_text(json.dumps(numbers, indent=1))


TENSORS = {
    "float32": tf.constant([[1.5, -2.0]]),
    "int8": tf.constant([1, -1], tf.int8),
    "bfloat16": tf.constant([1.5], tf.bfloat16),
    "bool": tf.constant(True),
    "string": tf.constant([["a", ""]]),
    "int64": tf.zeros((0, 3), tf.int64),
}


def read(folder):
    for name, kind in (("plain", ""), ("gzip", "GZIP"), ("zlib", "ZLIB")):
        theirs = list(tf.data.TFRecordDataset(str(Path(folder) / f"{name}.tfrecord"), kind))
        ours = [example.SerializeToString(deterministic=True) for example in example_values(tf)]
        print(name, [text.numpy() for text in theirs] == ours)


if __name__ == "__main__":
    read(sys.argv[2]) if sys.argv[1:2] == ["read"] else write()
