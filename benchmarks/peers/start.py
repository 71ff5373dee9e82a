"""What a program pays before it trains: run in a fresh process, prints one JSON object.

    python start.py import MODULE            seconds of an import statement
    python start.py first MODULE X.npy Y.npy seconds of the first step of `fit`, after the imports
    python start.py memory MODULE X.npy Y.npy bytes that one epoch of `fit` adds to NumPy and data
    python start.py private MODULE X.npy Y.npy  of these, what is no file: libraries are left out

MODULE has the names of Keras, such as `keras` or `tensorcore.keras`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def imported(module: str) -> float:
    """Seconds of `import module`."""
    start = time.perf_counter()
    importlib.import_module(module)
    return time.perf_counter() - start


def first_step(module: str, x_file: str, y_file: str) -> float:
    """Seconds of making W1's model and of `fit` on its first batch."""
    import numpy as np

    keras: Any = importlib.import_module(module)
    x, y = np.load(x_file, mmap_mode="r")[:32].copy(), np.load(y_file)[:32]
    start = time.perf_counter()
    model = _model(keras)
    model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    return time.perf_counter() - start


def memory(module: str, x_file: str, y_file: str) -> int:
    """Bytes that training W1 takes at most, above NumPy and the data."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    return _added(module, x_file, y_file, "VmRSS", "VmHWM")


def private(module: str, x_file: str, y_file: str) -> int:
    """Bytes that the process has for itself after the training, above NumPy and the data."""
    return _added(module, x_file, y_file, "RssAnon", "RssAnon")


def _added(module: str, x_file: str, y_file: str, before: str, after: str) -> int:
    import numpy as np

    x, y = np.load(x_file), np.load(y_file)
    at_first = _status(before)
    keras: Any = importlib.import_module(module)
    _model(keras).fit(x, y, batch_size=32, epochs=1, verbose=0)
    return _status(after) - at_first


def _model(keras: Any) -> Any:
    sys.path.insert(0, str(Path(__file__).parent))
    from keras_models import build

    return build(keras, "W1 b32")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status does not say {name}")


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    functions = {"import": imported, "first": first_step, "memory": memory, "private": private}
    print(json.dumps(functions[what](*arguments)))
