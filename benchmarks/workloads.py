"""The workloads that are compared, and their data: real data sets where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

# group -> its workloads
GROUPS = {
    "W1": ("W1 b32", "W1 b128", "W1 b512"),
    "W2": ("W2",),
    "W3": ("W3",),
    "W4": ("W4",),
    "W5": ("W5",),
    "W7": ("W7 one", "W7 10000"),
    "W8": ("W8",),
    "W9": ("W9",),
    "kernels": (),
    "start": (),
}
# Those that are measured when none is named; W8 and W9 are made for a GPU.  On a GPU the most
# telling ones come first, since a run there may be cut off.
USUAL = {
    "cpu": ("W1", "W2", "W3", "W4", "W5", "W7", "start"),
    "gpu": ("kernels", "W1", "W3", "W2", "W5", "W4", "W9", "W8"),
}
BATCH = {"W1 b32": 32, "W1 b128": 128, "W1 b512": 512, "W2": 32, "W3": 512, "W4": 64, "W5": 16}
BATCH |= {"W8": 256, "W9": 16}
SAMPLES = {"W1": 60000, "W2": 6400, "W3": 25000, "W4": 1280, "W5": 128, "W8": 2048, "W9": 1024}
QUICK_STEPS = {"W1": 400, "W2": 40, "W3": 40, "W4": 6, "W5": 3, "W8": 8, "W9": 16}
# A GPU needs more steps in an epoch, so that the epoch's beginning and end do not count much.
GPU_STEPS = {"W1": 1024, "W2": 512, "W3": 256, "W4": 256, "W5": 64, "W8": 8, "W9": 64}
MOST_GPU_ROWS = 1 << 17
# What the models of W8 and W9 are called with (`peers/keras_models.py`): image, classes, width; and
# places, words, width, heads, wide, blocks, classes.
SIZES = {"W8": (224, 1000, 64), "W9": (512, 10000, 1024, 16, 4096, 4, 10)}
# For a rehearsal: so small that an emulated device takes seconds.
TINY_SIZES = {"W8": (33, 5, 4), "W9": (8, 20, 16, 2, 32, 1, 3)}
TINY_BATCH = 4
TINY_STEPS = 2


def named(groups: list[str]) -> list[str]:
    """The workloads of these groups."""
    return [workload for group in groups for workload in GROUPS[group]]


def prepare(
    workload: str, parent: Path, quick: bool, device: str = "cpu", tiny: bool = False
) -> Path:
    """Write the arrays of a workload into a folder of files, and return it."""
    folder = parent / workload.replace(" ", "_")
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    kind = workload.split()[0]
    if kind == "W7":
        images = _images()[0]
        one = workload == "W7 one"
        arrays: dict[str, Any] = {"x": images[:1] if one else images[:10000]}
        arrays["times"] = np.array((100 if quick else 500) if one else (3 if quick else 10))
    else:
        arrays = _training(workload, quick, device, tiny)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def _training(workload: str, quick: bool, device: str, tiny: bool) -> dict[str, Any]:
    kind = workload.split()[0]
    batch = TINY_BATCH if tiny else BATCH[workload]
    if tiny:
        samples = TINY_STEPS * batch
    elif device == "gpu":
        samples = min(GPU_STEPS[kind] * batch, MOST_GPU_ROWS)
    else:
        samples = min(SAMPLES[kind], QUICK_STEPS[kind] * batch if quick else SAMPLES[kind])
    if kind in SIZES:
        sizes = (TINY_SIZES if tiny else SIZES)[kind]
        x, y = (_large_images if kind == "W8" else _words)(samples, *sizes)
        return {"x": x, "y": y, "batch": np.array(batch), "sizes": np.array(sizes)}
    x, y = {"W1": _images, "W2": _images, "W3": _reviews, "W4": _photos, "W5": _texts}[kind]()
    x = x[..., None] if kind == "W2" else x
    if device == "cpu":
        samples = min(samples, len(x))
    samples -= samples % batch  # the peers' loops leave the last, smaller batch out
    rows: Any = np.arange(samples) % len(x) if samples > len(x) else slice(samples)
    return {"x": x[rows], "y": y[rows], "batch": np.array(batch)}


def _large_images(samples: int, size: int, classes: int, width: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (samples, size, size, 3), np.uint8)
    return x, rng.integers(0, classes, samples).astype(np.int32)


def _words(samples: int, length: int, words: int, *rest: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, words, (samples, length)).astype(np.int32)
    return x, rng.integers(0, rest[-1], samples).astype(np.int32)


def _images() -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST in [0, 1], or drawn images where it is not there."""
    from tensorcore import keras

    os.environ.setdefault("TENSORCORE_OFFLINE", "1")
    try:
        (x, y), _ = keras.datasets.fashion_mnist.load_data()
    except OSError:
        rng = np.random.default_rng(0)
        return rng.random((60000, 28, 28), np.float32), rng.integers(0, 10, 60000).astype(np.int32)
    return (x / np.float32(255)).astype(np.float32), y.astype(np.int32)


def _reviews() -> tuple[np.ndarray, np.ndarray]:
    """IMDB: the last 256 of the 10,000 most frequent words, then the pad id; or drawn rows."""
    path = Path(os.environ.get("TENSORCORE_DATA_DIR", ""), "imdb", "imdb.npz")
    rng = np.random.default_rng(0)
    if not path.is_file():
        print("W3: TENSORCORE_DATA_DIR has no imdb/imdb.npz, rows are drawn")
        lengths = np.minimum(256, rng.lognormal(5.2, 0.6, 25000).astype(int))
        words = np.minimum(rng.zipf(1.3, (25000, 256)) + 3, 9999)
        x = np.where(np.arange(256) < lengths[:, None], words, 0)
        return x.astype(np.int32), rng.integers(0, 2, 25000).astype(np.int32)
    with np.load(path, allow_pickle=True) as file:  # the data set is made of Python lists
        rows, labels = file["x_train"], file["y_train"]
    x = np.zeros((len(rows), 256), np.int32)
    for target, row in zip(x, rows, strict=True):
        ids = [1, *(word + 3 if word + 3 < 10000 else 2 for word in row)][-256:]
        target[: len(ids)] = ids
    order = rng.permutation(len(x))
    return x[order], labels[order].astype(np.int32)


def _photos() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((1280, 32, 32, 3), np.float32), rng.integers(0, 10, 1280).astype(np.int32)


def _texts() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 128, 256)).astype(np.float32)
    return x, rng.normal(size=x.shape).astype(np.float32)


def gpu_problem(emulated_too: bool = False) -> str | None:
    """Why nothing can be timed on a GPU here; None if it can."""
    import tensorcore as tc
    from tensorcore.benchmark.machine import refuse_emulated

    try:
        device = tc.device("gpu")
        if not emulated_too:
            refuse_emulated(device)
    except tc.TensorcoreError as problem:
        return str(problem)
    return None
