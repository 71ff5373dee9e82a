"""Names that TensorFlow 1 had elsewhere, or that are not there, with what to do about them."""

from __future__ import annotations

import importlib
from typing import Any

from tensorcore import missing as words
from tensorcore.errors import MissingNameError

_LAZY = {
    "keras": "tensorcore.keras",
    "compat": "tensorcore.tf.compat",
    "errors": "tensorcore.tf.errors",
    "data": "tensorcore.tf.data",
    "io": "tensorcore.tf.io",
}
_QUEUES = "input queues are not there: feed NumPy arrays through feed_dict, batch by batch"
_REMEDIES = {
    "estimator": "use tf.keras: model.compile and model.fit",
    "FIFOQueue": _QUEUES,
    "RandomShuffleQueue": _QUEUES,
    "TFRecordReader": _QUEUES,
    "TextLineReader": _QUEUES,
    "WholeFileReader": _QUEUES,
    "placeholder_with_defaults": "it is called tf.placeholder_with_default",
    "sparse_placeholder": "sparse tensors are not there; use dense ones",
    "SparseTensor": "sparse tensors are not there; use dense ones",
    "saved_model": "use tf.train.Saver",
    "enable_eager_execution": "leave it out: in `from tensorcore import tf` everything is eager",
    "test": "use Python's unittest or pytest",
    "import_graph_def": "graphs are programs here; run the program that made it",
    "GradientTape": "in this world use tf.gradients; for tapes say `from tensorcore import tf`",
}


def find(name: str) -> Any:
    """The module of this name; or an error that says what to use in place of the name."""
    import tensorcore.tf.compat.v1 as v1

    if name in _LAZY:
        return importlib.import_module(_LAZY[name])
    if name in _REMEDIES:
        raise MissingNameError(f"tf.{name} is not there: {_REMEDIES[name]}", name=name)
    known = [known for known in dir(v1) if not known.startswith("_")]
    raise words.attribute("tensorcore.tf.compat.v1", name, known)
