"""Writes `tf2.json`: what real TensorFlow gives for `tf2_expressions.py`.

pip install tensorflow && python tests/golden/make_tf2.py
"""

import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf2_expressions as expressions  # noqa: E402


def evaluate(expression):
    space = {"tf": tf, "np": np}
    exec(expressions.SETUP, space)
    return eval(expression, space)


def value_of(expression):
    try:
        return evaluate(expression)
    except Exception as error:
        raise SystemExit(f"TensorFlow refuses {expression}: {error}") from error


def described(value):
    if isinstance(value, int):
        return {"repr": repr(value)}
    found = {"dtype": value.dtype.name, "shape": list(value.shape)}
    found |= {"repr": repr(value), "str": str(value)}
    if value.dtype != tf.string:
        found["values"] = np.asarray(value.numpy(), np.float64).tolist()
    return found


def message(expression):
    try:
        evaluate(expression)
    except Exception as error:
        return {"class": type(error).__name__, "message": str(error).partition(" [Op:")[0]}
    raise SystemExit(f"TensorFlow takes {expression}")


golden = {"tensorflow": tf.__version__}
golden["values"] = {text: described(value_of(text)) for text in expressions.VALUES}
for text in expressions.DRAWN:
    found = value_of(text)
    golden["values"][text] = {"dtype": found.dtype.name, "shape": list(found.shape)}


def plain(value):
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, bytes):
        return value.decode()
    return value.tolist()


def pipeline(text):
    space = {"tf": tf, "np": np, "D": tf.data.Dataset, "x": np.arange(12)}
    dataset = eval(text, space)
    return {
        "elements": [plain(element) for element in dataset.as_numpy_iterator()],
        "spec": repr(dataset.element_spec),
        "cardinality": int(dataset.cardinality()),
    }


golden["pipelines"] = {text: pipeline(text) for text in expressions.PIPELINES}
golden["errors"] = {text: message(text) for text in expressions.ERRORS}
(HERE / "tf2.json").write_text(json.dumps(golden, indent=0) + "\n")
print(len(golden["values"]), "values,", len(golden["errors"]), "errors")
